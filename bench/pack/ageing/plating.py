"""Lithium plating: hours and ampere-hours of charging above the current from which it can begin.

Three limit curves, since where it begins differs tenfold between models: low is where KIT's law begins, middle and high
are two cells in an electrochemical model (DFN, isothermal, PyBaMM). They state the highest C-rate that keeps the anode
above 0 V up to 50, 80 and 90 % SoC. Below 50 % the value of 50 % is taken, which is on the safe side; above 90 % and
outside -10..35 °C the value at the edge, and the hours there are counted. Discharge never plates.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from v2g_bench.pack.ageing.kit import CELL_AH, anode_v, effective_resistance, ocv_v, resistance_ohm
from v2g_bench.pack.ageing.law import kelvin
from v2g_bench.pack.ageing.series import Floats, Series
from v2g_bench.pack.ageing.stress import Stress

LIMIT_SOC = np.array([0.5, 0.8, 0.9])
LIMIT_TEMPERATURE_C = np.array([-10.0, 0.0, 5.0, 10.0, 15.0, 25.0, 35.0])


@dataclass(frozen=True)
class LimitCurve:
    """C-rates (7, 3) at LIMIT_TEMPERATURE_C x LIMIT_SOC, and where they are from."""

    c_rate: Floats
    source: str

    def at(self, soc: Floats, temperature_c: Floats) -> Floats:
        """The limit in 1/h at each SoC and temperature: linear between the points, held at the edges."""
        row, up = _between(LIMIT_TEMPERATURE_C, temperature_c)
        column, right = _between(LIMIT_SOC, soc)
        low = self.c_rate[row, column] * (1 - right) + self.c_rate[row, column + 1] * right
        high = self.c_rate[row + 1, column] * (1 - right) + self.c_rate[row + 1, column + 1] * right
        return np.asarray(low * (1 - up) + high * up)


def _between(axis: Floats, value: Floats) -> "tuple[np.typing.NDArray[np.int64], Floats]":
    place = np.interp(value, axis, np.arange(len(axis), dtype=float))
    low = np.minimum(place.astype(np.int64), len(axis) - 2)
    return low, place - low


def kit_onset(soc: float, temperature_c: float) -> float:
    """The C-rate at which KIT's law begins to plate in a new cell: where the anode, at terminal voltage, reaches 0 V."""
    rate = np.linspace(0.0, 5.0, 50_001)
    voltage = ocv_v(np.array([soc])) + CELL_AH * rate * resistance_ohm(0.0)
    below = anode_v(voltage) < effective_resistance(kelvin(np.array([temperature_c])), 0.0) * rate
    return float(rate[np.argmax(below)]) if below.any() else float(rate[-1])


_DFN = "PyBaMM DFN, isothermal, charge from 20 % SoC, anode above 0 V, parameters"
CURVES: Mapping[str, LimitCurve] = {
    "low": LimitCurve(
        np.array([[kit_onset(soc, warm) for soc in LIMIT_SOC.tolist()] for warm in LIMIT_TEMPERATURE_C.tolist()]),
        "onset of the plating term of bat-age-model (Luh, KIT 2024)",
    ),
    "middle": LimitCurve(
        np.array(
            [
                [0.32, 0.16, 0.14],
                [0.48, 0.25, 0.22],
                [0.56, 0.31, 0.28],
                [0.68, 0.38, 0.34],
                [0.79, 0.46, 0.39],
                [1.08, 0.65, 0.58],
                [1.48, 0.93, 0.79],
            ]
        ),
        f"{_DFN} O'Kane 2022 (LG M50)",
    ),
    "high": LimitCurve(  # 2.9 is where the search ended: the limit is higher there
        np.array(
            [
                [0.52, 0.26, 0.19],
                [1.0, 0.48, 0.34],
                [1.37, 0.63, 0.44],
                [1.8, 0.79, 0.56],
                [2.28, 1.0, 0.7],
                [2.9, 1.54, 1.08],
                [2.9, 2.37, 1.67],
            ]
        ),
        f"{_DFN} Ecker 2015 (Kokam)",
    ),
}


@dataclass(frozen=True)
class Exceedance:
    """Charging above a limit: hours; Ah charged meanwhile; the Ah of them that are beyond the limit.

    outside_h: the hours of charging, above the limit or not, beyond the temperatures or the 90 % SoC of the curve.
    """

    hours: float
    charged_ah: float
    beyond_ah: float
    outside_h: float


def exceedance(series: Series, curve: LimitCurve) -> Exceedance:
    """Of a series, sample by sample; unknown intervals do not count."""
    known = series.known
    soc = 0.5 * (series.soc[:-1] + series.soc[1:])[known]
    warm = 0.5 * (series.temperature_c[:-1] + series.temperature_c[1:])[known]
    hours = np.diff(series.time_s)[known] / 3600.0
    return _above(curve, soc, warm, series.c_rate[known], hours, series.capacity_ah)


def exceedance_of(stress: Stress, curve: LimitCurve) -> Exceedance:
    """Of a stress: its hours with current on their grid; what lies within a grid step of the limit is approximate."""
    flow = stress.flow
    return _above(curve, flow.soc, flow.temperature_c, flow.c_rate, flow.hours, stress.capacity_ah)


def _above(
    curve: LimitCurve, soc: Floats, temperature_c: Floats, c_rate: Floats, hours: Floats, capacity_ah: float
) -> Exceedance:
    limit = curve.at(soc, temperature_c)
    charging, above = c_rate > 0, c_rate > limit
    outside = (
        (temperature_c < LIMIT_TEMPERATURE_C[0]) | (temperature_c > LIMIT_TEMPERATURE_C[-1]) | (soc > LIMIT_SOC[-1])
    )
    return Exceedance(
        hours=float(hours[above].sum()),
        charged_ah=float((c_rate * hours)[above].sum() * capacity_ah),
        beyond_ah=float(((c_rate - limit) * hours)[above].sum() * capacity_ah),
        outside_h=float(hours[charging & outside].sum()),
    )
