"""A local model of a falling current around the threshold, fitted by least squares.

    y(t) = m(t) (1 + sum a_i cos + b_i sin) + sum c_i cos + d_i sin + noise,     m(t) = exp(p0 + p1 x + p2 x^2 + p3 x^3)

m is the current without ripple: an exponential decay when p2 = p3 = 0, and close to any smooth fall over a short
stretch.
The a, b belong to a ripple that shrinks with the current, the c, d to one that goes on. Their sizes are known from the
steady stretches before and after the fall and enter as priors, so that a ripple which the sampling cannot tell from
the fall ends up in the uncertainty instead of in the value.

>>> import numpy as np
>>> t = np.arange(-50, 51) * 1e-5
>>> fit = fit_edge(t, 0.5 * np.exp(-(t - 20e-6) / 5e-4), 0.5, 5e-4, 0.0)
>>> abs(fit.time_s - 20e-6) < 1e-9, fit.adequate
(True, True)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from v2g_bench.metrology.ripple import Tone, correlation_factor, waves

Array = NDArray[np.float64]

_BENDS = (0.5, 0.3)  # prior standard deviations of p2 and p3, with x = -1..1 over the window
_PARAMETERS = 4
_SCORE = 7.8  # 95 % of chi-square with 3 degrees of freedom
_TOLERATED = 0.003  # of the threshold: a misfit that no one needs to see


@dataclass(frozen=True)
class Ripple:
    """cycles_per_s: apparent frequency; relative: amplitude over current while it flows; constant: what goes on (A)."""

    cycles_per_s: float
    relative: float
    constant: float


@dataclass(frozen=True)
class EdgeFit:
    """time_s: crossing of m(t) with the threshold; u_s: from noise, ripple and correlation; misfit_s: from what the
    model leaves near the crossing; slope_per_s: dm/dt there; adequate: the residuals look like the noise."""

    time_s: float
    u_s: float
    misfit_s: float
    slope_per_s: float
    dof: float
    adequate: bool


def fit_edge(
    t_s: Array, y: Array, threshold: float, tau_s: float, sigma: float, ripples: Sequence[Ripple] = ()
) -> EdgeFit | None:
    """Fit samples y at times t_s (s, near zero at the crossing); None when the fit has no crossing in the window.

    tau_s: first guess of the fall's time constant; sigma: noise of one sample outside the fall.
    """
    keep = np.ones(t_s.size, dtype=bool)
    fit: EdgeFit | None = None
    for _ in range(2):
        solved = _solve(t_s[keep], y[keep], threshold, tau_s, sigma, ripples)
        if solved is None:
            return None
        fit, rest = solved
        # A disturbance pulse in the window is no part of the fall: leave it out, unless it is a tenth of the window.
        limit = 6 * max(sigma, 1.4826 * float(np.median(np.abs(rest))))
        outside = np.abs(rest) > limit
        if limit == 0 or not outside.any() or outside.sum() > 0.1 * rest.size:
            break
        keep[np.flatnonzero(keep)[outside]] = False
    return fit


def _solve(
    t_s: Array, y: Array, threshold: float, tau_s: float, sigma: float, ripples: Sequence[Ripple]
) -> tuple[EdgeFit, Array] | None:
    scale = float(np.max(np.abs(t_s)))
    x = t_s / scale
    with_current = [Tone(r.cycles_per_s, r.relative) for r in ripples if r.relative > 1e-4]
    going_on = [Tone(r.cycles_per_s, r.constant) for r in ripples if r.constant > 1e-3 * threshold]
    moving, constant = waves(with_current, t_s), waves(going_on, t_s)
    spread = [math.inf, math.inf, *_BENDS]
    spread += [t.amplitude for t in with_current for _ in range(2)] + [t.amplitude for t in going_on for _ in range(2)]
    if t_s.size < len(spread) + 3:
        return None
    p = np.zeros(len(spread))
    p[:2] = math.log(threshold), -scale / tau_s
    # Without noise the priors must not pull: they then weigh as against a millionth of the threshold.
    weight = max(sigma, 1e-6 * threshold)
    pull = (weight / np.asarray(spread)) ** 2
    for _ in range(12):
        model, jacobian = _model(p, x, moving, constant)
        try:
            step = np.linalg.solve(jacobian.T @ jacobian + np.diag(pull), jacobian.T @ (y - model) - pull * p)
        except np.linalg.LinAlgError:
            return None
        step[:_PARAMETERS] = np.clip(step[:_PARAMETERS], -1.0, 1.0)
        p = p + step
        if float(np.max(np.abs(step[:_PARAMETERS]))) < 1e-8:
            break
    if not np.isfinite(p).all():
        return None
    model, jacobian = _model(p, x, moving, constant)
    rest = y - model
    information = jacobian.T @ jacobian + np.diag(pull)
    fit = _result(p, x, rest, information, threshold, scale, sigma)
    if fit is None:
        return None
    adequate = _looks_like_noise(rest, sigma, threshold) and not _bends(
        x, rest, jacobian, information, sigma, threshold
    )
    return (fit if adequate else replace(fit, adequate=False)), rest


def _model(p: Array, x: Array, moving: list[Array], constant: list[Array]) -> tuple[Array, Array]:
    """The model and its derivatives by the parameters."""
    powers = [np.ones_like(x), x, x * x, x**3]
    mean = np.exp(np.clip(sum(c * power for c, power in zip(p, powers, strict=False)), -60, 60))
    split = _PARAMETERS + len(moving)
    ripple = np.ones_like(x)
    for weight, wave in zip(p[_PARAMETERS:split], moving, strict=True):
        ripple = ripple + weight * wave
    flowing = mean * ripple
    model = flowing.copy()
    for weight, wave in zip(p[split:], constant, strict=True):
        model += weight * wave
    columns = [*(flowing * power for power in powers), *(mean * wave for wave in moving), *constant]
    return model, np.column_stack(columns)


def _result(
    p: Array, x: Array, rest: Array, information: Array, threshold: float, scale: float, sigma: float
) -> EdgeFit | None:
    at = _root(p, math.log(threshold))
    if at is None:
        return None
    slope = (p[1] + 2 * p[2] * at + 3 * p[3] * at * at) / scale * threshold
    freedom = x.size - p.size
    rms = math.sqrt(float(rest @ rest) / freedom)
    # The larger of the noise seen here and elsewhere: few residuals can be small by luck.
    noise = max(rms, sigma if x.size < 30 else 0.0)
    inverse = np.linalg.inv(information)
    gradient = np.zeros(p.size)
    gradient[:_PARAMETERS] = 1.0, at, at * at, at**3  # d(log m) at the crossing
    u_log = noise * math.sqrt(max(0.0, float(gradient @ inverse @ gradient)) * correlation_factor(rest))
    near = np.abs(x - at) < 0.2
    left = float(np.mean(rest[near])) if near.any() else rms
    chance = noise / math.sqrt(max(1, int(near.sum())))
    misfit = math.sqrt(left * left - chance * chance) if abs(left) > 2.5 * chance else 0.0
    # A misfit up to the noise of this mean cannot be seen: a rectangle of that half-width, and of what is tolerated.
    misfit = math.hypot(misfit, chance / math.sqrt(3), _TOLERATED * threshold / math.sqrt(3))
    return EdgeFit(
        time_s=float(at * scale),
        u_s=float(u_log * threshold / abs(slope)),
        misfit_s=float(misfit / abs(slope)),
        slope_per_s=float(slope),
        dof=float(freedom),
        adequate=bool(slope < 0),
    )


def _looks_like_noise(rest: Array, sigma: float, threshold: float) -> bool:
    """Whether the residuals are no larger than the noise, and no slow wave is left in them.

    Means over up to eight stretches show a misfit that the noise of single samples hides.
    """
    tolerated = _TOLERATED * threshold
    rms = math.sqrt(float(rest @ rest) / max(1, rest.size - _PARAMETERS))
    if rms > 1.5 * sigma * (1 + 2.5 / math.sqrt(rest.size)) + 10 * tolerated:
        return False
    quick = float(np.std(np.diff(rest))) / math.sqrt(2)
    noise = min(max(quick, sigma), 1.5 * sigma)
    stretches = np.array_split(rest, max(1, min(8, rest.size // 5)))
    chi2 = sum(float(np.mean(s)) ** 2 / (noise**2 / s.size + tolerated**2) for s in stretches)
    return bool(chi2 <= len(stretches) + 3.5 * math.sqrt(2 * len(stretches)))


def _bends(x: Array, rest: Array, jacobian: Array, information: Array, sigma: float, threshold: float) -> bool:
    """Whether the next bends that the model does not have (Legendre 4 to 6) would explain part of the residuals.

    A score test: it sees a kink near the edge of the window long before the residuals look larger than the noise.
    """
    if x.size < 20:
        return False
    bends = legendre.legvander(x, 6)[:, 4:]
    bends = bends - jacobian @ np.linalg.solve(information, jacobian.T @ bends)
    directions, _ = np.linalg.qr(bends)
    score = directions.T @ rest
    # A misfit of constant size grows with the number of samples; what is tolerated must grow with it.
    noise2 = sigma**2 * correlation_factor(rest) + x.size / 3 * (_TOLERATED * threshold) ** 2
    return bool(float(score @ score) > _SCORE * noise2)


def _root(p: Array, level: float) -> float | None:
    """Where the exponent falls through `level`: the root nearest to the middle of the window, where it falls."""
    roots = np.roots([p[3], p[2], p[1], p[0] - level])
    real = roots[np.abs(roots.imag) < 1e-9].real
    falling = [float(x) for x in real if abs(x) <= 1 and p[1] + 2 * p[2] * x + 3 * p[3] * x * x < 0]
    return min(falling, key=abs) if falling else None
