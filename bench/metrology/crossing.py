"""When did a current end? The time at which it falls below a share of its earlier value and stays there.

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
>>> abs(found.time_s - 100.055991) < 2 * found.u_s, found.u_s < 1e-5
(True, True)
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from v2g_bench.metrology.edge import EdgeFit, fit_edge
from v2g_bench.metrology.prepared_record import (
    NoCrossing,
    NoCurrent,
    PreparedRecord,
    Reclosed,
    RecordTooShort,
    Undecided,
    Unsettled,
    prepare,
    require_current,
)
from v2g_bench.metrology.ripple import moving_mean
from v2g_bench.metrology.stay import Bracket, last_crossing
from v2g_bench.metrology.waveform import Waveform

__all__ = ["Crossing", "NoCrossing", "NoCurrent", "Reclosed", "RecordTooShort", "Undecided", "Unsettled", "isolation"]

# Least u, in sample intervals: what the current does between two samples is an assumption, however well the fit looks.
_INTERPOLATION = 1 / math.sqrt(12)


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
    then it is taken to be up to `ripple_bound_pct` of the current. hold_s: a return of the current counts when it is
    longer than this.
    min_current: current (A) below which there is nothing to switch off, whatever the noise.
    Raises NoCurrent, Reclosed, RecordTooShort, Unsettled, Undecided or NoCrossing; ValueError for a senseless argument.
    """
    if not 0 < fraction < 1 or hold_s <= 0 or before_s <= 0:
        raise ValueError(f"fraction={fraction} lies in 0..1; hold_s={hold_s} and before_s={before_s} are positive")
    record, sign = prepare(waveform, fault_s, fraction, hold_s, before_s, ripple_hz, ripple_bound_pct)
    require_current(record, min_current, fraction)
    bracket = last_crossing(record, waveform)
    at, u_s, slope, dof, method, parts = _refine(record, bracket)
    u_level_s = record.u_level * fraction / abs(slope) if slope else 0.0
    parts["level before"] = u_level_s
    return Crossing(
        time_s=waveform.start_s + (record.origin + at) * record.dt_s,
        u_s=math.hypot(u_s, u_level_s),
        slope_per_s=sign * slope,
        level=sign * record.threshold,
        before=sign * record.steady.mean,
        u_before=record.u_level,
        sigma=record.sigma,
        dof=dof,
        method=method,
        parts=parts,
        notes=tuple(record.notes),
    )


def _refine(record: PreparedRecord, bracket: Bracket) -> tuple[float, float, float, float, str, dict[str, float]]:
    """Sample number of the crossing, u (s), slope (A/s), dof, method, parts."""
    middle, width = (bracket.above + bracket.below) / 2, bracket.below - bracket.above
    fits = _fits(record, middle, width)
    chosen = next((i for i, fit in enumerate(fits) if fit is not None and fit.adequate), None)
    u_bracket = width * record.dt_s / math.sqrt(12)
    if chosen is not None:
        fit = fits[chosen]
        assert fit is not None
        model = math.hypot(fit.misfit_s, _disagreement(fit, fits[chosen + 1 :]))
        u_fit = math.hypot(fit.u_s, model)
        inside = abs(fit.time_s) <= width * record.dt_s / 2 + 3 * u_fit
        if inside and u_fit < u_bracket:
            at = middle + fit.time_s / record.dt_s
            between = math.sqrt(max(0.0, (_INTERPOLATION * record.dt_s) ** 2 - u_fit**2))
            parts = {"noise and ripple": fit.u_s, "model": model, "between samples": between}
            return at, math.hypot(u_fit, between), fit.slope_per_s, fit.dof, "fit", parts
    return middle, u_bracket, _bracket_slope(record, bracket), math.inf, "bracket", {"sample interval": u_bracket}


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


def _bracket_slope(record: PreparedRecord, bracket: Bracket) -> float:
    first, last = max(0, math.floor(bracket.above)), min(record.y.size - 1, math.ceil(bracket.below))
    return float(record.y[last] - record.y[first]) / (max(1, last - first) * record.dt_s)


def _fits(record: PreparedRecord, middle: float, width: float) -> list[EdgeFit | None]:
    """Fits in three nested windows about `middle`, the widest first; times relative to it."""
    tau = _time_constant(record, middle)
    if tau * math.log(4) < 3:
        return []
    fits: list[EdgeFit | None] = []
    centre = middle
    for reach in (1.0, 0.6, 0.35, 0.2):
        half = max(reach * tau * math.log(4), 0.5 * width if reach == 1.0 else 0.0)
        first, stop = max(0, math.ceil(centre - half)), min(record.y.size, math.floor(centre + half) + 1)
        if stop - first < 7:
            break
        t = np.asarray((np.arange(first, stop) - middle) * record.dt_s, dtype=np.float64)
        fits.append(
            fit_edge(t, record.y[first:stop], record.threshold, tau * record.dt_s, record.sigma, record.ripples)
        )
    return fits


def _time_constant(record: PreparedRecord, middle: float) -> float:
    """Local time constant in samples, from the last time at a higher level to the crossing."""
    higher = min(4 * record.threshold, (record.threshold + record.steady.mean) / 2)
    smoothed = moving_mean(record.y[: math.ceil(middle) + 1], record.smooth)
    above = np.flatnonzero(smoothed > higher)
    since = middle - (float(above[-1]) if above.size else 0.0)
    return since / math.log(higher / record.threshold)
