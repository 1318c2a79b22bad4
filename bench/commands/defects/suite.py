"""A broken controller against the whole suite, under several seeds: in how many does the requirement that it breaks say FAIL?

The suite sees it as it would see a stranger's: by CAN, Modbus, meters, log and commands. ERROR, INCONCLUSIVE and the FAIL of
another requirement do not count. The tests related to the requirement run first: what a test shows depends on the seed and on
its own name alone, so a FAIL of one of them is one of the whole suite. That runs for what is left.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from v2g_bench.qualification.defects.catalogue import Defect

RELATED, WHOLE = "related tests", "whole suite"
BESIDE = frozenset({"LOG-06", "SCN-01"})  # judged in every test and in every scenario: they may say FAIL as well


@dataclass(frozen=True)
class Certified:
    """What came of one run: requirement -> verdict of everything that ran, and the reasons of the one it is about."""

    tested: dict[str, str]
    message: str


@dataclass(frozen=True)
class Attempt:
    """What one seed showed. by: RELATED or WHOLE, "" where nothing found it; right: found, and for the defect's reason."""

    seed: int
    found: bool
    by: str
    right: bool
    blamed: frozenset[str]
    certified: Certified


Certify = Callable[[Defect, int, bool], Certified]
"""(defect, seed, whole suite or related tests)."""


def attempt(certify: Certify, defect: Defect, seed: int) -> Attempt:
    """One seed."""
    certified = Certified({}, "")
    for by in (RELATED, WHOLE):
        certified = certify(defect, seed, by == WHOLE)
        if certified.tested.get(defect.check) == "FAIL":
            right = re.search(defect.reason, certified.message, re.DOTALL) is not None
            failed = {check for check, verdict in certified.tested.items() if verdict in ("FAIL", "ERROR")}
            blamed = failed - {defect.check} - BESIDE if defect.alone and by == RELATED else set()
            return Attempt(seed, True, by, right, frozenset(blamed), certified)
    return Attempt(seed, False, "", False, frozenset(), certified)


def attempts(certify: Certify, defect: Defect, seeds: Sequence[int]) -> list[Attempt]:
    """Each seed."""
    return [attempt(certify, defect, seed) for seed in seeds]


def in_words(tried: Sequence[Attempt]) -> str:
    """
    >>> in_words([Attempt(1, True, RELATED, True, frozenset(), Certified({}, "")),
    ...           Attempt(2, False, "", False, frozenset(), Certified({}, ""))])
    'found in 1 of 2 seeds, by related tests'
    """
    by = sorted({one.by for one in tried if one.found})
    return f"found in {sum(one.found for one in tried)} of {len(tried)} seeds" + (
        f", by {' and '.join(by)}" if by else ""
    )
