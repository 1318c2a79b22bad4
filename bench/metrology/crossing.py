"""When has a current gone? The time at which it falls below a share of its earlier value and stays there.

The first sample below the threshold is a poor answer: under PWM ripple it comes milliseconds early, under noise it is a
lottery. Instead:

1. the level before the fault is fitted together with the ripple's tones;
2. a two-state machine walks over short blocks: *flowing* until the current is clearly below the threshold for longer
   than `hold_s`, then *isolated*; a pulse above the threshold that is not longer than `hold_s` is a disturbance, a
   longer one is a contactor that closed again;
3. around the last crossing a local model (`edge`) is fitted in three nested windows; the widest whose residuals look
   like the noise gives the time, the next one a check of the model;
4. where the sampling supports no model, the time is the middle of the bracket between the last sample that is clearly
   above and the first that is clearly below, and its uncertainty is that of a rectangle over the bracket.

The uncertainty `u_s` is that of the crossing in the record: trigger, time base, gain and clocks come in `latency`.

>>> import numpy as np
>>> t = np.arange(0, 0.1, 1e-5)
>>> fall = np.where(t < 0.05, -8.0, -8.0 * np.exp(-(t - 0.05) / 0.002))
>>> found = isolation(Waveform(100.0, 1e-5, fall), fault_s=100.04)
>>> round(found.time_s, 6), found.u_s < 1e-5
(100.055991, True)
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from v2g_bench.metrology.edge import EdgeFit, Ripple, fit_edge
from v2g_bench.metrology.ripple import Steady, Tone, alias, moving_mean, resolvable, ripple_kernel, ripple_left
from v2g_bench.metrology.waveform import Waveform

Array = NDArray[np.float64]

_CLEAR = 4.5  # noise standard deviations that count as clearly above or below: 3 of a million samples go astray
# Least u, in sample intervals: what the current does between two samples is an assumption, however well the fit looks.
_INTERPOLATION = 1 / math.sqrt(12)


class NoCrossing(Exception):  # noqa: N818 - a finding, not a defect of the program
    """The record does not show that the current fell below the threshold and stayed there; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NoCurrent(NoCrossing):
    """Nothing that could stop flowed before the fault."""


class RecordTooShort(NoCrossing):
    """The record begins too late or ends too early to tell."""


class Undecided(NoCrossing):
    """The current stays so near the threshold that the noise hides on which side."""


class Reclosed(NoCrossing):
    """The current was gone and came back for longer than the hold. first_s: when it had gone; time_s: when it came."""

    def __init__(self, reason: str, first_s: float, time_s: float) -> None:
        super().__init__(reason)
        self.first_s, self.time_s = first_s, time_s


@dataclass(frozen=True)
class Crossing:
    """time_s: on the bench clock; u_s: its standard uncertainty within the record, with `dof`.

    slope_per_s: dI/dt at the threshold (sign of the true current); level: the threshold (A, signed); before: the mean
    current before the fault (A, signed), u_before its standard uncertainty; sigma: noise of one sample (A);
    method: "fit" or "bracket"; parts: u_s by cause (s); notes: what the reader should know, for example an alias.
    """

    time_s: float
    u_s: float
    slope_per_s: float
    level: float
    before: float
    u_before: float
    sigma: float
    dof: float
    method: str
    parts: Mapping[str, float]
    notes: tuple[str, ...] = ()


@dataclass
class _Scene:
    """The record turned upright: y is positive before the fault; times are sample numbers."""

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


@dataclass(frozen=True)
class _Bracket:
    """Sample numbers: clearly above until `above`, clearly below from `below`."""

    above: float
    below: float


def isolation(
    waveform: Waveform,
    fault_s: float,
    fraction: float = 0.05,
    ripple_hz: float | None = None,
    hold_s: float = 1e-3,
    *,
    before_s: float = 0.05,
    ripple_bound_pct: float = 10.0,
    min_current: float = 0.0,
) -> Crossing:
    """When the current fell below `fraction` of its mean over `before_s` before `fault_s`, and stayed below.

    ripple_hz: ripple of the power stage, where known: it matters when its alias cannot be seen at this sample rate;
    then it is taken to be up to `ripple_bound_pct` of the current. hold_s: the shortest return of the current that counts.
    min_current: current (A) below which there is nothing to switch off, whatever the noise.
    Raises NoCurrent, Reclosed, RecordTooShort, Undecided or NoCrossing; ValueError for a senseless argument.
    """
    if not 0 < fraction < 1 or hold_s <= 0 or before_s <= 0:
        raise ValueError(f"fraction={fraction} lies in 0..1; hold_s={hold_s} and before_s={before_s} are positive")
    scene, sign = _prepare(waveform, fault_s, fraction, hold_s, before_s, ripple_hz, ripple_bound_pct)
    _require_current(scene, min_current, fraction)
    bracket = _last_crossing(scene, waveform)
    at, u_s, slope, dof, method, parts = _refine(scene, bracket)
    u_level_s = scene.u_level * fraction / abs(slope) if slope else 0.0
    parts["level before"] = u_level_s
    return Crossing(
        time_s=waveform.start_s + (scene.origin + at) * scene.dt_s,
        u_s=math.hypot(u_s, u_level_s),
        slope_per_s=sign * slope,
        level=sign * scene.threshold,
        before=sign * scene.steady.mean,
        u_before=scene.u_level,
        sigma=scene.sigma,
        dof=dof,
        method=method,
        parts=parts,
        notes=tuple(scene.notes),
    )


def _prepare(
    waveform: Waveform,
    fault_s: float,
    fraction: float,
    hold_s: float,
    before_s: float,
    ripple_hz: float | None,
    ripple_bound_pct: float,
) -> tuple[_Scene, float]:
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
    scene = _Scene(y, dt, origin, fraction * level, steady, steady.u_mean, max(1, round(hold_s / dt)))
    if ripple_hz is not None and not resolvable(ripple_hz, dt, early.size):
        scene.u_level = math.hypot(scene.u_level, level * ripple_bound_pct / 100 / math.sqrt(2))
        scene.notes.append(
            f"a ripple of {ripple_hz:g} Hz sampled at {1 / dt:g} Hz appears at {alias(ripple_hz, dt) / dt:g} Hz and "
            f"cannot be told from the current: up to {ripple_bound_pct:g} % of it is in the uncertainty"
        )
    _look_at_tail(scene)
    return scene, sign


def _look_at_tail(scene: _Scene) -> None:
    """Noise and ripple at the end of the record, where nothing should flow, and the smoothing that both need."""
    y, before = scene.y, scene.steady
    tail = y[-max(8, min(max(4 * scene.hold, y.size // 5), y.size // 2)) :]
    if tail.size >= 8:
        fitted = Steady.of(tail, before.tones)
        # A pulse in the tail is no noise: the median ignores it, the standard deviation would not.
        robust = 1.4826 * float(np.median(np.abs(np.diff(tail) - np.median(np.diff(tail))))) / math.sqrt(2)
        noise = min(fitted.sigma, max(robust, 0.5 * before.sigma))
        after = [t.amplitude if t.amplitude > 4 * noise * math.sqrt(2 / tail.size) else 0.0 for t in fitted.tones]
    else:
        noise, after = before.sigma, []
    after += [0.0] * (len(before.tones) - len(after))
    scene.sigma = max(noise, 1e-9 * before.mean)
    scene.ripples = tuple(
        Ripple(tone.cycles / scene.dt_s, tone.amplitude / before.mean if before.mean else 0.0, going_on)
        for tone, going_on in zip(before.tones, after, strict=True)
    )
    going_on = [Tone(t.cycles, size) for t, size in zip(before.tones, after, strict=True) if size > 0.0]
    ripple = ripple_kernel(going_on, 0.1 * scene.threshold, 4 * scene.hold)
    noisy = math.ceil((_CLEAR * scene.sigma / (0.7 * scene.threshold)) ** 2) if scene.threshold else 1
    scene.smooth = max(ripple, min(noisy, 4 * scene.hold), 1)
    scene.left = sum(ripple_left(tone, scene.smooth) for tone in going_on)
    scene.block = max(1, scene.hold // 8)


def _require_current(scene: _Scene, min_current: float, fraction: float) -> None:
    level = scene.steady.mean
    if level < max(min_current, 5 * scene.steady.u_mean) or level == 0:
        raise NoCurrent(
            f"only {level:.4g} A ± {2 * scene.steady.u_mean:.2g} A flowed before the fault: nothing to isolate"
        )
    left = scene.sigma / math.sqrt(max(scene.smooth, scene.block))
    if _CLEAR * left >= 0.95 * scene.threshold:
        raise NoCurrent(
            f"{100 * fraction:g} % of {level:.4g} A is hidden by noise of {scene.sigma:.2g} A: "
            f"more current, a smaller range or a faster digitizer is needed"
        )


def _clear_of(scene: _Scene, samples: int) -> float:
    """Distance from the threshold that a mean over `samples` must have to be clearly on one side."""
    ripple = sum(r.relative for r in scene.ripples) * scene.threshold + scene.left
    return min(_CLEAR * scene.sigma / math.sqrt(samples) + ripple, 0.9 * scene.threshold)


def _last_crossing(scene: _Scene, waveform: Waveform) -> _Bracket:
    """The two-state machine; raises what `isolation` raises about the course of the current."""
    smoothed = moving_mean(scene.y, scene.smooth)
    b = scene.block
    count = smoothed.size // b
    blocks = smoothed[: count * b].reshape(count, b).mean(axis=1)
    clear = _clear_of(scene, max(b, scene.smooth))
    high, low = blocks > scene.threshold + clear, blocks < scene.threshold - clear
    gone = _first_stay(high, low, b, scene.hold)
    if gone is None:
        raise _why_not(scene, high, low, smoothed)
    _require_stay(scene, waveform, high, gone, smoothed)
    before = np.flatnonzero(high[:gone])
    start = int(before[-1]) * b if before.size else 0
    return _narrow(scene, smoothed, start, min(smoothed.size, (gone + 1) * b))


def _first_stay(high: NDArray[np.bool_], low: NDArray[np.bool_], block: int, hold: int) -> int | None:
    """The first low block after which no high one comes for longer than the hold; None when there is none."""
    edges = np.append(np.flatnonzero(high), high.size)
    lows = np.flatnonzero(low)
    while lows.size:
        first = int(lows[0])
        next_high = int(edges[np.searchsorted(edges, first)])
        if (next_high - first) * block >= hold:
            return first
        lows = lows[np.searchsorted(lows, next_high) :]
    return None


def _why_not(scene: _Scene, high: NDArray[np.bool_], low: NDArray[np.bool_], smoothed: Array) -> NoCrossing:
    tail = smoothed[-max(1, min(scene.hold, smoothed.size)) :]
    share = 100 * float(np.mean(tail)) / scene.steady.mean
    at_end = f"at its end the current is {share:.1f} % of {scene.steady.mean:.4g} A"
    if low.size and low[-1]:
        return RecordTooShort(f"the record ends before the current stayed away for {scene.hold * scene.dt_s:g} s")
    if high.size and high[-max(1, high.size // 20) :].any():
        return NoCrossing(f"the current does not stay below the threshold in the record: {at_end}")
    return Undecided(f"the current stays too near the threshold to tell: {at_end}")


def _require_stay(scene: _Scene, waveform: Waveform, high: NDArray[np.bool_], gone: int, smoothed: Array) -> None:
    """After `gone` the current may not return for longer than the hold, nor linger at the threshold."""
    b = scene.block
    for start, stop in _runs(high[gone:]):
        piece = smoothed[(gone + start - 1) * b : (gone + stop + 1) * b]
        above = np.flatnonzero(piece > scene.threshold)
        if above.size - (scene.smooth - 1) > max(scene.hold, 1):
            begins = scene.origin + (gone + start - 1) * b + int(above[0])
            first = waveform.start_s + (scene.origin + gone * b) * scene.dt_s
            again = waveform.start_s + begins * scene.dt_s
            raise Reclosed(
                f"the current had gone at {first:.6f} s and was back at {again:.6f} s for more than "
                f"{scene.hold * scene.dt_s:g} s",
                first_s=first,
                time_s=again,
            )
    tail = smoothed[-min(smoothed.size - gone * b, max(2 * scene.hold, 8)) :]
    if float(np.median(tail)) > scene.threshold - _CLEAR * scene.sigma / math.sqrt(tail.size):
        raise Undecided("the current creeps back to the threshold at the end of the record: too near to tell")


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(start, stop) of each run of True."""
    change = np.diff(np.concatenate(([0], flags.astype(np.int8), [0])))
    return list(zip(np.flatnonzero(change == 1).tolist(), np.flatnonzero(change == -1).tolist(), strict=True))


def _narrow(scene: _Scene, smoothed: Array, start: int, stop: int) -> _Bracket:
    """The bracket in samples, widened by half of the smoothing on either side."""
    clear = _clear_of(scene, scene.smooth)
    piece = smoothed[start:stop]
    below = np.flatnonzero(piece < scene.threshold - clear)
    first_below = start + (int(below[0]) if below.size else piece.size - 1)
    above = np.flatnonzero(smoothed[: first_below + 1] > scene.threshold + clear)
    last_above = int(above[-1]) if above.size else -1
    # Inside the stretch a sample may have dipped below before the current was last above: take the first after that.
    later = np.flatnonzero(smoothed[last_above + 1 : stop] < scene.threshold - clear)
    first_below = last_above + 1 + int(later[0]) if later.size else first_below
    half = scene.smooth / 2 if scene.smooth > 1 else 0.0
    return _Bracket(last_above - half, first_below + half)


def _refine(scene: _Scene, bracket: _Bracket) -> tuple[float, float, float, float, str, dict[str, float]]:
    """Sample number of the crossing, u (s), slope (A/s), dof, method, parts."""
    middle, width = (bracket.above + bracket.below) / 2, bracket.below - bracket.above
    fits = _fits(scene, middle, width)
    chosen = next((i for i, fit in enumerate(fits) if fit is not None and fit.adequate), None)
    u_bracket = width * scene.dt_s / math.sqrt(12)
    if chosen is not None:
        fit = fits[chosen]
        assert fit is not None
        model = math.hypot(fit.misfit_s, _disagreement(fit, fits[chosen + 1 :]))
        u_fit = math.hypot(fit.u_s, model)
        inside = abs(fit.time_s) <= width * scene.dt_s / 2 + 3 * u_fit
        if inside and u_fit < u_bracket:
            at = middle + fit.time_s / scene.dt_s
            between = math.sqrt(max(0.0, (_INTERPOLATION * scene.dt_s) ** 2 - u_fit**2))
            parts = {"noise and ripple": fit.u_s, "model": model, "between samples": between}
            return at, math.hypot(u_fit, between), fit.slope_per_s, fit.dof, "fit", parts
    return middle, u_bracket, _bracket_slope(scene, bracket), math.inf, "bracket", {"sample interval": u_bracket}


def _disagreement(fit: EdgeFit, narrower: list[EdgeFit | None]) -> float:
    """How far a fit in a narrower window differs (s), beyond what its larger noise explains; the worst of them.

    Nested windows share samples, so the variance of the difference is the difference of the variances.
    """
    beyond = [
        (fit.time_s - other.time_s) ** 2 - max(0.0, other.u_s**2 - fit.u_s**2)
        for other in narrower
        if other is not None and other.adequate
    ]
    return math.sqrt(max([0.0, *beyond]))


def _bracket_slope(scene: _Scene, bracket: _Bracket) -> float:
    first, last = max(0, math.floor(bracket.above)), min(scene.y.size - 1, math.ceil(bracket.below))
    return float(scene.y[last] - scene.y[first]) / (max(1, last - first) * scene.dt_s)


def _fits(scene: _Scene, middle: float, width: float) -> list[EdgeFit | None]:
    """Fits in three nested windows about `middle`, the widest first; times relative to it."""
    tau = _time_constant(scene, middle)
    if tau * math.log(4) < 3:
        return []
    fits: list[EdgeFit | None] = []
    centre = middle
    for reach in (1.0, 0.6, 0.35, 0.2):
        half = max(reach * tau * math.log(4), 0.5 * width if reach == 1.0 else 0.0)
        first, stop = max(0, math.ceil(centre - half)), min(scene.y.size, math.floor(centre + half) + 1)
        if stop - first < 7:
            break
        t = (np.arange(first, stop) - middle) * scene.dt_s
        fits.append(fit_edge(t, scene.y[first:stop], scene.threshold, tau * scene.dt_s, scene.sigma, scene.ripples))
    return fits


def _time_constant(scene: _Scene, middle: float) -> float:
    """Local time constant in samples, from the last time at a higher level to the crossing."""
    higher = min(4 * scene.threshold, (scene.threshold + scene.steady.mean) / 2)
    smoothed = moving_mean(scene.y[: math.ceil(middle) + 1], scene.smooth)
    above = np.flatnonzero(smoothed > higher)
    since = middle - (float(above[-1]) if above.size else 0.0)
    return since / math.log(higher / scene.threshold)
