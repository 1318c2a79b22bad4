"""Ground truth: what really happened in the plant and when, for judging the bench itself.

A measured latency is never taken from here; a test of the bench compares what its meters found with this.
"""

from math import log
from typing import NamedTuple

import numpy as np

from v2g_bench.plant.current import END, I0, I_REST, I_SLOPE, START, TAU, History


class TruthEvent(NamedTuple):
    """What happened, and when (bench clock, s)."""

    time_s: float
    event: str


def isolation_time(history: History, after_s: float, fraction: float) -> float | None:
    """When the mean current's magnitude fell below `fraction` of its magnitude at after_s, and stayed below since.

    Solved in the segments, without sampling and without ripple. None if it is not below now, or if no current flowed
    at after_s. BenchError if after_s is outside the history.
    """
    history.check(after_s, after_s)
    before_a = float(history.current_a(np.array([after_s]))[0])
    limit_a = abs(before_a) * fraction
    if limit_a == 0.0:
        return None
    rows = history.rows
    first = max(0, int(np.searchsorted(rows[:, START], after_s, "right")) - 1)
    for n in range(len(rows) - 1, first - 1, -1):
        row = rows[n].tolist()
        end_s = row[END] if n == len(rows) - 1 else float(rows[n + 1, START])
        last_s = _last_above(row, max(after_s, row[START]), end_s, limit_a)
        if last_s is not None:
            still_above = n == len(rows) - 1 and last_s >= end_s
            return None if still_above else last_s
    return None


def _last_above(row: list[float], begin_s: float, end_s: float, limit_a: float) -> float | None:
    """The last time in begin_s..end_s at which the segment's |current| is at or above limit_a; None if never."""

    def current(t: float) -> float:
        since = t - row[START]
        if row[TAU] == 0.0:
            return row[I0] + row[I_SLOPE] * since
        return row[I_REST] + (row[I0] - row[I_REST]) * float(np.exp(-since / row[TAU]))

    if abs(current(end_s)) >= limit_a:
        return end_s
    crossings = [_reaches(row, level) for level in (limit_a, -limit_a)]
    inside = [t for t in crossings if t is not None and begin_s <= t <= end_s]
    if inside:
        return max(inside)
    return begin_s if abs(current(begin_s)) >= limit_a else None


def _reaches(row: list[float], level_a: float) -> float | None:
    """When the segment's formula equals level_a, whether or not that lies within the segment."""
    if row[TAU] == 0.0:
        return None if row[I_SLOPE] == 0.0 else row[START] + (level_a - row[I0]) / row[I_SLOPE]
    swing = row[I0] - row[I_REST]
    ratio = (level_a - row[I_REST]) / swing if swing else 0.0
    return row[START] - row[TAU] * log(ratio) if ratio > 0.0 else None
