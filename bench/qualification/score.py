"""From outcomes to a verdict on the bench: does its interval hold the truth, and is any verdict wrong?

A bench qualifies (PASS) when, over the trials that are not void,

    the interval measured ± U holds the truth in at least 95 % of them,
    no U is larger than 1 ms,
    none truly 1 ms or more beyond the limit is judged PASS, none truly 1 ms or more inside it is judged FAIL,
    and there are as many as were asked for, on both sides of the limit.

>>> fine = Outcome(delay_ms=40, measured_ms=48.5, expanded_ms=0.2, verdict="PASS", true_ms=48.45)
>>> fine.holds, fine.wrong
(True, '')
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from v2g_bench.inputs.ranges import ClockS, SignedPowerW, Within
from v2g_bench.metrology.verdict import Verdict

LIMIT_MS = 50.0
CLEAR_MS = 1.0  # this far from the limit a verdict may not be the wrong one
COVERAGE = 0.95
MOST_EXPANDED_MS = 1.0


Ms = Annotated[float, Within(-86_400_000, 86_400_000)]
ExpandedMs = Annotated[float, Within(0, 86_400_000)]


@dataclass(frozen=True)
class Outcome:
    """One trial. delay_ms: the responder's; true_ms: frame to current gone, by the plant's own record.

    measured_ms, expanded_ms: None where nothing could be measured; void: why it does not count; t0_error_ms and
    t1_error_ms: measured minus true, of the frame's timestamp and of the crossing; control_ms: from the responder's stop to
    the inverter's answer; plant_ms: from that stop to the current truly gone.
    """

    delay_ms: Ms
    power_w: SignedPowerW = 0.0
    phase_s: ClockS = 0.0
    measured_ms: Ms | None = None
    expanded_ms: ExpandedMs | None = None
    verdict: str = ""
    void: str = ""
    note: str = ""
    true_ms: Ms | None = None
    t0_error_ms: Ms | None = None
    t1_error_ms: Ms | None = None
    control_ms: Ms | None = None
    plant_ms: Ms | None = None

    @property
    def error_ms(self) -> float | None:
        """Measured minus true."""
        return None if self.measured_ms is None or self.true_ms is None else self.measured_ms - self.true_ms

    @property
    def holds(self) -> bool:
        """True if measured ± U holds the truth; a trial without a measured value does not."""
        return self.error_ms is not None and self.expanded_ms is not None and abs(self.error_ms) <= self.expanded_ms

    @property
    def wrong(self) -> str:
        """How the verdict is wrong, "" if it is not."""
        if self.true_ms is None:
            return ""
        if self.true_ms >= LIMIT_MS + CLEAR_MS and self.verdict == Verdict.PASS:
            return f"truly {self.true_ms:.2f} ms, judged PASS"
        if self.true_ms <= LIMIT_MS - CLEAR_MS and self.verdict == Verdict.FAIL:
            return f"truly {self.true_ms:.2f} ms, judged FAIL"
        return ""


@dataclass(frozen=True)
class Row:
    """The outcomes of one delay, or of all (delay_ms None). Times in ms; NaN where there is no valid trial."""

    delay_ms: float | None
    valid: int
    voids: int
    true_ms: float
    bias_ms: float
    sd_ms: float
    worst_ms: float
    expanded_ms: float
    held: int
    wrong: int
    verdicts: dict[str, int]

    @property
    def coverage(self) -> float:
        """Share of the valid trials whose interval held the truth; 0 without any."""
        return self.held / self.valid if self.valid else 0.0

    def as_text(self) -> dict[str, str]:
        """Column title to text, for tables."""
        counted = " ".join(f"{count} {name}" for name, count in sorted(self.verdicts.items()))
        return {
            "delay of the responder": "all" if self.delay_ms is None else f"{self.delay_ms:g} ms",
            "true latency": "" if self.delay_ms is None else _ms(self.true_ms, 2),
            "trials": str(self.valid),
            "void": str(self.voids),
            "measured - true, mean": _ms(self.bias_ms, 3),
            "sd": _ms(self.sd_ms, 3),
            "largest": _ms(self.worst_ms, 3),
            "largest U": _ms(self.expanded_ms, 3),
            "truth within U": f"{100 * self.coverage:.0f} %" if self.valid else "",
            "verdicts": counted,
            "wrong": str(self.wrong),
        }


@dataclass(frozen=True)
class Score:
    """The verdict on the bench, why, and the table; saved: void trials whose verdict would have been wrong."""

    verdict: Verdict
    reasons: tuple[str, ...]
    rows: tuple[Row, ...]
    total: Row
    saved: int = 0

    @property
    def text(self) -> str:
        """One sentence."""
        total = self.total
        figures = (
            f"{total.valid} trials, {total.voids} void: truth within U in {100 * total.coverage:.1f} %, "
            f"largest U {_ms(total.expanded_ms, 2)}, {total.wrong} wrong verdicts"
        )
        saved = [f"{self.saved} of the void ones would have been judged wrongly"] if self.saved else []
        return "; ".join([figures, *saved, *self.reasons])


def score(outcomes: Sequence[Outcome], wanted: int) -> Score:
    """Judge the bench by its outcomes; `wanted`: valid trials that were asked for."""
    delays = sorted({one.delay_ms for one in outcomes})
    rows = tuple(_row(delay, [one for one in outcomes if one.delay_ms == delay]) for delay in delays)
    total = _row(None, outcomes)
    wrong = [one.wrong for one in outcomes if not one.void and one.wrong]
    failed, unclear = [], []
    if wrong:
        failed.append(f"wrong verdict: {wrong[0]}" + (f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""))
    if total.valid and total.coverage < COVERAGE:
        failed.append(f"the truth lay within U in {100 * total.coverage:.1f} % of the trials, not in 95 %")
    if total.valid and not total.expanded_ms <= MOST_EXPANDED_MS:
        failed.append(f"U is up to {total.expanded_ms:.2f} ms, more than {MOST_EXPANDED_MS:g} ms")
    if total.valid < wanted:
        unclear.append(f"only {total.valid} of {wanted} trials were valid")
    unclear += _missing_sides(outcomes)
    verdict = Verdict.FAIL if failed else Verdict.INCONCLUSIVE if unclear else Verdict.PASS
    saved = sum(bool(one.void and one.wrong) for one in outcomes)
    return Score(verdict, (*failed, *unclear), rows, total, saved)


def _missing_sides(outcomes: Iterable[Outcome]) -> list[str]:
    """A bench that was tested on one side of the limit only has not proven that it distinguishes the two."""
    truths = [one.true_ms for one in outcomes if not one.void and one.true_ms is not None]
    missing = []
    if not any(true >= LIMIT_MS + CLEAR_MS for true in truths):
        missing.append(f"no trial was truly {LIMIT_MS + CLEAR_MS:g} ms or more")
    if not any(true <= LIMIT_MS - CLEAR_MS for true in truths):
        missing.append(f"no trial was truly {LIMIT_MS - CLEAR_MS:g} ms or less")
    return missing


def _row(delay_ms: float | None, outcomes: Sequence[Outcome]) -> Row:
    valid = [one for one in outcomes if not one.void]
    errors = np.array([one.error_ms for one in valid if one.error_ms is not None])
    expanded = [one.expanded_ms for one in valid if one.expanded_ms is not None]
    truths = [one.true_ms for one in valid if one.true_ms is not None]
    nan = float("nan")
    verdicts: dict[str, int] = {}
    for one in valid:
        verdicts[one.verdict] = verdicts.get(one.verdict, 0) + 1
    return Row(
        delay_ms=delay_ms,
        valid=len(valid),
        voids=len(outcomes) - len(valid),
        true_ms=float(np.mean(truths)) if truths else nan,
        bias_ms=float(np.mean(errors)) if errors.size else nan,
        sd_ms=float(np.std(errors, ddof=1)) if errors.size > 1 else nan,
        worst_ms=float(errors[np.argmax(np.abs(errors))]) if errors.size else nan,
        expanded_ms=float(np.max(expanded)) if expanded else nan,
        held=sum(one.holds for one in valid),
        wrong=sum(bool(one.wrong) for one in valid),
        verdicts=verdicts,
    )


def _ms(value: float, digits: int) -> str:
    return "" if value != value else f"{value:.{digits}f} ms"
