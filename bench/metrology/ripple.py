"""Tones in a sampled current: the ripple of a power stage, as it looks after sampling.

A ripple above half the sample rate shows up as an alias; where it lies and how large it is are all that the estimators
need, so tones are kept in cycles per sample (0 to 0.5). A ripple whose alias falls on zero cannot be seen at all: ask
`alias` and `resolvable` before trusting a mean.

>>> import numpy as np
>>> steady = Steady.of(10 + 0.5 * np.sin(2 * np.pi * 0.1234 * np.arange(2000)))
>>> round(steady.mean, 6), round(steady.tones[0].amplitude, 4), round(steady.tones[0].cycles, 5)
(10.0, 0.5, 0.1234)
>>> alias(20_000, 1 / 50_000), resolvable(20_000, 1e-3, 100)
(0.4, False)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MAX_TONES = 3  # a triangular ripple and two harmonics; what is left is noise
_LONGEST = 65_536  # samples that are searched for tones
_FEWEST_PERIODS = 3.0  # a slower wave is a drift


@dataclass(frozen=True)
class Tone:
    """cycles: frequency in cycles per sample; amplitude: peak, in the unit of the samples."""

    cycles: float
    amplitude: float


@dataclass(frozen=True)
class Steady:
    """A stretch of samples that is a constant, tones and noise.

    u_mean: standard uncertainty of the mean from noise (its correlation counted) and drift; sigma: standard deviation
    of what is left without mean, drift and tones; n: number of samples.
    """

    mean: float
    u_mean: float
    sigma: float
    n: int
    tones: tuple[Tone, ...]

    @classmethod
    def of(cls, samples: Array, tones: Sequence[Tone] | None = None) -> "Steady":
        """Fit a stretch of at least 4 samples; `tones` None: find them, else only fit how large these are here."""
        if samples.size < 4:
            raise ValueError(f"{samples.size} samples do not show a steady current")
        found = tuple(find_tones(samples)) if tones is None else tuple(tones)
        index = np.arange(samples.size, dtype=np.float64)
        found = found[: max(0, (samples.size - 4) // 2)]
        columns = np.column_stack([np.ones(samples.size), *waves(found, index)])
        weights, *_ = np.linalg.lstsq(columns, samples, rcond=None)
        rest = samples - columns @ weights
        drift = float(np.polyfit(index - index.mean(), rest, 1)[0]) * samples.size
        freedom = max(1, samples.size - columns.shape[1])
        sigma = math.sqrt(float(rest @ rest) / freedom)
        u_noise = sigma * math.sqrt(correlation_factor(rest) / samples.size)
        amplitudes = np.hypot(weights[1::2], weights[2::2])
        fitted = tuple(Tone(t.cycles, float(a)) for t, a in zip(found, amplitudes, strict=True))
        return cls(float(weights[0]), math.hypot(u_noise, drift / math.sqrt(12)), sigma, int(samples.size), fitted)


def correlation_factor(rest: Array) -> float:
    """Factor (>= 1) by which correlated residuals inflate the variance of a mean, from their first autocorrelation."""
    power = float(rest @ rest)
    if rest.size < 8 or power == 0:
        return 1.0
    rho = float(rest[1:] @ rest[:-1]) / power
    return min(max((1 + rho) / max(1 - rho, 1e-3), 1.0), rest.size / 4)


def waves(tones: Sequence[Tone], index: Array) -> list[Array]:
    """Cosine and sine of each tone at the (fractional) sample numbers `index`."""
    out: list[Array] = []
    for tone in tones:
        phase = 2 * np.pi * tone.cycles * index
        out += [np.cos(phase), np.sin(phase)]
    return out


def find_tones(samples: Array) -> list[Tone]:
    """Up to MAX_TONES tones that stand out of the noise, the largest first."""
    rest = samples[-_LONGEST:] - np.mean(samples[-_LONGEST:])
    index = np.arange(rest.size, dtype=np.float64)
    tones: list[Tone] = []
    floor = 1e-5 * float(np.max(np.abs(samples)))
    while len(tones) < MAX_TONES and rest.size >= 16:
        cycles = _peak(rest)
        if cycles is None:
            break
        tone, wave = _refined(rest, index, cycles)
        if tone.amplitude < floor:
            break
        tones.append(tone)
        rest = rest - wave
    return tones


def _peak(rest: Array) -> float | None:
    """Frequency of the strongest line that noise alone would not show once in ten thousand records."""
    n = rest.size
    line = np.polyfit(np.arange(n), rest, 1)
    power = np.abs(np.fft.rfft((rest - np.polyval(line, np.arange(n))) * np.hanning(n))) ** 2
    first = math.ceil(_FEWEST_PERIODS)
    if power.size <= first + 2:
        return None
    at = first + int(np.argmax(power[first:]))
    # In white noise the power of a line is exponential: its median is ln 2 of its mean. The Hann window makes
    # neighbours alike, which the factor covers.
    noise = float(np.median(power[first:])) / math.log(2)
    if power[at] <= 1.5 * noise * math.log(power.size / 1e-4):
        return None
    if not first < at < power.size - 1:
        return at / n
    left, mid, right = (math.log(float(power[i]) + 1e-300) for i in (at - 1, at, at + 1))
    bend = left - 2 * mid + right
    return (at + (0.5 * (left - right) / bend if bend < 0 else 0.0)) / n


def _refined(rest: Array, index: Array, cycles: float) -> tuple[Tone, Array]:
    """Least squares for amplitude, phase and (three Newton steps) frequency."""
    for _ in range(3):
        cos, sin = waves([Tone(cycles, 0.0)], index)
        columns = np.column_stack([np.ones(rest.size), cos, sin])
        (_, a, b), *_ = np.linalg.lstsq(columns, rest, rcond=None)
        centred = index - index.mean()
        slope = centred * (b * cos - a * sin)
        step, *_ = np.linalg.lstsq(np.column_stack([columns, slope]), rest, rcond=None)
        change = float(step[3]) / (2 * np.pi)
        if abs(change) > 1 / rest.size:
            break
        cycles = min(max(cycles + change, 0.0), 0.5)
    cos, sin = waves([Tone(cycles, 0.0)], index)
    columns = np.column_stack([np.ones(rest.size), cos, sin])
    weights, *_ = np.linalg.lstsq(columns, rest, rcond=None)
    return Tone(cycles, float(np.hypot(weights[1], weights[2]))), columns[:, 1:] @ weights[1:]


def alias(ripple_hz: float, dt_s: float) -> float:
    """Where a ripple appears after sampling at intervals of `dt_s`, in cycles per sample (0 to 0.5)."""
    cycles = math.fmod(ripple_hz * dt_s, 1.0)
    return round(min(cycles, 1 - cycles), 12)


def resolvable(ripple_hz: float, dt_s: float, n: int) -> bool:
    """Whether `n` samples hold enough periods of the ripple's alias to tell it from a constant or a drift."""
    return alias(ripple_hz, dt_s) * n >= _FEWEST_PERIODS


def ripple_kernel(tones: Sequence[Tone], allowed: float, longest: int) -> int:
    """Length in samples (odd or even, >= 1) of the shortest moving mean that brings all tones below `allowed`.

    The best one up to `longest` when none does.
    """
    best, best_left = 1, math.inf
    for m in range(1, max(1, longest) + 1):
        left = sum(ripple_left(t, m) for t in tones)
        if left < best_left * 0.999:
            best, best_left = m, left
        if best_left <= allowed:
            break
    return best


def ripple_left(tone: Tone, m: int) -> float:
    """Amplitude of a tone after a moving mean over m samples."""
    down = math.sin(math.pi * tone.cycles)
    gain = 1.0 if down < 1e-12 else abs(math.sin(math.pi * tone.cycles * m) / (m * down))
    return tone.amplitude * gain


def moving_mean(samples: Array, m: int) -> Array:
    """Centred mean over m samples, as long as the input; fewer samples at the ends.

    For even m the two outermost samples count half and m + 1 samples are spanned, so that no delay arises.
    """
    if m <= 1:
        return samples.copy()
    kernel = np.full(m, 1.0 / m) if m % 2 else np.concatenate(([0.5], np.ones(m - 1), [0.5])) / m
    half = kernel.size // 2
    if m < 64:
        total = np.convolve(samples, kernel, "full")[half : half + samples.size]
        weight = np.convolve(np.ones(samples.size), kernel, "full")[half : half + samples.size]
        return np.asarray(total / weight, dtype=np.float64)
    padded = np.concatenate(([0.0], np.cumsum(samples)))
    low = np.clip(np.arange(samples.size) - half, 0, samples.size)
    high = np.clip(np.arange(samples.size) + half + 1, 0, samples.size)
    return np.asarray((padded[high] - padded[low]) / (high - low), dtype=np.float64)
