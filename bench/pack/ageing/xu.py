"""Xu et al. 2018: LMO; linear damage f of cycles and time, then L = 1 - 0.0575 exp(-121 f) - 0.9425 exp(-f).

Its cost of a cycle per equivalent full cycle falls with the depth down to 0.3235 and rises again below: no test, but the
shape of the fit. Below that depth the cost per equivalent full cycle is held, and the share of such cycles counted.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from v2g_bench.pack.ageing.law import Bounds, Facts, Fade, Fitted, kelvin
from v2g_bench.pack.ageing.power import CalendarPart, CyclingPart, PowerLaw
from v2g_bench.pack.ageing.rainflow import Cycles
from v2g_bench.pack.ageing.series import Floats
from v2g_bench.pack.ageing.stress import Stress

_NOTES = "a reader's notes of its text (public, xu2018_degradationmodel), not checked against the paper"
HELD_BELOW = float(
    (1.23e5 / (1.4e5 * (1.0 - 0.501))) ** (-1.0 / 0.501)
)  # 0.3235: where the fit's cost per cycle is least
_WARMTH = 0.0693


def depth_stress(depth: Floats, slope: float = 1.0) -> Floats:
    """Damage of one full cycle of this depth, as published; slope: factor on the exponent."""
    return 1.0 / np.maximum(1.4e5 * np.maximum(depth, 1e-9) ** (-0.501 * slope) - 1.23e5, 1.0)


def held_depth_stress(depth: Floats, slope: float = 1.0) -> Floats:
    """The same, in proportion to the depth below HELD_BELOW."""
    held = np.maximum(depth, HELD_BELOW)
    return depth_stress(held, slope) * depth / held


def soc_stress(soc: Floats) -> Floats:
    """Factor of the mean SoC, 1 at 50 %."""
    return np.exp(1.04 * (soc - 0.5))


def temperature_stress(temperature_k: Floats) -> Floats:
    """Factor of the temperature, 1 at 25 °C."""
    return np.exp(_WARMTH * (temperature_k - 298.15) * 298.15 / temperature_k)


def loss(damage: Floats) -> Floats:
    """Lost share of the capacity for the linear damage f."""
    return 1.0 - 0.0575 * np.exp(-121.0 * damage) - 0.9425 * np.exp(-damage)


@dataclass(frozen=True)
class XuLaw(PowerLaw):
    """Linear damage, and its loss; the parts share the loss as they share the damage."""

    def combined(self, fade: Fade) -> Fade:
        damage = fade.capacity
        whole = loss(damage)
        share = np.divide(fade.calendar, damage, out=np.zeros_like(damage), where=damage > 0)
        return replace(fade, calendar=whole * share, cyclic=whole * (1.0 - share), capacity=whole)


def _rate(cycles: Cycles) -> Callable[[float], Floats]:
    other = soc_stress(cycles.mean) * temperature_stress(kelvin(cycles.temperature_c))
    return lambda slope: held_depth_stress(cycles.depth, slope) * other


def _small(stress: Stress) -> float:
    cycles = stress.cycles
    small = cycles.depth < HELD_BELOW
    return float(cycles.travel[small].sum() / cycles.travel.sum()) if len(cycles) else 0.0


XU = XuLaw(
    facts=Facts(
        name="xu",
        title="Xu 2018",
        chemistry="LMO",
        cell="LMO",
        source="Xu et al. 2018, IEEE Trans. Smart Grid 9:1131",
        fitted=Fitted(
            calendar_c=Bounds(15, 55, f"published calendar tests of 1 to 5 years: {_NOTES}"),
            calendar_soc=Bounds(0.6, 1, f"published calendar tests of 1 to 5 years: {_NOTES}"),
            depth=Bounds(HELD_BELOW, 1, "own: where the fit's cost per equivalent full cycle is least"),
        ),
        blind_to=frozenset({"c_rate", "plating"}),
        notes=("temperatures and C-rates of its cycling tests are not in the sources at hand: they count as outside",),
    ),
    calendar=CalendarPart(
        1.0,
        _WARMTH * 8.314 * 298.15**2,
        lambda soc, kelvins: 4.14e-10 * 86400.0 * soc_stress(soc) * temperature_stress(kelvins),
    ),
    cycling=CyclingPart(1.0, _WARMTH * 8.314 * 298.15**2, _rate, lambda cycles: cycles.count),
    counted={"depth below 0.32: cost per equivalent full cycle held": _small},
)
