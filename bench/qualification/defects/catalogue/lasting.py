"""What shows after a time, after many trips, or after another end than the usual one."""

from v2g_bench.qualification.defects.catalogue.defect import AMPERES, STAYS, TIME, alone, fails

LATCHED = "trip_latches_until_an_authorised_reset"

LASTING = (
    alone("late_at_every_20th_trip", "END-01", TIME.format(r"(79|80)\.\d+")),
    alone("late_at_every_7th_trip", "END-01", TIME.format(r"(79|80)\.\d+")),
    alone("late_at_one_trip_in_5", "END-01", TIME.format(r"(79|80)\.\d+")),
    alone("late_at_one_trip_in_20", "END-01", TIME.format(r"(79|80)\.\d+"), trials=59),
    fails("blind_after_60_s_of_steady_power", "END-01", STAYS, "every_trip"),
    fails("blind_after_90_s", "END-01", STAYS, "every_trip"),
    fails("trip_released_after_5_s", "SAF-04", AMPERES, LATCHED),
    fails("trip_released_after_10_s", "SAF-04", AMPERES, LATCHED),
    fails("power_back_after_5_s_hot", "SAF-04", AMPERES, LATCHED),
    fails("charge_command_releases_trip", "SAF-04", AMPERES, LATCHED),
    alone("second_reset_while_hot", "SAF-04", "the reset is refused while the danger stands: no"),
    fails("plans_release_trip", "SAF-04", AMPERES, LATCHED),
    fails("power_back_by_itself_after_reset", "SAF-04", AMPERES, LATCHED),
    alone("noise_forgotten_after_10_s", "SAF-11", AMPERES),
    alone("divergence_forgotten_after_10_s", "SAF-09", AMPERES),
    alone("imbalance_forgotten_after_10_s", "SAF-10", AMPERES),
    fails("noise_forgotten_at_restart", "SAF-12", AMPERES, "charge_only_outlives and noise"),
    fails("divergence_forgotten_at_restart", "SAF-12", AMPERES, "charge_only_outlives and divergence"),
    fails("latches_lost_by_kill", "SAF-12", "the trip stands after the kill: no", "trip_outlives and kill"),
    fails(
        "latches_lost_by_kill",
        "END-02",
        "the trip stands: no",
        "latch_outlives_a_loss_of_power and trip",
        title="latches lost by a loss of power",
    ),
    fails(
        "strings_trip_forgotten_at_restart", "SAF-12", f"the trip stands after the .*: no|{AMPERES}", "trip_outlives"
    ),
    alone("silence_releases_charge_only", "SAF-12", AMPERES),
    fails("reset_of_a_trip_releases_charge_only", "SAF-12", AMPERES, "charge_only_outlives"),
    fails("reload_releases_charge_only", "SAF-12", AMPERES, "charge_only_outlives"),
    fails("override_releases_charge_only", "SAF-12", AMPERES, "charge_only_outlives"),
    alone("calibrated_at_90_pct", "SAF-09", r"complete, at 9\d\.?\d* %: no|cannot be charged"),
    alone("balanced_at_95_pct", "SAF-10", AMPERES + "|cannot be charged"),
    alone("departure_seen_15_min_before", "LIM-10", AMPERES),
    alone("departure_seen_80_min_before", "LIM-10", AMPERES),
    alone("departure_over_4_min_before", "LIM-10", f"{AMPERES}|it does not come back: no"),
    alone("departure_moves_min_soc_alone", "LIM-10", r"W ± .* limit 1600 to 2400 W"),
    alone("departure_window_widens_again", "LIM-10", r"it does not come back: no|W ± .* limit 1600 to 2400 W"),
)
