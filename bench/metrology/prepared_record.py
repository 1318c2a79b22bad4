"""A record made ready for the crossing estimator: what flowed before, the noise, the ripple, the smoothing they need.

>>> import numpy as np
>>> flat = np.where(np.arange(2000) < 1000, -8.0, 0.0)
>>> ready, sign = prepare(Waveform(0.0, 1e-4, flat), 0.09, 0.05, hold_s=1e-3, before_s=0.05)
>>> sign, round(ready.threshold, 6), ready.hold
(-1.0, 0.4, 10)
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from v2g_bench.metrology.edge import Ripple
from v2g_bench.metrology.ripple import Steady, Tone, alias, resolvable, ripple_kernel, ripple_left
from v2g_bench.metrology.waveform import Waveform

Array = NDArray[np.float64]

CLEAR = 4.5  # noise standard deviations that count as clearly above or below: 3 of a million samples go astray


class NoCrossing(Exception):
    """The record does not show that the current fell below the threshold and stayed there; `reason` explains it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NoCurrent(NoCrossing):
    """Nothing that could stop flowed before the fault."""


class RecordTooShort(NoCrossing):
    """The record begins too late, or ends before the fault: the bench has not recorded what it asks for."""


class Unsettled(NoCrossing):
    """The current went so late, or came back so often, that it had not stayed away for long enough when the record ended."""


class Undecided(NoCrossing):
    """The current stays so near the threshold that the noise hides on which side."""


class Reclosed(NoCrossing):
    """The current ended and came back for longer than the hold. first_s: when it ended; time_s: when it came back."""

    def __init__(self, reason: str, first_s: float, time_s: float) -> None:
        super().__init__(reason)
        self.first_s, self.time_s = first_s, time_s


@dataclass
class PreparedRecord:
    """The record turned upright: y is positive before the fault; times are sample numbers from `origin` on.

    threshold, sigma (noise of one sample), u_level (standard uncertainty of the level before), left (ripple after the
    smoothing): A; hold, smooth, block: samples.
    """

    y: Array
    dt_s: float
    origin: int
    threshold: float
    steady: Steady
    u_level: float
    hold: int
    sigma: float = 0.0
    ripples: tuple[Ripple, ...] = ()
    smooth: int = 1
    block: int = 1
    left: float = 0.0
    notes: list[str] = field(default_factory=list)


def prepare(
    waveform: Waveform,
    fault_s: float,
    fraction: float,
    hold_s: float,
    before_s: float,
    ripple_hz: float | None = None,
    ripple_bound_pct: float = 10.0,
) -> tuple[PreparedRecord, float]:
    """The scene, and the sign of the current; RecordTooShort when there are too few samples around the fault."""
    dt = waveform.dt_s
    origin = waveform.index_at(fault_s)
    early = waveform.samples[max(0, origin - max(8, round(before_s / dt))) : origin]
    if early.size < 8 or origin >= len(waveform) - 2:
        raise RecordTooShort(
            f"the record ({waveform.start_s:.6f} s to {waveform.end_s:.6f} s) needs 8 samples before the fault at "
            f"{fault_s:.6f} s, and some after it"
        )
    steady = Steady.of(early)
    sign = math.copysign(1.0, steady.mean)
    level = abs(steady.mean)
    steady = Steady(level, steady.u_mean, steady.sigma, steady.n, steady.tones)
    y = sign * waveform.samples[origin:]
    record = PreparedRecord(y, dt, origin, fraction * level, steady, steady.u_mean, max(1, round(hold_s / dt)))
    if ripple_hz is not None and not resolvable(ripple_hz, dt, early.size):
        record.u_level = math.hypot(record.u_level, level * ripple_bound_pct / 100 / math.sqrt(2))
        record.notes.append(
            f"a ripple of {ripple_hz:g} Hz sampled at {1 / dt:g} Hz appears at {alias(ripple_hz, dt) / dt:g} Hz and "
            f"cannot be told from the current: up to {ripple_bound_pct:g} % of it is in the uncertainty"
        )
    _look_at_tail(record)
    return record, sign


def _look_at_tail(record: PreparedRecord) -> None:
    """Noise and ripple at the end of the record, where nothing should flow, and the smoothing that both need."""
    y, before = record.y, record.steady
    tail = y[-max(8, min(max(4 * record.hold, y.size // 5), y.size // 2)) :]
    if tail.size >= 8:
        fitted = Steady.of(tail, before.tones)
        # A pulse in the tail is no noise: the median ignores it, the standard deviation would not.
        robust = 1.4826 * float(np.median(np.abs(np.diff(tail) - np.median(np.diff(tail))))) / math.sqrt(2)
        noise = min(fitted.sigma, max(robust, 0.5 * before.sigma))
        after = [t.amplitude if t.amplitude > 4 * noise * math.sqrt(2 / tail.size) else 0.0 for t in fitted.tones]
    else:
        noise, after = before.sigma, []
    after += [0.0] * (len(before.tones) - len(after))
    record.sigma = max(noise, 1e-9 * before.mean)
    record.ripples = tuple(
        Ripple(tone.cycles / record.dt_s, tone.amplitude / before.mean if before.mean else 0.0, going_on)
        for tone, going_on in zip(before.tones, after, strict=True)
    )
    going_on = [Tone(t.cycles, size) for t, size in zip(before.tones, after, strict=True) if size > 0.0]
    ripple = ripple_kernel(going_on, 0.1 * record.threshold, 4 * record.hold)
    noisy = math.ceil((CLEAR * record.sigma / (0.7 * record.threshold)) ** 2) if record.threshold else 1
    record.smooth = max(ripple, min(noisy, 4 * record.hold), 1)
    record.left = sum(ripple_left(tone, record.smooth) for tone in going_on)
    record.block = max(1, record.hold // 8)


def require_current(record: PreparedRecord, min_current: float, fraction: float) -> None:
    """NoCurrent when too little flowed before the fault for the noise, or for `min_current` (A)."""
    level = record.steady.mean
    if level < max(min_current, 5 * record.steady.u_mean) or level == 0:
        raise NoCurrent(
            f"only {level:.4g} A ± {2 * record.steady.u_mean:.2g} A flowed before the fault: nothing to isolate"
        )
    left = record.sigma / math.sqrt(max(record.smooth, record.block))
    if CLEAR * left >= 0.95 * record.threshold:
        raise NoCurrent(
            f"{100 * fraction:g} % of {level:.4g} A is hidden by noise of {record.sigma:.2g} A: "
            f"more current, a smaller range or a faster digitizer is needed"
        )


def clear_of(record: PreparedRecord, samples: int) -> float:
    """Distance from the threshold that a mean over `samples` must have to be clearly on one side."""
    ripple = sum(r.relative for r in record.ripples) * record.threshold + record.left
    return min(CLEAR * record.sigma / math.sqrt(samples) + ripple, 0.9 * record.threshold)
