"""The power a pack allows, over SoC and temperature: what its BMS sends as limits.

The form is that of production vehicles (facts collected in the Battery-Emulator project): full power inside a window,
linear tapers at its edges, charge and discharge apart. Charging tapers from 95 % SoC to a trickle at 100 % and ends at
4.25 V; it is forbidden at -10 °C and gains 2.8 kW per kelvin above. Discharging tapers from 5 % SoC to nothing. Both
taper from 40 °C to nothing at 50 °C.

>>> power_limits(50.0, 25.0, 25.0, 3.7, 50_000.0, 60_000.0, 27_000.0)
PowerLimits(charge_w=50000.0, discharge_w=60000.0, continuous_w=27000.0)
"""

from dataclasses import dataclass

HOT_TAPER_C, HOT_END_C = 40.0, 50.0
COLD_END_C, COLD_W_PER_K = -10.0, 2_800.0
CHARGE_TAPER_PCT, TRICKLE = 95.0, 0.02
DISCHARGE_TAPER_PCT = 5.0
CELL_FULL_V = 4.25


@dataclass(frozen=True, slots=True)
class PowerLimits:
    """Positive magnitudes, W, at the pack's terminals."""

    charge_w: float
    discharge_w: float
    continuous_w: float


def power_limits(
    soc_pct: float,
    coldest_c: float,
    hottest_c: float,
    highest_cell_v: float,
    max_charge_w: float,
    max_discharge_w: float,
    max_continuous_w: float,
) -> PowerLimits:
    """Limits for the sensed state of a pack; never above the given maxima, never below zero."""
    hot = _fall(hottest_c, HOT_TAPER_C, HOT_END_C)
    full = TRICKLE + (1.0 - TRICKLE) * _fall(soc_pct, CHARGE_TAPER_PCT, 100.0)
    empty = 1.0 - _fall(soc_pct, 0.0, DISCHARGE_TAPER_PCT)
    cold_w = max(0.0, (coldest_c - COLD_END_C) * COLD_W_PER_K)
    charge_w = 0.0 if highest_cell_v >= CELL_FULL_V else min(max_charge_w * min(hot, full), cold_w)
    discharging = min(hot, empty)
    return PowerLimits(charge_w, max_discharge_w * discharging, max_continuous_w * discharging)


def _fall(value: float, start: float, end: float) -> float:
    """1 up to `start`, falling linearly to 0 at `end`."""
    return min(1.0, max(0.0, (end - value) / (end - start)))
