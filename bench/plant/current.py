"""The plant's past as exact functions of time: DC current, AC power and pack voltage, in segments.

Within a segment, current and AC power either run linearly or relax exponentially towards a rest value (a stopped
bridge, an arc); a discontinuity lies between two segments. Nothing is sampled here: a digitizer emulator may ask for
any times it likes afterwards and finds every edge where it was.

>>> history = History(keep_s=120.0)
>>> history.append(Segment(start_s=0.0, end_s=1.0, current_a=0.0, current_slope=10.0))
>>> history.append(Segment(start_s=1.0, end_s=2.0, current_a=10.0, tau_s=0.0015))
>>> history.current_a(np.array([0.5, 1.0015])).round(3)
array([5.   , 3.679])
"""

from collections.abc import Callable
from math import exp
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from v2g_bench.errors import BenchError

Floats = NDArray[np.float64]

# A sample clock adds up its steps: a window that ends "now" may end this much later by rounding.
ROUNDING_S = 1e-6
FIRST_CAPACITY = 16_384


class Segment(NamedTuple):
    """From start_s to end_s. tau_s = 0: value + slope * t. Else: rest + (value - rest) * exp(-t / tau_s).

    Voltage is emf_v + emf_slope * t + resistance_ohm * current: what the pack's terminals show.
    """

    start_s: float
    end_s: float
    current_a: float
    current_slope: float = 0.0
    current_rest_a: float = 0.0
    power_w: float = 0.0
    power_slope: float = 0.0
    tau_s: float = 0.0
    emf_v: float = 0.0
    emf_slope: float = 0.0
    resistance_ohm: float = 0.0


START, END, I0, I_SLOPE, I_REST, P0, P_SLOPE, TAU, EMF, EMF_SLOPE, R = range(11)


class History:
    """Segments of the last keep_s seconds (a little more), in one growing and self-trimming table.

    Times before the first segment show that segment's start, as the plant was at rest before it began; times that were
    forgotten, and times later than the latest segment (by more than 1 µs of rounding), are a BenchError: the caller
    has to step the plant up to the end of the window first.
    """

    def __init__(self, keep_s: float, capacity: int = FIRST_CAPACITY) -> None:
        self._keep_s = keep_s
        self._forgotten = False
        self._table: Floats = np.zeros((capacity, 11))
        self._count = 0

    @property
    def rows(self) -> Floats:
        """The segments in order, one row each; columns START..R. A view: valid until the next append."""
        return self._table[: self._count]

    def append(self, segment: tuple[float, ...]) -> None:
        """Add the segment (a `Segment`, or its numbers) that follows the latest one."""
        if self._count == len(self._table):
            self._make_room(segment[END])
        self._table[self._count] = segment
        self._count += 1

    def last(self, count: int) -> "History":
        """A separate history of the last `count` segments only, with a little spare capacity."""
        short = History(self._keep_s, 8 * count)
        kept = self.rows[-count:]
        short._table[: len(kept)], short._count = kept, len(kept)
        short._forgotten = self._forgotten or self._count > count
        return short

    def current_ends(self, since_s: float) -> tuple[Floats, Floats]:
        """Times (s) and currents (A) of both ends of every segment that ends after `since_s`, in order.

        Within a segment the current is monotonous: no instant between two ends lies outside of them.
        """
        rows = self.rows
        rows = rows[int(np.searchsorted(rows[:, END], since_s, "right")) :]
        length = rows[:, END] - rows[:, START]
        decays = rows[:, TAU] > 0
        left = np.exp(-length / np.where(decays, rows[:, TAU], 1.0))
        line, decay = rows[:, I0] + rows[:, I_SLOPE] * length, rows[:, I_REST] + (rows[:, I0] - rows[:, I_REST]) * left
        times = np.column_stack((rows[:, START], rows[:, END])).ravel()
        return times, np.column_stack((rows[:, I0], np.where(decays, decay, line))).ravel()

    def current_a(self, t: Floats) -> Floats:
        """DC current (A, + charge, no ripple) at the times t (s; any order, 1-D)."""

        def within(row: list[float], since: Floats) -> Floats:
            return _value(row[I0], row[I_SLOPE], row[I_REST], row[TAU], since)

        return self._piecewise(t, within)

    def voltage_v(self, t: Floats) -> Floats:
        """Voltage at the pack's terminals (V) at the times t."""

        def within(row: list[float], since: Floats) -> Floats:
            current = _value(row[I0], row[I_SLOPE], row[I_REST], row[TAU], since)
            return np.asarray(row[EMF] + row[EMF_SLOPE] * since + row[R] * current)

        return self._piecewise(t, within)

    def power_w(self, t: Floats) -> Floats:
        """AC power (W, + charge) at the times t."""
        return self._piecewise(t, lambda row, since: _value(row[P0], row[P_SLOPE], 0.0, row[TAU], since))

    def power_means(self, from_s: float, to_s: float) -> tuple[float, float]:
        """Mean (W) and mean square (W²) of the AC power from from_s to to_s, integrated exactly."""
        return self._means(from_s, to_s, P0, P_SLOPE, None)

    def current_means(self, from_s: float, to_s: float) -> tuple[float, float]:
        """Mean (A) and mean square (A²) of the DC current from from_s to to_s, integrated exactly."""
        return self._means(from_s, to_s, I0, I_SLOPE, I_REST)

    def check(self, from_s: float, to_s: float) -> None:
        """BenchError unless the history covers all of from_s to to_s."""
        if not self._count:
            raise BenchError("plant history", "the plant has not been stepped yet", "call Plant.step first")
        first_s, last_s = float(self._table[0, START]), float(self._table[self._count - 1, END])
        if to_s > last_s + ROUNDING_S:
            raise BenchError(
                "plant history",
                f"asked for {to_s:.6f} s, {to_s - last_s:.6f} s later than the plant has got",
                "step the plant up to the end of the window before sampling it",
            )
        if self._forgotten and from_s < first_s:
            raise BenchError(
                "plant history",
                f"asked for {from_s:.6f} s, but only the last {last_s - first_s:.1f} s are kept",
                "fetch the window sooner after it was recorded",
            )

    def _piecewise(self, t: Floats, within: Callable[[list[float], Floats], Floats]) -> Floats:
        times = np.asarray(t, dtype=np.float64)
        if times.ndim != 1:
            raise BenchError("plant history", f"times must be a 1-D array, got {times.ndim} dimensions", "ravel it")
        if not times.size:
            return np.zeros(0)
        if not bool(np.all(times[1:] >= times[:-1])):
            order = np.argsort(times, kind="stable")
            values = np.empty(times.size)
            values[order] = self._piecewise(times[order], within)
            return values
        self.check(float(times[0]), float(times[-1]))
        # Few segments and many samples: cut the samples at the segments' starts and fill each run at once.
        rows = self.rows
        first = max(0, int(np.searchsorted(rows[:, START], times[0], "right")) - 1)
        last = max(first + 1, int(np.searchsorted(rows[:, START], times[-1], "right")))
        cuts = np.searchsorted(times, rows[first + 1 : last, START], "left").tolist()
        values = np.empty(times.size)
        for row, begin, end in zip(rows[first:last].tolist(), [0, *cuts], [*cuts, times.size], strict=True):
            if begin < end:
                since = np.maximum(times[begin:end] - row[START], 0.0)
                values[begin:end] = within(row, since)
        return values

    def _means(self, from_s: float, to_s: float, value: int, slope: int, rest: int | None) -> tuple[float, float]:
        self.check(from_s, to_s)
        if to_s <= from_s:
            raise BenchError(
                "plant history", f"empty window from {from_s} s to {to_s} s", "ask for a window with a length"
            )
        rows = self.rows
        first = max(0, int(np.searchsorted(rows[:, START], from_s, "right")) - 1)
        last = max(first + 1, int(np.searchsorted(rows[:, START], to_s, "left")))
        total = squares = 0.0
        for n, row in enumerate(rows[first:last].tolist(), first):
            begin = from_s if n == first else row[START]
            end = to_s if n == last - 1 else rows[n + 1, START]
            line = (row[value], row[slope], 0.0 if rest is None else row[rest], row[TAU])
            mean, square = segment_means(*line, begin - row[START], float(end) - row[START])
            total += mean * (end - begin)
            squares += square * (end - begin)
        return float(total) / (to_s - from_s), float(squares) / (to_s - from_s)

    def _make_room(self, now_s: float) -> None:
        keep_from = int(np.searchsorted(self.rows[:, END], now_s - self._keep_s))
        kept = self.rows[keep_from:].copy()
        self._forgotten = self._forgotten or keep_from > 0
        if len(kept) > len(self._table) // 2:
            self._table = np.zeros((2 * len(self._table), 11))
        self._table[: len(kept)] = kept
        self._count = len(kept)


def segment_means(
    value: float, slope: float, rest: float, tau_s: float, begin_s: float, end_s: float
) -> tuple[float, float]:
    """Mean and mean square, between begin_s and end_s after its start, of a line (tau_s = 0) or a decay to `rest`."""
    if tau_s == 0.0:
        a, b = value + slope * max(0.0, begin_s), value + slope * end_s
        return (a + b) / 2, (a * a + a * b + b * b) / 3
    length = end_s - begin_s
    if length <= 0.0:
        return value, value * value
    swing = value - rest
    a, b = exp(-max(0.0, begin_s) / tau_s), exp(-end_s / tau_s)
    once, twice = swing * tau_s * (a - b) / length, swing * swing * tau_s / 2 * (a * a - b * b) / length
    return rest + once, rest * rest + 2 * rest * once + twice


def _value(value: float, slope: float, rest: float, tau_s: float, since: Floats) -> Floats:
    if tau_s == 0.0:
        return np.asarray(value + slope * since)
    return np.asarray(rest + (value - rest) * np.exp(since * (-1.0 / tau_s)))
