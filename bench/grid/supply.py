"""The grid at the AC terminals: voltage and frequency as functions of time.

`SteadyGrid` never changes; `ReplayGrid` follows a table, such as a recorded disturbance.

>>> grid = ReplayGrid(time_s=[0.0, 10.0], frequency_hz=[50.0, 49.0], voltage_v=[230.0, 230.0])
>>> grid.frequency_hz(np.array([5.0]))
array([49.5])
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from v2g_bench.errors import BenchError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AcQuantities:
    """Means over a window at the AC terminals: power (W, + = charge), RMS voltage (V), RMS current (A, >= 0), Hz."""

    power_w: float
    voltage_v: float
    current_a: float
    frequency_hz: float


class Grid(Protocol):
    """Bench-clock times t come as a 1-D array of seconds; the results have its shape."""

    def voltage_v(self, t: Floats) -> Floats:
        """RMS voltage, V."""

    def frequency_hz(self, t: Floats) -> Floats:
        """Frequency, Hz."""


class SteadyGrid:
    """One voltage and one frequency for ever."""

    def __init__(self, frequency_hz: float, voltage_v: float) -> None:
        self._frequency_hz, self._voltage_v = frequency_hz, voltage_v

    def voltage_v(self, t: Floats) -> Floats:
        """The voltage, V, at each time."""
        return np.full(t.shape, self._voltage_v)

    def frequency_hz(self, t: Floats) -> Floats:
        """The frequency, Hz, at each time."""
        return np.full(t.shape, self._frequency_hz)


class ReplayGrid:
    """A table over bench-clock time, linear between its points and held at its ends."""

    def __init__(self, time_s: Sequence[float], frequency_hz: Sequence[float], voltage_v: Sequence[float]) -> None:
        self._t, self._f, self._v = (np.asarray(x, dtype=np.float64) for x in (time_s, frequency_hz, voltage_v))
        if not self._t.size or not self._t.shape == self._f.shape == self._v.shape or np.any(np.diff(self._t) <= 0):
            raise BenchError(
                "grid replay", "times must rise, and each needs a frequency and a voltage", "check the table's columns"
            )

    def voltage_v(self, t: Floats) -> Floats:
        """The voltage, V, at each time."""
        return np.interp(t, self._t, self._v)

    def frequency_hz(self, t: Floats) -> Floats:
        """The frequency, Hz, at each time."""
        return np.interp(t, self._t, self._f)
