"""Naumann et al. 2018 (calendar) and 2020 (cycling): LFP, square roots of time and of full equivalent cycles."""

from functools import partial

import numpy as np

from v2g_bench.pack.ageing.law import GAS_J_MOL_K, Bounds, Facts, Fitted
from v2g_bench.pack.ageing.power import CalendarPart, CyclingPart, PowerLaw
from v2g_bench.pack.ageing.rainflow import Cycles
from v2g_bench.pack.ageing.series import Floats
from v2g_bench.pack.ageing.stress import Stress

_ACTIVATION = 17126.0  # J/mol
_ACTIVATION_R = 71827.0
_SLOPE_MAX = 1.0923 / (4.0253 * 0.6**3)  # of the draws: a steeper cubic would be negative at small depths
_DAY_S = 86400.0
_BLAST = "BLAST-Lite 1.1.1 (NREL), lfp_gr_SonyMurata3Ah_2018"
_LEGENDS = "as the columns in github.com/zbZ113/Battery-energy-storage-zzb, configs/data_layouts/naumann_*.json"
_STORED = f"its 17 test points, the author's data doi 10.17632/kxh42bfgtj.1, {_LEGENDS}"
_CYCLED = f"the author's data doi 10.17632/6hgyr25h8d.1, {_LEGENDS}"


def k_calendar(soc: Floats, temperature_k: Floats) -> Floats:
    """Loss of capacity, 1/s^0.5."""
    warm = np.exp(-_ACTIVATION / GAS_J_MOL_K * (1.0 / temperature_k - 1.0 / 298.15))
    return 1.2571e-5 * warm * (2.8575 * (soc - 0.5) ** 3 + 0.60225)


def k_cycling(c_rate: Floats, depth: Floats, slope: float = 1.0) -> Floats:
    """Loss of capacity, share per square root of full equivalent cycles. slope: factor on the dependence on depth."""
    by_depth = 4.0253 * min(slope, _SLOPE_MAX) * (depth - 0.6) ** 3 + 1.0923
    return (0.0630 * c_rate + 0.0971) * np.maximum(by_depth, 0.0) / 100.0


def r_calendar(soc: Floats, temperature_k: Floats) -> Floats:
    """Increase of resistance, 1/s."""
    warm = np.exp(-_ACTIVATION_R / GAS_J_MOL_K * (1.0 / temperature_k - 1.0 / 298.15))
    return 3.4194e-10 * warm * (-3.3903 * (soc - 0.5) ** 2 + 1.5604)


def r_cycling(c_rate: Floats, depth: Floats, slope: float = 1.0) -> Floats:
    """Increase of resistance per full equivalent cycle; above 1.05 C the fit is negative: held at 0."""
    by_depth = np.maximum(6.8477 * slope * (depth - 0.5) ** 3 + 0.9182, 0.0)
    return np.maximum(-0.0020 * c_rate + 0.0021, 0.0) * by_depth / 100.0


def _fec(cycles: Cycles) -> Floats:
    return 0.5 * cycles.travel


def _fast(stress: Stress) -> float:
    cycles = stress.cycles
    return float(cycles.travel[cycles.c_rate > 1.05].sum() / cycles.travel.sum()) if len(cycles) else 0.0


NAUMANN = PowerLaw(
    facts=Facts(
        name="naumann",
        title="Naumann 2018/2020",
        chemistry="LFP",
        cell="Sony US26650FTC1, LFP/graphite, 3 Ah",
        source="Naumann et al. 2018, J. Energy Storage, doi 10.1016/j.est.2018.01.019 and 2020, J. Power Sources, "
        "doi 10.1016/j.jpowsour.2019.227666; constants as in simses 2.1.1",
        fitted=Fitted(
            calendar_c=Bounds(0, 60, f"0, 10, 25, 40 and 60 °C: {_STORED}"),
            calendar_soc=Bounds(0, 1, f"0 to 100 % at 25, 40 and 60 °C, 50 % at 0 and 10 °C: {_STORED}"),
            cycling_c=Bounds(25, 40, f"25 and 40 °C: {_CYCLED}; {_BLAST} has 20 to 40: the narrower"),
            depth=Bounds(0.8, 1, f"{_BLAST}, of its refit; 0.05 to 1 at 40 °C: {_CYCLED}: the narrower"),
            c_rate=Bounds(0.2, 1, f"0.2 to 1 C of charge, to 2 C of discharge: {_CYCLED}; {_BLAST} has no least"),
        ),
        blind_to=frozenset({"cycling temperature", "plating"}),
        notes=(
            "calendar tests at 0 and 10 °C at 50 % of charge alone; cycling tests at 25 °C at depths of 80 and 100 % alone",
            "resistance over SoC is squared as in simses; BLAST-Lite has it cubed",
        ),
    ),
    calendar=CalendarPart(0.5, _ACTIVATION, lambda soc, kelvins: k_calendar(soc, kelvins) * np.sqrt(_DAY_S)),
    cycling=CyclingPart(0.5, 0.0, lambda cycles: partial(k_cycling, cycles.c_rate, cycles.depth), _fec),
    resistance_calendar=CalendarPart(1.0, _ACTIVATION_R, lambda soc, kelvins: r_calendar(soc, kelvins) * _DAY_S),
    resistance_cycling=CyclingPart(1.0, 0.0, lambda cycles: partial(r_cycling, cycles.c_rate, cycles.depth), _fec),
    counted={"resistance above 1.05 C held at 0": _fast},
)
