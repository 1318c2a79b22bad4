"""The geometry of a figure: data to pixels, round ticks, and decimation that keeps every extreme.

>>> Scale(-10.0, 70.0, 60.0, 700.0)(30.0)
380.0
>>> ticks(-10.0, 70.0, 5)
[0.0, 20.0, 40.0, 60.0]
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """A linear map from data [low, high] to pixels [start, end]; data outside maps outside."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of one value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def many(self, values: Floats) -> Floats:
        """The pixels of an array."""
        return self.start + (values - self.low) / (self.high - self.low) * (self.end - self.start)


def tick_step(low: float, high: float, about: int) -> float:
    """The round step (1, 2 or 5 times a power of ten) that gives at most `about` steps between low and high."""
    rough = (high - low) / max(about, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    return next((m * power for m in (1.0, 2.0, 5.0) if m * power >= rough * (1 - 1e-9)), 10.0 * power)


def ticks(low: float, high: float, about: int) -> list[float]:
    """Round values inside [low, high]."""
    step = tick_step(low, high, about)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(n * step, 12) + 0.0 for n in range(first, last + 1)]


def tick_text(value: float, step: float) -> str:
    """A tick's label with the decimals that its step needs, and a real minus sign."""
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:.{places}f}".replace("-", "−")


def padded(low: float, high: float, share: float = 0.08) -> tuple[float, float]:
    """The range with a margin on both sides; a range without extent gets one."""
    if not high > low:
        half = abs(low) * 0.1 or 1.0
        return low - half, high + half
    margin = (high - low) * share
    return low - margin, high + margin


def decimate(x: Floats, y: Floats, columns: int) -> tuple[Floats, Floats]:
    """At most four samples per pixel column: its first, lowest, highest and last, in their order in time.

    x: ascending, evenly spread or not; y: finite, same length. A line through the result fills the same pixels as a
    line through all samples, so no spike is lost. Short arrays come back as they are.
    """
    if len(x) <= 4 * columns:
        return x, y
    column = np.minimum(((x - x[0]) / (x[-1] - x[0]) * columns).astype(np.int64), columns - 1)
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    ends = np.append(starts[1:], len(x))
    keep: set[int] = set()
    for first, end in zip(starts.tolist(), ends.tolist(), strict=True):
        part = y[first:end]
        keep.update((first, first + int(part.argmin()), first + int(part.argmax()), end - 1))
    index = np.array(sorted(keep))
    return x[index], y[index]


def runs_of_finite(y: Floats) -> list[slice]:
    """The stretches of `y` without a gap (NaN or infinity)."""
    good = np.isfinite(y)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], good, [False])).astype(np.int8)))
    return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
