"""Silence, gradient, divergence, noise, imbalance: the fallback does not come, is not one, or comes seconds too late."""

from v2g_bench.qualification.defects.catalogue.defect import (
    AMPERES,
    DIVERGENCE,
    FALLBACKS,
    GRADIENT,
    LOST,
    SILENCE,
    STAYS,
    alone,
    fails,
)

CALIBRATION = "calibration_charge_gives_v2g_back"
DAMAGED, BURSTS = "emi_leaves_charge_only and damaged", "emi_leaves_charge_only and bursts"

FALLING_BACK = (
    fails("stale_data_used", "SAF-05", STAYS, SILENCE, emulated=True, alone=True),
    fails("silence_after_a_second", "SAF-05", r"limit <= 500 ms|" + STAYS, SILENCE),
    fails("checksum_unchecked", "SAF-11", "no 0x0B22 in the log", DAMAGED),
    fails("counter_unchecked", "SCN-01", "A flows later", campaign="frozen: isolation"),
    fails("gradient_not_derated", "SAF-08", "limit <= 90 %", GRADIENT, alone=True),
    fails("gradient_derated_5_pct", "SAF-08", r"9\d\.\d+ % ± .* limit <= 90 %", GRADIENT),
    alone("gradient_relief_lost_when_asked_again", "SAF-08", "limit <= 90 %"),
    fails("gradient_limit_20_k", "SAF-08", "no 0x01A2 in the log", GRADIENT),
    fails("divergence_limit_20_pct", "SAF-09", "no 0x09BD in the log", DIVERGENCE),
    fails("slow_divergence_unseen", "SAF-09", "no 0x09BD in the log", DIVERGENCE),
    fails("divergence_keeps_discharging", "SAF-09", AMPERES, DIVERGENCE, alone=True),
    fails("divergence_forgotten", "SAF-09", AMPERES, DIVERGENCE),
    fails("calibration_not_wanted", "SAF-09", "refused before the calibration charge .*: no", CALIBRATION),
    fails("calibration_never_done", "SAF-09", "is done after the calibration charge: no", CALIBRATION),
    fails("noise_limit_60_pct", "SAF-11", "no 0x0B22 in the log", LOST),
    fails("noise_keeps_discharging", "SAF-11", AMPERES, LOST, emulated=True, alone=True),
    fails("recovers_too_soon", "SAF-11", AMPERES, LOST),
    fails("charge_only_leaks_60_w", "SAF-11", AMPERES, LOST, emulated=True),
    fails("charge_only_forbids_charging", "SAF-11", r"limit 1600 to 2400 W", BURSTS),
    fails("imbalance_ignored", "SAF-10", AMPERES, campaign=FALLBACKS.format("no-discharge")),
    fails("imbalance_forgotten", "SAF-10", AMPERES, campaign=FALLBACKS.format("no-discharge")),
)

# Seen and reported in time, and answered seconds too late.
TOO_LATE = (
    alone("gradient_derated_late", "SAF-08", "limit <= 90 %"),
    fails("v2g_ended_late", "SAF-09", AMPERES, DIVERGENCE),
    fails("v2g_ended_late", "SAF-10", AMPERES, title="v2g ended late, of imbalance"),
    fails("v2g_ended_late", "SAF-11", AMPERES, LOST, title="v2g ended late, of noise"),
    alone("high_cell_stops_late", "LIM-07", AMPERES),
    alone("low_cell_stops_late", "LIM-08", AMPERES),
    fails("over_current_ended_late", "LIM-05", AMPERES),
    fails("power_back_in_over_current", "LIM-05", AMPERES, title="power back in over-current, of a flag alone"),
)
