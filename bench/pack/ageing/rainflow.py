"""Rainflow counting by ASTM E1049-85 (5.4.4), streaming: what is not closed yet is carried on as open turning points.

A cycle closes when the range after it and the range before it are both at least as large; what stays open at the end is
counted as half cycles, which is what the standard's rule about the starting point comes to. Twice the sum of range x
count is the total variation of what was counted, exactly. A turning point is a row of TURN_COLUMNS: its value, and
running totals from which each cycle's temperature and C-rates are differences.

>>> closed, turns = close(values_only(np.array([-2.0, 1, -3, 5, -1, 3, -4, 4, -2])))
>>> cycles = closed + halves(turns)
>>> sorted(zip(cycles.depth.tolist(), cycles.count.tolist()))
[(3.0, 0.5), (4.0, 0.5), (4.0, 1.0), (6.0, 0.5), (8.0, 0.5), (8.0, 0.5), (9.0, 0.5)]
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from v2g_bench.pack.ageing.series import Floats

Places = NDArray[np.int64]

# Running totals since the start: hours, kelvin-hours (°C x h), hours and C-rate-hours (= SoC) of charge and of discharge
TURN_COLUMNS = ("value", "hours", "degree_hours", "charge_hours", "charged", "discharge_hours", "discharged")
_MERGE_ABOVE = 4096  # rows; more are merged into neighbours of nearly equal attributes


@dataclass(frozen=True)
class Cycles:
    """Counted cycles, columns (k,): depth and mean in SoC 0..1; count 1 (whole), 0.5 (half) or a multiple of them.

    temperature_c: mean over the cycle. charge_c_rate, discharge_c_rate: mean while it charged and discharged, both
    positive 1/h; a half cycle has one of them, the other is 0. hours: how long the cycle lasted.
    """

    depth: Floats
    mean: Floats
    count: Floats
    temperature_c: Floats
    charge_c_rate: Floats
    discharge_c_rate: Floats
    hours: Floats

    def __len__(self) -> int:
        return len(self.depth)

    @property
    def travel(self) -> Floats:
        """(k,) SoC that each row went up and down: 2 x depth x count; its sum is the total variation."""
        return 2.0 * self.depth * self.count

    @property
    def c_rate(self) -> Floats:
        """(k,) 1/h: the mean of charge and discharge, of a half cycle the one that it has."""
        both = (self.charge_c_rate > 0) & (self.discharge_c_rate > 0)
        return (self.charge_c_rate + self.discharge_c_rate) / np.where(both, 2.0, 1.0)

    def __add__(self, other: "Cycles") -> "Cycles":
        return Cycles(*(np.concatenate(pair) for pair in zip(self._columns(), other._columns(), strict=True)))

    def scaled(self, times: float) -> "Cycles":
        """The same cycles, each `times` as often."""
        depth, mean, count, *rest = self._columns()
        return Cycles(depth, mean, count * times, *rest) if times > 0 else no_cycles()

    def merged(self, above: int = _MERGE_ABOVE) -> "Cycles":
        """Rows of nearly equal attributes as one, if there are more than `above`; total variation and EFC stay exact.

        Bins: 4 % of the depth, 2 % of the mean SoC, 2 K, 10 % of the C-rates; a merged row has the travel-weighted
        means of its rows, and as its depth the one that keeps both travel and count.
        """
        if len(self) <= above:
            return self
        logs = [np.log(np.maximum(rate, 1e-3)) / np.log(1.1) for rate in (self.charge_c_rate, self.discharge_c_rate)]
        keys = [np.log(np.maximum(self.depth, 1e-6)) / np.log(1.04), self.mean / 0.02, self.temperature_c / 2.0, *logs]
        _, group = np.unique(np.rint(np.column_stack(keys)).astype(np.int32), axis=0, return_inverse=True)
        weight, count = np.bincount(group, self.travel), np.bincount(group, self.count)

        def mean(column: Floats) -> Floats:
            return np.asarray(np.bincount(group, column * self.travel) / weight)

        _, mid, _, *rest = self._columns()
        return Cycles(weight / (2.0 * count), mean(mid), count.astype(float), *(mean(column) for column in rest))

    def _columns(self) -> tuple[Floats, ...]:
        rates = (self.charge_c_rate, self.discharge_c_rate)
        return (self.depth, self.mean, self.count, self.temperature_c, *rates, self.hours)


def no_cycles() -> Cycles:
    """An empty table."""
    return Cycles(*(np.empty(0) for _ in range(7)))


def values_only(values: Floats) -> Floats:
    """Turning-point rows of a bare signal (n,), with an hour per sample and no rates. NaN: ValueError."""
    if not np.isfinite(values).all():
        raise ValueError("a signal to be counted must be finite")
    rows = np.zeros((len(values), len(TURN_COLUMNS)))
    rows[:, 0], rows[:, 1] = values, np.arange(len(values))
    return rows


def turning_places(values: Floats) -> Places:
    """Where the values turn, with the first and the last; equal neighbours count as one, the first of them."""
    place = np.nonzero(np.diff(values, prepend=np.nan) != 0)[0]
    if len(place) < 3:
        return place
    slope = np.diff(values[place]) > 0
    return np.asarray(place[np.concatenate([[True], slope[1:] != slope[:-1], [True]])])


def close(rows: Floats, hysteresis: float = 0.0) -> tuple[Cycles, Floats]:
    """(closed cycles, open turning points) of samples or turning points in their order, (n, 7).

    hysteresis: a reversal counts once the value has come back by more than this; a last swing below it is left out.
    """
    turns = rows[turning_places(rows[:, 0])]
    if hysteresis > 0:
        turns = turns[_beyond(turns[:, 0].tolist(), hysteresis)]
    first, second, third, stack = _closed(turns[:, 0].tolist())
    return _table(turns, np.array(first, int), np.array(second, int), np.array(third, int), 1.0), turns[stack]


def joined(earlier: Floats, later: Floats) -> Floats:
    """Turning points and then later ones, whose running totals go on from where the first end."""
    later = later.copy()
    if len(earlier) and len(later):
        later[:, 1:] += earlier[-1, 1:] - later[0, 1:]
    return np.concatenate([earlier, later])


def halves(turns: Floats) -> Cycles:
    """The open turning points as half cycles."""
    place = np.arange(max(len(turns) - 1, 0))
    return _table(turns, place, place + 1, place + 1, 0.5)


def _beyond(values: list[float], hysteresis: float) -> list[int]:
    """Places of the turning points that stay when swings up to `hysteresis` are left out."""
    if not values:
        return []
    kept, best, direction = [0], 0, 0
    for place, value in enumerate(values):
        if direction == 0:
            if abs(value - values[0]) > hysteresis:
                direction, best = (1 if value > values[0] else -1), place
        elif (value - values[best]) * direction >= 0:
            best = place
        elif (values[best] - value) * direction > hysteresis:
            kept.append(best)
            direction, best = -direction, place
    return kept if direction == 0 else [*kept, best]


def _closed(values: list[float]) -> tuple[list[int], list[int], list[int], list[int]]:
    """Places of begin, turn and end of each closed cycle, and of what stays open."""
    first, second, third = [], [], []
    stack: list[int] = []
    for place, value in enumerate(values):
        stack.append(place)
        while len(stack) > 3:
            before, begin, turn = values[stack[-4]], values[stack[-3]], values[stack[-2]]
            inner = abs(turn - begin)
            if inner > abs(value - turn) or inner > abs(begin - before):
                break
            first.append(stack[-3])
            second.append(stack[-2])
            third.append(place)
            del stack[-3:-1]
    return first, second, third, stack


def _table(turns: Floats, begin: Places, turn: Places, end: Places, count: float) -> Cycles:
    """Cycles from `begin` over `turn`; rates and temperature from `begin` to `end`."""
    low, high = turns[begin, 0], turns[turn, 0]
    _, hours, degree_hours, up_h, up, down_h, down = (turns[end] - turns[begin]).T
    return Cycles(
        depth=np.abs(high - low),
        mean=0.5 * (high + low),
        count=np.full(len(begin), count),
        temperature_c=_ratio(degree_hours, hours),
        charge_c_rate=_ratio(up, up_h),
        discharge_c_rate=_ratio(down, down_h),
        hours=hours,
    )


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
