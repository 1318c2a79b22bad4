"""What a battery went through, as series over time: the input of every ageing law.

>>> week = Series(np.array([0.0, 3600.0]), np.array([0.5, 0.6]), np.array([20.0, 21.0]), None, 156.0, "NMC")
>>> week.c_rate.round(3).tolist()
[0.1]
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """Samples in order of time. A NaN in SoC or temperature is a time that is not known, and nothing is joined across it.

    time_s: (n,) s, finite, rising strictly, n >= 2. soc: (n,) 0..1. temperature_c: (n,) of the cells, °C.
    current_a: (n,) A, positive charges; sample i holds from time i to i + 1, so the last is not used. None: not
    recorded, it is derived from the SoC. capacity_ah: what 100 % SoC is. chemistry: "NMC", "LFP", "LMO" or "NCA".
    nominal_v: for energies; None: no energies. Raises ValueError for any other input.
    """

    time_s: Floats
    soc: Floats
    temperature_c: Floats
    current_a: Floats | None
    capacity_ah: float
    chemistry: str
    nominal_v: float | None = None

    def __post_init__(self) -> None:
        columns = [self.time_s, self.soc, self.temperature_c]
        if self.current_a is not None:
            columns.append(self.current_a)
        if any(column.shape != self.time_s.shape or column.ndim != 1 for column in columns):
            raise ValueError("series of unequal length, or not one-dimensional")
        if len(self.time_s) < 2:
            raise ValueError("a series needs two samples at least")
        if not (np.isfinite(self.time_s).all() and (np.diff(self.time_s) > 0).all()):
            raise ValueError("times must be finite and rise strictly")
        known = self.soc[np.isfinite(self.soc)]
        if len(known) and (known.min() < -1e-9 or known.max() > 1 + 1e-9):
            raise ValueError("SoC must be from 0 to 1")
        if not (np.isfinite(self.capacity_ah) and self.capacity_ah > 0):
            raise ValueError("the capacity must be positive")

    @property
    def known(self) -> NDArray[np.bool_]:
        """(n - 1,): whether the interval from sample i to i + 1 is known: SoC and temperature at both ends, current."""
        finite = np.isfinite(self.soc) & np.isfinite(self.temperature_c)
        known = finite[:-1] & finite[1:]
        return known if self.current_a is None else known & np.isfinite(self.current_a[:-1])

    @property
    def c_rate(self) -> Floats:
        """(n - 1,) 1/h of each interval, positive charges: current / capacity, or the slope of the SoC without a current."""
        return self.rate(0, len(self.time_s) - 1)

    def rate(self, begin: int, end: int) -> Floats:
        """The C-rates of the intervals from begin to end."""
        if self.current_a is not None:
            return self.current_a[begin:end] / self.capacity_ah
        hours = np.diff(self.time_s[begin : end + 1]) / 3600.0
        return np.asarray(np.diff(self.soc[begin : end + 1]) / hours)
