"""How far the verdict of a run reaches: which mandatory requirements of its profile were tested and met, in words that cannot
be taken for more.

>>> ranges(["EMC-01", "EMC-02", "EMC-03", "SAF-01", "ACME"])
'EMC-01 to EMC-03, SAF-01, ACME'
"""

import re
from collections.abc import Iterable

from v2g_bench.reports.model.foreign import MORE_TESTS, NONE_SHIPPED, OTHER_TESTS, OTHER_WORDING, begins
from v2g_bench.reports.model.run import Requirement, Run
from v2g_bench.reports.model.verdicts import (
    ERROR,
    FAIL,
    INCONCLUSIVE,
    NOT_APPLICABLE,
    NOT_TESTED,
    PASS,
    VERDICTS,
)

PARTIAL = "PARTIAL"
DEVELOPERS_RUN = "DEVELOPER'S RUN"
_OTHER_TITLES = (
    ((NONE_SHIPPED,), "Test of a V2G controller by requirements of another suite"),
    ((OTHER_TESTS, OTHER_WORDING), "Test of a V2G controller by tests that do not ship with the bench"),
    ((MORE_TESTS,), "V2G controller certification, with further tests"),
)
NO_STATEMENT = "This is no statement on the safety of the controller as a whole."
_NUMBERED = re.compile(r"(.*?)(\d+)")


def partial(run: Run) -> bool:
    """Whether less was shown than the profile demands: a mandatory requirement was not tested, or is not claimed."""
    return run.profile is not None and any(one.verdict in (NOT_TESTED, NOT_APPLICABLE) for one in _demanded(run))


def title(run: Run) -> str:
    """The heading of the report: it reads as a certification where the shipped suite was run, and nowhere else."""
    others = [one for kinds, one in _OTHER_TITLES if any(begins(text, kinds) for text in run.deviations)]
    heading = others[0] if others else run.title
    before = [*([DEVELOPERS_RUN] if run.developers else []), *([PARTIAL] if partial(run) else [])]
    return ": ".join([*before, heading])


def headline(run: Run) -> str:
    """The verdict as page 1 has it: never a bare PASS for a run that is partial, or judged otherwise than the suite states."""
    return f"{_of_verdict(run)} · {DEVELOPERS_RUN}" if run.developers else _of_verdict(run)


def _of_verdict(run: Run) -> str:
    if partial(run):
        return PARTIAL if run.verdict in (PASS, NOT_TESTED) else f"{run.verdict} · {PARTIAL}"
    return f"{run.verdict} · WITH DEVIATIONS" if run.verdict == PASS and run.deviations else run.verdict


def tone(run: Run) -> str:
    """The verdict in whose colours the headline is set."""
    if run.verdict == PASS and partial(run):
        return NOT_TESTED
    return INCONCLUSIVE if run.verdict == PASS and (run.deviations or run.developers) else run.verdict


def verdict_sentence(run: Run, *, untested: bool = True) -> str:
    """What the verdict of the run rests on: what was not met or not decided first, then the share that was, then the rest.

    untested: with the ids of what was not tested or does not apply.
    """
    parts = [f"{title}: {_ids(run, verdict)}." for verdict, title in _FIRST.items() if _ids(run, verdict)]
    demanded, met = _demanded(run), [one for one in _demanded(run) if one.verdict == PASS]
    of = f"mandatory requirements of profile {run.profile.name}" if run.profile else "requirements"
    if any(begins(text, [NONE_SHIPPED]) for text in run.deviations):
        parts.append(f"{NONE_SHIPPED.capitalize()}: these are requirements of another suite.")
    if any(begins(text, [OTHER_TESTS, OTHER_WORDING]) for text in run.deviations):
        parts.append(
            "What follows is by tests or requirements of somebody else, not by the shipped ones (see the deviations)."
        )
    if not demanded:
        parts.append("No requirement was tested.")
    elif len(met) == len(demanded):
        parts.append(f"All {len(met)} {of} were tested and met.")
    else:
        parts.append(f"{PARTIAL + ': ' if partial(run) else ''}{len(met)} of {len(demanded)} {of} were tested and met.")
    for verdict, title in (
        (NOT_TESTED, "Not tested"),
        (NOT_APPLICABLE, "Not claimed" if run.profile else "Not applicable"),
    ):
        for mandatory, kind in ((True, ""), (False, ", and not mandatory")):
            if untested and (ids := _ids(run, verdict, mandatory=mandatory)):
                parts.append(f"{title}{kind}: {ids}.")
    if partial(run):
        parts.append(NO_STATEMENT)
    if demanded and run.verdict not in {one.verdict for one in run.requirements}:
        parts.append("The run did not end in order, so it is not a PASS.")
    return " ".join(parts)


_FIRST = {FAIL: "NOT MET", ERROR: "Not decided, the rig or the test is faulty", INCONCLUSIVE: "Not decided"}


def by_verdict(run: Run) -> list[tuple[int, Requirement]]:
    """The requirements, what was not met or not decided first and what does not apply last; each with its place in the run."""
    return sorted(enumerate(run.requirements, 1), key=lambda one: VERDICTS.index(one[1].verdict))


def ranges(ids: Iterable[str]) -> str:
    """Ids in their order, with those that count on from one another as a range."""
    found: list[list[str]] = []
    for key in ids:
        if found and _next(found[-1][-1]) == key:
            found[-1].append(key)
        else:
            found.append([key])
    return ", ".join(
        one if len(group) < 3 else f"{group[0]} to {group[-1]}"
        for group in found
        for one in (group if len(group) < 3 else group[:1])
    )


def _next(key: str) -> str:
    numbered = _NUMBERED.fullmatch(key)
    return f"{numbered[1]}{int(numbered[2]) + 1:0{len(numbered[2])}}" if numbered else ""


def _demanded(run: Run) -> list[Requirement]:
    """What is mandatory; of a run without a profile all that applied to it."""
    return [one for one in run.requirements if one.mandatory and (run.profile or one.verdict != NOT_APPLICABLE)]


def _ids(run: Run, verdict: str, *, mandatory: bool | None = None) -> str:
    return ranges(one.id for one in run.requirements if one.verdict == verdict and mandatory in (None, one.mandatory))
