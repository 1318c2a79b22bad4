"""What a series of results shows: its trend, whether it will reach its limit soon, and whether it flips.

The slope is Theil's and Sen's (the median of the slopes between all pairs of runs), which a few bad nights do not move;
its interval is Sen's, from the order statistics of the pairs. An alarm is raised when the margin to the limit is being
used up at a slope that is more than chance, and would be gone within a number of further runs.

P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", JASA 63 (1968), 1379-1389.

>>> slope, low, high = theil_sen(np.array([1.0, 2.1, 2.9, 4.2, 5.0, 5.9, 7.1, 8.0]))
>>> round(slope, 2), low > 0
(1.0, True)
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from v2g_bench.errors import BenchError
from v2g_bench.reports.history.index import History, Point, Series
from v2g_bench.reports.model.verdicts import FAIL, PASS, UNDECIDED

RUNS = 60  # how far back a trend looks
LEAST = 8  # fewer runs show no trend
NORMAL_99 = 2.5758  # two-sided 99 %: a false alarm in a hundred steady series


@dataclass(frozen=True)
class Drift:
    """slope: change of the margin per run, with its 99 % interval; runs_left: until the margin is gone, at that slope."""

    slope: float
    low: float
    high: float
    runs_left: float


@dataclass(frozen=True)
class TrendSummary:
    """The evaluation of a series. flips: changes between PASS and FAIL at one controller version; errors: runs in which the rig
    failed, or could not decide; alarm: one sentence, "" for none.
    """

    last: Point
    drift: Drift | None
    flips: int
    errors: int
    alarm: str


def summarize(series: Series, within: int) -> TrendSummary:
    """The evaluation of the last RUNS points. within: alarm if the limit would be reached in that many further runs."""
    points = series.points[-RUNS:]
    flips, errors = flips_of(points)
    drift = drift_of(points)
    alarm = ""
    if drift is not None and drift.high < 0 and drift.runs_left <= within:
        alarm = f"drifts: its margin of {points[-1].margin:.4g} {series.unit} is gone in {drift.runs_left:.0f} runs"
    elif flips:
        alarm = f"flips: {flips} changes between PASS and FAIL at the same controller version"
    return TrendSummary(points[-1], drift, flips, errors, alarm)


def print_history(history: History, rig: str | None, requirement: str | None, within: int) -> int:
    """Print a line per series, and per run where one requirement is asked for; the number of alarms."""
    alarms = 0
    for name in [rig] if rig else history.rigs():
        print(f"rig {name}")
        found = list(history.series(name, requirement, None if requirement else RUNS))
        if not found and not requirement:
            raise BenchError(f"history of rig {name}", "no run has a result")
        for series in found:
            summary = summarize(series, within)
            alarms += bool(summary.alarm)
            if series.measurement or summary.alarm or requirement:
                print(line_of(series, summary))
            if requirement and series.measurement:
                for point in series.points:
                    print(f"      {point.started:25} {point.verdict:13} {_number(point)}   {point.controller}")
    for folder, problem in history.problems():
        print(f"unreadable  {folder}: {problem}")
    print(f"{alarms} alarms")
    return alarms


def line_of(series: Series, summary: TrendSummary) -> str:
    """One series in one line."""
    test = series.nodeid.rpartition("::")[2]
    parts = [f"  {series.requirement:9} {test} {series.measurement}".rstrip(), summary.last.verdict]
    if summary.last.value is not None:
        limits = [
            f"{sign} {limit:g}"
            for sign, limit in ((">=", summary.last.low), ("<=", summary.last.high))
            if limit is not None
        ]
        parts.append(f"{_number(summary.last)} {series.unit}, limit {' and '.join(limits) or 'none'}".rstrip())
    if summary.last.margin is not None:
        parts.append(f"margin {summary.last.margin:.4g}")
    if summary.drift is not None:
        parts.append(f"{summary.drift.slope:+.2g} a run")
    parts.append(f"{len(series.points)} runs" + (f", {summary.errors} without a verdict" if summary.errors else ""))
    return "   ".join(parts) + (f"\n      ALARM {summary.alarm}" if summary.alarm else "")


def _number(point: Point) -> str:
    if point.value is None:
        return point.reason or "no value"
    return f"{point.value:.5g}" + (f" ± {point.expanded:.2g}" if point.expanded is not None else "")


def drift_of(points: list[Point]) -> Drift | None:
    """The trend of the margin over the points that have one, in the last controller version; None for too few."""
    same = [point for point in points if point.controller == points[-1].controller]
    margins = np.array([margin for point in same if (margin := point.margin) is not None], dtype=np.float64)
    if len(margins) < LEAST:
        return None
    slope, low, high = theil_sen(margins)
    level = float(np.median(margins[-5:] - slope * np.arange(-min(5, len(margins)) + 1, 1)))
    return Drift(slope, low, high, max(0.0, level / -slope) if slope < 0 else math.inf)


def theil_sen(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Slope per step of evenly spaced values, and the ends of its 99 % interval; two values at the least."""
    n = len(values)
    first, second = _pairs(n)
    slopes = np.sort((values[second] - values[first]) / (second - first))
    reach = NORMAL_99 * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    low = max(0, math.floor((len(slopes) - reach) / 2))
    high = min(len(slopes) - 1, math.ceil((len(slopes) + reach) / 2))
    return float(np.median(slopes)), float(slopes[low]), float(slopes[high])


@cache
def _pairs(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The two places of every pair of n values."""
    first, second = np.triu_indices(n, 1)
    return first, second


def flips_of(points: list[Point]) -> tuple[int, int]:
    """(changes between PASS and FAIL while the controller stayed the same, runs without a verdict on the controller).

    A failed rig between two verdicts is no flip of the controller.
    """
    flips, errors = 0, 0
    before: Point | None = None
    for point in points:
        if point.verdict in UNDECIDED:
            errors += 1
        elif point.verdict in (PASS, FAIL):
            flips += before is not None and before.controller == point.controller and before.verdict != point.verdict
            before = point
    return flips, errors
