"""A sampled quantity on the bench clock.

>>> import numpy as np
>>> wave = Waveform(start_s=10.0, dt_s=0.5, samples=np.array([1.0, 2.0, 3.0]))
>>> wave.end_s, len(wave)
(11.0, 3)
>>> wave.between(10.4, 11.0).samples.tolist()
[2.0, 3.0]
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Samples = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Waveform:
    """Samples at equal intervals.

    start_s: bench-clock time of sample 0 (s); dt_s: sample interval (s, > 0); samples: 1-D, in `unit`.
    ValueError when the samples are empty, not 1-D or not all finite (a digitizer's overload is NaN or ±9.9e37: its
    driver must report it, no placeholder value is accepted here), or when dt_s is not positive.
    """

    start_s: float
    dt_s: float
    samples: Samples
    unit: str = "A"

    def __post_init__(self) -> None:
        samples = np.asarray(self.samples, dtype=np.float64)
        if samples.ndim != 1 or samples.size == 0:
            raise ValueError(f"a waveform is one row of samples, got shape {samples.shape}")
        if not (np.isfinite(self.dt_s) and self.dt_s > 0 and np.isfinite(self.start_s)):
            raise ValueError(f"a waveform needs a start and a positive sample interval: {self.start_s}, {self.dt_s}")
        if not np.isfinite(samples).all() or np.abs(samples).max() > 1e30:
            raise ValueError("a waveform holds an overload or a gap (NaN, infinity or 9.9e37)")
        object.__setattr__(self, "samples", samples)

    def __len__(self) -> int:
        return int(self.samples.size)

    @property
    def end_s(self) -> float:
        """Bench-clock time of the last sample."""
        return self.start_s + (len(self) - 1) * self.dt_s

    @property
    def sample_rate_hz(self) -> float:
        """Samples per second."""
        return 1.0 / self.dt_s

    @property
    def times_s(self) -> Samples:
        """Bench-clock time of each sample (s), shape (n,)."""
        return np.asarray(self.start_s + self.dt_s * np.arange(len(self)), dtype=np.float64)

    def index_at(self, time_s: float) -> int:
        """Index of the first sample at or after `time_s`, from 0 to len(self)."""
        index = int(np.ceil((time_s - self.start_s) / self.dt_s - self._rounding(time_s)))
        return min(max(index, 0), len(self))

    def _rounding(self, time_s: float) -> float:
        """Float rounding of a time, in sample intervals: it must not push a time across the sample that it names."""
        largest = max(abs(time_s), abs(self.start_s), abs(self.end_s))
        return float(1e-9 + 4 * np.spacing(largest) / self.dt_s)

    def between(self, from_s: float, to_s: float) -> "Waveform":
        """The samples with from_s <= time <= to_s; ValueError when there is none."""
        first = self.index_at(from_s)
        stop = int(np.floor((to_s - self.start_s) / self.dt_s + self._rounding(to_s))) + 1
        stop = min(max(stop, 0), len(self))
        if stop <= first:
            raise ValueError(f"no sample between {from_s} s and {to_s} s in [{self.start_s}, {self.end_s}] s")
        return replace(self, start_s=self.start_s + first * self.dt_s, samples=self.samples[first:stop])

    def shifted(self, by_s: float) -> "Waveform":
        """The same samples, `by_s` later."""
        return replace(self, start_s=self.start_s + by_s)

    @staticmethod
    def of(start_s: float, dt_s: float, samples: ArrayLike, unit: str = "A") -> "Waveform":
        """A waveform of anything that numpy can make an array of."""
        return Waveform(start_s, dt_s, np.asarray(samples, dtype=np.float64), unit)
