"""Currents that fall, with known truth: what the crossing estimator is tested and qualified with.

>>> fall = Fall(before_a=-8.0, decay_s=2e-3, ripple_pct=5.0, noise_pct=0.5)
>>> wave = fall.waveform(50_000, seed=1)
>>> round(fall.truth_s(0.05) - fall.cut_s, 6), len(wave)
(0.005991, 10000)
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from v2g_bench.metrology.waveform import Waveform

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fall:
    """A constant current that begins to fall at `cut_s`.

    before_a: mean current before (A, signed); decay_s: time constant of an "exponential", whole duration of a "ramp";
    rest_pct: what stays, % of before; ripple_pct: peak of the ripple, % of the current that flows, and, where
    ripple_stays, of `before_a` for ever; noise_pct: white noise, standard deviation in % of before; fault_s: t0.
    """

    before_a: float = 8.0
    decay_s: float = 1e-3
    shape: Literal["exponential", "ramp"] = "exponential"
    ripple_pct: float = 0.0
    ripple_hz: float = 20_000.0
    ripple_stays: bool = False
    noise_pct: float = 0.0
    rest_pct: float = 0.0
    fault_s: float = 1000.0
    cut_s: float = 1000.02

    def mean(self, t_s: Array) -> Array:
        """The current without ripple and noise at bench-clock times (s)."""
        since = np.maximum(t_s - self.cut_s, 0.0)
        left = np.exp(-since / self.decay_s) if self.shape == "exponential" else np.clip(1 - since / self.decay_s, 0, 1)
        rest = self.rest_pct / 100
        return np.asarray(self.before_a * (rest + (1 - rest) * left), dtype=np.float64)

    def truth_s(self, fraction: float) -> float:
        """When the mean current falls through `fraction` of `before_a` (bench clock, s); infinity when never."""
        rest = self.rest_pct / 100
        left = (fraction - rest) / (1 - rest)
        if left <= 0:
            return math.inf
        since = -math.log(left) * self.decay_s if self.shape == "exponential" else (1 - left) * self.decay_s
        return self.cut_s + since

    def waveform(
        self, rate_hz: float, seed: int, *, before_s: float = 0.05, after_s: float = 0.15, phase: float | None = None
    ) -> Waveform:
        """Sampled from `before_s` before the fault to `after_s` after it; grid and ripple phase follow the seed.

        phase: where the fall lies between two samples (0 to 1); None: anywhere.
        """
        rng = np.random.default_rng(seed)
        dt = 1 / rate_hz
        offset = (rng.random() if phase is None else phase) * dt
        count = max(16, round((before_s + after_s) * rate_hz))
        # Times count from the fault, so that a large bench-clock time costs no digits of the ripple's phase.
        t = np.asarray(np.arange(count) * dt - before_s + offset, dtype=np.float64)
        mean = self.mean(np.asarray(t + self.fault_s, dtype=np.float64))
        ripple = self.ripple_pct / 100 * np.sin(2 * np.pi * (self.ripple_hz * t + rng.random()))
        noise = self.noise_pct / 100 * abs(self.before_a) * rng.standard_normal(count)
        samples = mean + (self.before_a if self.ripple_stays else mean) * ripple + noise
        return Waveform(self.fault_s - before_s + offset, dt, samples)


def pulse(waveform: Waveform, start_s: float, length_s: float, height_a: float) -> Waveform:
    """The waveform with a rectangular pulse on top: a disturbance, or a contactor that closes again."""
    t = waveform.times_s
    inside = (t >= start_s) & (t < start_s + length_s)
    return Waveform(waveform.start_s, waveform.dt_s, waveform.samples + height_a * inside, waveform.unit)
