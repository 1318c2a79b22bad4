"""Feeds damaged inputs to a target, and keeps what came out that must not.

Allowed is what the target documents: it accepts the input, or it raises one of its error types. A BenchError must also be one
that a person can read on any terminal. Anything else is a finding, and so is an input that takes longer than `HANG_S`.
"""

import random
import re
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mutation import Mutate, mutated

from v2g_bench.errors import BenchError

HANG_S = 20
LONGEST_ERROR = 4000  # characters
CORPUS = Path(__file__).with_name("corpus")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class HangError(BaseException):
    """Not an Exception: nothing on the way may swallow it."""


@dataclass(frozen=True)
class Target:
    """take(data, folder) is fed; folder is empty and its own. seeds: sound inputs, made once in a folder that stays."""

    name: str
    take: Callable[[bytes, Path], object]
    seeds: Callable[[Path], list[bytes]]
    mutate: Mutate = mutated
    errors: tuple[type[Exception], ...] = (BenchError,)


@dataclass
class Outcome:
    """findings: what came out -> (times, the smallest input)."""

    accepted: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    findings: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def __str__(self) -> str:
        found = "".join(f"\n    {count} x {what}\n      {data[:80]!r}" for what, (count, data) in self.findings.items())
        tried = f"{self.accepted + self.refused + sum(count for count, _ in self.findings.values())} inputs"
        return f"{tried}, {self.refused} refused, slowest {self.slowest_s:.2f} s, {len(self.findings)} findings{found}"


def kept(name: str) -> list[Path]:
    """The inputs of a target that once broke it, or its kind."""
    return sorted((CORPUS / name).glob("*"))


def offer(target: Target, data: bytes, folder: Path, outcome: Outcome) -> None:
    """One input."""
    began_s = time.monotonic()
    try:
        with _at_most(HANG_S):
            target.take(data, folder)
        outcome.accepted += 1
    except target.errors as error:
        outcome.refused += 1
        if unfit := _unfit(error):
            _note(outcome, unfit, data)
    except HangError:
        _note(outcome, f"no end within {HANG_S} s", data)
    except Exception as error:  # noqa: BLE001  that is what is looked for
        _note(outcome, _place(error), data)
    outcome.slowest_s = max(outcome.slowest_s, time.monotonic() - began_s)


def fuzz(target: Target, folder: Path, seed: int, seconds: float, most: int | None = None) -> Outcome:
    """Damaged inputs until the time is up, or `most` have been tried; the same seed gives the same inputs."""
    rng, outcome = random.Random(f"{target.name} {seed}"), Outcome()
    (own := folder / target.name).mkdir(exist_ok=True)
    (work := folder / f"{target.name}.work").mkdir(exist_ok=True)
    seeds = target.seeds(own)
    for data in seeds:
        target.take(data, work)  # a seed that is refused would test the refusal alone
    end_s, count = time.monotonic() + seconds, 0
    while time.monotonic() < end_s and (most is None or count < most):
        offer(target, target.mutate(rng, rng.choice(seeds)), work, outcome)
        count += 1
    return outcome


def _unfit(error: Exception) -> str:
    """Why this error is none that can be shown."""
    if not isinstance(error, BenchError):
        return ""
    text = str(error)
    if found := _UNPRINTABLE.search(text):
        return f"an error with the character {found[0]!a}: {text[:120]!a}"
    return f"an error of {len(text)} characters: {text[:120]!a}" if len(text) > LONGEST_ERROR else ""


def _place(error: Exception) -> str:
    ours = [one for one in traceback.extract_tb(error.__traceback__) if "fuzz" not in Path(one.filename).parts]
    at = f"{ours[-1].filename.split('site-packages/')[-1]}:{ours[-1].lineno}" if ours else "the target itself"
    mine = [one for one in ours if "site-packages" not in one.filename and "/lib/python" not in one.filename]
    by = f" below {Path(mine[-1].filename).name}:{mine[-1].lineno}" if mine else ""
    return f"{type(error).__name__} at {at}{by}: {str(error)[:100]!a}"


def _note(outcome: Outcome, what: str, data: bytes) -> None:
    key = next((one for one in outcome.findings if one.split(": ")[0] == what.split(": ")[0]), what)
    count, smallest = outcome.findings.get(key, (0, data))
    outcome.findings[key] = (count + 1, min(smallest, data, key=len))


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    def end(*_: object) -> None:
        raise HangError

    before = signal.signal(signal.SIGALRM, end)
    left_s, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left_s)
        signal.signal(signal.SIGALRM, before)
