"""The extremes of a continuous trace: what it never exceeded, with what is known of that.

A single sample of a noisy record is dominated by noise, a mean over the whole hides short events. The trace is averaged over
windows of `window_s`, every start of a window counts, and the least mean is given with its uncertainty.

>>> import numpy as np
>>> wave = Waveform(0.0, 0.001, np.where(np.arange(1000) == 500, -3.0, 1.0))
>>> least_mean(wave, window_s=0.002).value
-1.0
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from v2g_bench.metrology.waveform import Waveform


@dataclass(frozen=True)
class Extreme:
    """value: the least mean, in the trace's unit; u: its standard uncertainty from the noise; time_s: window's middle."""

    value: float
    u: float
    time_s: float


def least_mean(waveform: Waveform, window_s: float = 0.02) -> Extreme:
    """The smallest (most negative) mean over any `window_s` of the trace; ValueError if the trace is shorter than that."""
    width = max(1, round(window_s / waveform.dt_s))
    if len(waveform) < width:
        raise ValueError(f"a trace of {len(waveform)} samples has no window of {width}")
    totals = np.concatenate(([0.0], np.cumsum(waveform.samples)))
    means = (totals[width:] - totals[:-width]) / width
    least = int(np.argmin(means))
    # Differences of neighbours see the noise and not the course of the current; the median ignores the few real steps.
    steps = np.diff(waveform.samples)
    sigma = 1.4826 * float(np.median(np.abs(steps - np.median(steps)))) / math.sqrt(2) if steps.size else 0.0
    middle_s = waveform.start_s + (least + (width - 1) / 2) * waveform.dt_s
    return Extreme(float(means[least]), sigma / math.sqrt(width), middle_s)


SMOOTHING_S = 0.002


@dataclass(frozen=True)
class LeastShare:
    """share_pct: the least current in percent of that before; u_a: standard uncertainty (A) of a smoothed sample;
    per_ampere_pct: percent that an ampere makes; before: the mean current before, in the trace's unit.
    """

    share_pct: float
    u_a: float
    per_ampere_pct: float
    before: float


def least_share(waveform: Waveform, since_s: float, smoothing_s: float = SMOOTHING_S) -> LeastShare | None:
    """The smallest current from `since_s` to the end, in percent of that before, in the direction it flowed before.

    The samples are averaged over `smoothing_s`: ripple and noise are no loss of current. None where no current flowed.
    """
    width = max(1, round(smoothing_s / waveform.dt_s))
    smooth = np.convolve(waveform.samples, np.full(width, 1.0 / width), mode="valid")
    mean = Waveform(waveform.start_s + (width - 1) / 2 * waveform.dt_s, waveform.dt_s, smooth)
    before = mean.between(mean.start_s, since_s)
    after = mean.between(since_s, mean.end_s)
    level, sigma = float(np.mean(before.samples)), float(np.std(before.samples))
    if abs(level) <= 10 * sigma:  # also where both are nothing at all
        return None
    return LeastShare(float(np.min(after.samples / level)) * 100.0, sigma, 100.0 / abs(level), level)


def turned(waveform: Waveform) -> Waveform:
    """The same with the sign inverted, to find the largest."""
    return replace(waveform, samples=-waveform.samples)
