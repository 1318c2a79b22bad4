"""Wang et al. 2011 (LFP, throughput alone) and 2014 (NMC with LMO: square root of time, linear in throughput)."""

from collections.abc import Callable

import numpy as np

from v2g_bench.pack.ageing.law import GAS_J_MOL_K, Bounds, Facts, Fitted, kelvin
from v2g_bench.pack.ageing.power import CalendarPart, CyclingPart, PowerLaw
from v2g_bench.pack.ageing.rainflow import Cycles
from v2g_bench.pack.ageing.series import Floats
from v2g_bench.pack.ageing.stress import Stress

CELL_2011_AH = 2.3
CELL_2014_AH = 1.5
_POWER_2011 = 0.55


def b_2011(c_rate: Floats) -> Floats:
    """The factor before the exponential: from 31630 at C/2 to 21681 at 2 C, held outside."""
    return 31630.0 - (2.0 * np.clip(c_rate, 0.5, 2.0) - 1.0) / 3.0 * 9949.0


def k_2011(c_rate: Floats, temperature_k: Floats) -> Floats:
    """Loss of capacity, 1/Ah^0.55 of the 2.3 Ah cell, discharge."""
    held = np.clip(c_rate, 0.5, 2.0)
    return b_2011(held) * np.exp(-(31700.0 - 370.3 * held) / (GAS_J_MOL_K * temperature_k)) / 100.0


def k_2014(temperature_k: Floats, c_rate: Floats) -> Floats:
    """Loss of capacity, 1/Ah of the 1.5 Ah cell, discharge; its least is at 24 °C and it rises both ways."""
    parabola = 8.889e-6 * temperature_k**2 - 0.0052889 * temperature_k + 0.78711
    return parabola * np.exp((-0.0067 * temperature_k + 2.35) * c_rate) / 100.0


def calendar_2014(temperature_k: Floats) -> Floats:
    """Loss of capacity, 1/day^0.5; no SoC in it."""
    return 8720.0 * np.exp(-24500.0 / (GAS_J_MOL_K * temperature_k)) / 100.0


def _slow(stress: Stress) -> float:
    cycles = stress.cycles
    held = (cycles.c_rate < 0.5) | (cycles.c_rate > 2.0)
    return float(cycles.travel[held].sum() / cycles.travel.sum()) if len(cycles) else 0.0


def _discharged(cell_ah: float, cycles: Cycles) -> Floats:
    return 0.5 * cycles.travel * cell_ah


def _rate_2011(cycles: Cycles) -> Callable[[float], Floats]:
    rate = k_2011(cycles.c_rate, kelvin(cycles.temperature_c))
    return lambda _: rate


def _rate_2014(cycles: Cycles) -> Callable[[float], Floats]:
    rate = k_2014(kelvin(cycles.temperature_c), cycles.c_rate)
    return lambda _: rate


_PREGER = "Preger et al. 2020, J. Electrochem. Soc. 167:120532, table III"
_REVIEW = "Gwayi et al. 2025, Engineering Reports 7:e70169, in a public summary of it"

WANG_2011 = PowerLaw(
    facts=Facts(
        name="wang2011",
        title="Wang 2011",
        chemistry="LFP",
        cell="A123 26650, LFP/graphite, 2.2 Ah",
        source="Wang et al. 2011, J. Power Sources 196:3942; B at C/2 and 2 C as in openSimSES",
        fitted=Fitted(
            depth=Bounds(0.1, 0.9, f"10, 20, 50, 80 and 90 % at 60 °C and C/2: {_PREGER}"),
            c_rate=Bounds(0.5, 2, f"the points between which B is interpolated; tests to 10 C: {_REVIEW}"),
        ),
        blind_to=frozenset({"window", "depth", "calendar", "plating"}),
        headline=False,
        notes=(
            "how much calendar ageing its tests hold is not known, and it has throughput alone: never in a headline",
            "B and the activation energy are held below C/2, where every V2G current is",
            f"tested from -30 to 60 °C ({_REVIEW}); which of them the fit holds is not stated: they count as outside",
        ),
    ),
    calendar=None,
    cycling=CyclingPart(
        _POWER_2011,
        31700.0,
        _rate_2011,
        lambda cycles: _discharged(CELL_2011_AH, cycles),
    ),
    counted={"C-rate held at C/2 or 2 C": _slow},
)

WANG_2014 = PowerLaw(
    facts=Facts(
        name="wang2014",
        title="Wang 2014",
        chemistry="NMC",
        cell="NMC with LMO / graphite, 1.5 Ah",
        source="Wang et al. 2014, J. Power Sources 269:937; constants as in V2G-Sim",
        fitted=Fitted(
            cycling_c=Bounds(
                10, 46, f"the four temperatures of its cycling fit, read off the paper's figure by others; so {_REVIEW}"
            )
        ),
        blind_to=frozenset({"window", "depth", "plating"}),
        notes=(
            "the calendar constant is that of V2G-Sim; the paper may have another",
            "its throughput is taken as the discharge of a 1.5 Ah cell: an assumption",
            "a blend with LMO; depths and C-rates of its cycling tests are not in the sources at hand: they count as outside",
            "temperatures and charge of its calendar tests are not in the sources at hand: they count as outside",
        ),
    ),
    calendar=CalendarPart(0.5, 24500.0, lambda _, kelvins: calendar_2014(kelvins)),
    cycling=CyclingPart(
        1.0,
        0.0,
        _rate_2014,
        lambda cycles: _discharged(CELL_2014_AH, cycles),
        k_2014,
    ),
)
