"""Schmalstieg et al. 2014: calendar ageing with t^0.75 over voltage and temperature, cycling with sqrt(Ah) over depth.

C = 1 - a t^0.75 - b sqrt(Q); t in days, Q in Ah charged and discharged by the 2.05 Ah cell.
"""

from collections.abc import Callable

import numpy as np

from v2g_bench.pack.ageing.law import GAS_J_MOL_K, Bounds, Facts, Fitted, occupied
from v2g_bench.pack.ageing.power import CalendarPart, CyclingPart, PowerLaw
from v2g_bench.pack.ageing.rainflow import Cycles
from v2g_bench.pack.ageing.series import Floats
from v2g_bench.pack.ageing.stress import Stress

CELL_AH = 2.05
_PAPER = "Schmalstieg et al. 2014, J. Power Sources 257:325, doi 10.1016/j.jpowsour.2014.02.012"
_BLAST = "BLAST-Lite 1.1.1 (NREL), nmc111_gr_Sanyo2Ah_2014"
_DIGITISED = "as read off by a public script of fits ('to generate the best fit for total_aging.py')"
_REVIEW = "Gwayi et al. 2025, Engineering Reports 7:e70169, in a public summary of it: 35-50 °C"
_PREGER = "Preger et al. 2020, J. Electrochem. Soc. 167:120532, table III, of Ecker et al. 2014 (the same cell)"

# OCV of the Sanyo UR18650E over SoC: Ecker et al. 2013 below 10 %, else read off figure 1 of the paper by BLAST-Lite
_SOC_TEXT = (
    "0 0.0086 0.0268 0.0449 0.0631 0.0812 0.0993 0.1175 0.1356 0.1538 0.1719 0.1901 0.2082 0.2263 0.2445 0.2626 "
    "0.2808 0.2989 0.3171 0.3352 0.3533 0.3715 0.3896 0.4078 0.4259 0.4441 0.4622 0.4803 0.4985 0.5166 0.5348 "
    "0.5529 0.5711 0.5892 0.6073 0.6255 0.6436 0.6618 0.6799 0.698 0.7162 0.7343 0.7525 0.7706 0.7888 0.8069 0.825 "
    "0.8432 0.8613 0.8795 0.8976 0.9158 0.9339 0.952 0.9702 0.9883 0.9982 1"
)
_OCV_TEXT = (
    "3.331 3.345 3.3792 3.4116 3.4406 3.4663 3.4903 3.5113 3.5299 3.5472 3.5617 3.575 3.5864 3.5971 3.6055 3.6134 "
    "3.6203 3.6264 3.6321 3.6369 3.6421 3.6469 3.6521 3.6576 3.6635 3.6702 3.6774 3.6868 3.6964 3.7083 3.7206 "
    "3.7344 3.7496 3.7653 3.7811 3.7979 3.8146 3.8325 3.8498 3.8669 3.8845 3.9008 3.9178 3.9348 3.9535 3.972 3.9914 "
    "4.0118 4.032 4.052 4.0708 4.0878 4.1042 4.1201 4.136 4.1525 4.1606 4.162"
)
_SOC = np.array([float(word) for word in _SOC_TEXT.split()])
_OCV_V = np.array([float(word) for word in _OCV_TEXT.split()])

_FINE = np.linspace(0.0, 1.0, 1001)
_SQUARES = np.concatenate([[0.0], np.cumsum(np.interp(0.5 * (_FINE[1:] + _FINE[:-1]), _SOC, _OCV_V) ** 2) * 1e-3])


def ocv_v(soc: Floats) -> Floats:
    """OCV of the cell in V at SoC 0..1, held at its ends."""
    return np.asarray(np.interp(soc, _SOC, _OCV_V))


def quadratic_mean_v(cycles: Cycles) -> Floats:
    """(k,) V: the quadratic mean of the OCV over each cycle's window, every SoC in it weighing the same."""
    low = np.clip(cycles.mean - 0.5 * cycles.depth, 0.0, 1.0)
    high = np.clip(cycles.mean + 0.5 * cycles.depth, 0.0, 1.0)
    width = high - low
    squares = np.interp(high, _FINE, _SQUARES) - np.interp(low, _FINE, _SQUARES)
    at_point = ocv_v(cycles.mean)
    return np.asarray(np.sqrt(np.divide(squares, width, out=at_point**2, where=width > 2e-3)))


def a_cap(voltage: Floats, temperature_k: Floats) -> Floats:
    """Calendar factor of the capacity, 1/day^0.75; below 3.1486 V the fit is negative: held at 0."""
    return np.maximum(7.543 * voltage - 23.75, 0.0) * 1e6 * np.exp(-6976.0 / temperature_k)


def a_res(voltage: Floats, temperature_k: Floats) -> Floats:
    """Calendar factor of the resistance, 1/day^0.75; below 3.0968 V the fit is negative: held at 0."""
    return np.maximum(5.270 * voltage - 16.32, 0.0) * 1e5 * np.exp(-5986.0 / temperature_k)


def b_cap(voltage: Floats, depth: Floats, slope: float = 1.0) -> Floats:
    """Cycling factor of the capacity, 1/Ah^0.5. slope: factor on the dependence on depth."""
    return 7.348e-3 * (voltage - 3.667) ** 2 + 7.60e-4 + 4.081e-3 * slope * depth


def b_res(voltage: Floats, depth: Floats, slope: float = 1.0) -> Floats:
    """Cycling factor of the resistance, 1/Ah; at depths below 5 % near 3.725 V the fit is negative: held at 0."""
    return np.maximum(2.153e-4 * (voltage - 3.725) ** 2 - 1.521e-5 + 2.798e-4 * slope * depth, 0.0)


def _capacity_rate(cycles: Cycles) -> Callable[[float], Floats]:
    voltage = quadratic_mean_v(cycles)
    return lambda slope: b_cap(voltage, cycles.depth, slope)


def _resistance_rate(cycles: Cycles) -> Callable[[float], Floats]:
    voltage = quadratic_mean_v(cycles)
    return lambda slope: b_res(voltage, cycles.depth, slope)


def _amount_ah(cycles: Cycles) -> Floats:
    return cycles.travel * CELL_AH


def _shrinking(stress: Stress) -> float:
    """The share of the cycles' travel at which b_res is held at 0."""
    cycles = stress.cycles
    held = b_res(quadratic_mean_v(cycles), cycles.depth) <= 0
    return float(cycles.travel[held].sum() / cycles.travel.sum()) if len(cycles) else 0.0


def _low_voltage(stress: Stress) -> float:
    """The share of the hours at which a_cap is held at 0."""
    soc, _, hours = occupied(stress)
    return float(hours[ocv_v(soc) < 23.75 / 7.543].sum() / hours.sum())


SCHMALSTIEG = PowerLaw(
    facts=Facts(
        name="schmalstieg",
        title="Schmalstieg 2014",
        chemistry="NMC",
        cell="Sanyo UR18650E, NMC111/graphite, 2.05 Ah",
        source=f"{_PAPER}; constants as in {_BLAST}, SimSES and EV2Gym",
        fitted=Fitted(
            calendar_c=Bounds(35, 50, f"35, 40 and 50 °C: figure 9 of the paper, {_DIGITISED}; {_REVIEW}"),
            calendar_soc=Bounds(0, 0.95, f"3.33 to 4.12 V: figure 8, {_DIGITISED}; {_BLAST} has 0 to 1: the narrower"),
            cycling_c=Bounds(35, 35, f"all cycling at 35 °C: {_BLAST} (its range: 20 to 40); {_PREGER}"),
            depth=Bounds(0.05, 1, f"5, 10, 20, 50, 80 and 100 %: {_PREGER}; {_BLAST} has 0 to 1: the narrower"),
            c_rate=Bounds(1, 1, f"all cycling at 1 C: {_BLAST}; {_PREGER}"),
        ),
        blind_to=frozenset({"cycling temperature", "c_rate", "plating"}),
        notes=(
            "calendar tests at 35 to 50 °C with 50 % of charge, and over charge at 50 °C alone: a cooler pack is outside",
            "square root of the throughput, linear in depth: too hard beyond 1500 equivalent full cycles",
        ),
    ),
    calendar=CalendarPart(0.75, 6976.0 * GAS_J_MOL_K, lambda soc, kelvins: a_cap(ocv_v(soc), kelvins)),
    cycling=CyclingPart(0.5, 0.0, _capacity_rate, _amount_ah),
    resistance_calendar=CalendarPart(0.75, 5986.0 * GAS_J_MOL_K, lambda soc, kelvins: a_res(ocv_v(soc), kelvins)),
    resistance_cycling=CyclingPart(1.0, 0.0, _resistance_rate, _amount_ah),
    counted={"capacity below 3.149 V held at 0": _low_voltage, "resistance of small cycles held at 0": _shrinking},
)
