"""The trip: late, at another limit, not latched; or blind to a part of what can happen."""

from v2g_bench.qualification.defects.catalogue.defect import (
    AMPERES,
    DRAWS,
    HOT,
    ISOLATES,
    MANY,
    SHUTDOWN,
    STAYS,
    TIME,
    fails,
    near_miss,
)

STRINGS = "diverging_strings_isolate and discharging"
HOT_CHARGING = "hot_cell_isolates and charging and not discharging"
AT_LIMIT, FIRST = "no_trip_at_the_limit", "the_first_value_above_the_limit"

TRIPS = (
    fails("hot_cell_ignored", "SAF-01", STAYS, HOT, emulated=True),
    fails("strings_ignored", "SAF-02", STAYS, STRINGS, alone=True),
    fails("hot_cell_in_51_ms", "SAF-01", TIME.format(r"5[01]\.\d+"), HOT),
    fails("hot_cell_in_55_ms", "SAF-01", TIME.format(r"5[45]\.\d+"), HOT),
    # On an emulated rig a program's own time comes on top, a millisecond or two on a busy machine.
    fails("hot_cell_in_70_ms", "SAF-01", TIME.format(r"(69|7\d)\.\d+"), HOT, emulated=True),
    fails("strings_in_51_ms", "SAF-02", TIME.format(r"5[01]\.\d+"), STRINGS),
    fails("strings_in_55_ms", "SAF-02", TIME.format(r"5[45]\.\d+"), STRINGS),
    fails("strings_in_70_ms", "SAF-02", TIME.format(r"(69|70)\.\d+"), STRINGS),
    near_miss("hot_cell_in_45_ms", "SAF-01", HOT),
    near_miss("hot_cell_in_49_ms", "SAF-01", HOT),
    near_miss("strings_in_49_ms", "SAF-02", STRINGS),
    fails("hot_limit_50", "SAF-01", STAYS, HOT),
    fails("hot_limit_in_volts", "SAF-01", STAYS, HOT),
    fails("strings_limit_500_mv", "SAF-02", STAYS, STRINGS),
    fails("hot_limit_one_bit_high", "SAF-01", STAYS, FIRST, campaign=SHUTDOWN.format("isolation")),
    fails("strings_limit_one_bit_high", "SAF-02", STAYS, FIRST, campaign=SHUTDOWN.format("isolation")),
    fails("hot_limit_one_bit_low", "SAF-03", "reports no trip: no", AT_LIMIT),
    fails("strings_limit_one_bit_low", "SAF-03", "reports no trip: no", AT_LIMIT, emulated=True),
    fails("hot_cell_averaged", "SAF-01", r"limit <= 50 ms", HOT),
    fails("six_frames_wanted", "SAF-01", TIME.format(r"5\d\.\d+"), HOT),
    fails("polls_every_100_ms", "SAF-01", "limit <= 50 ms", ISOLATES, campaign=SHUTDOWN.format("isolation")),
    fails("modules_from_the_9th_on_unread", "BUS-08", STAYS, "any_source and module", trials=MANY),
    fails("blind_while_charging", "SAF-01", STAYS, HOT_CHARGING),
    fails("blind_while_discharging", "SAF-01", STAYS, HOT),
    fails("trip_does_not_latch", "SAF-04", f"stands: no|{AMPERES}", campaign=SHUTDOWN.format("latch")),
    fails("power_accepted_after_trip", "SAF-04", f"stands: no|{AMPERES}", campaign=SHUTDOWN.format("latch")),
    fails("contactors_stay_closed", "SCN-01", "contactors are asked for", campaign=SHUTDOWN.format("contactors")),
    fails("inverter_not_stopped", "SAF-01", "limit <= 50 ms", campaign=SHUTDOWN.format("isolation")),
    fails("crashes_on_danger", "SCN-01", "does not crash: no"),
)

BLIND = tuple(
    fails(name, check, f"{STAYS}|limit <= 50 ms", ISOLATES, trials=DRAWS)  # some trip when the window is over
    for name, check in (
        ("blind_below_1500_w", "SAF-01"),
        ("blind_from_3100_w_to_10_kw", "SAF-01"),
        ("blind_above_60_pct", "SAF-01"),
        ("blind_below_45_pct", "SAF-01"),
        ("blind_for_300_ms_after_a_command", "SAF-01"),
        ("blind_up_to_45_4_c", "SAF-01"),
        ("trips_on_steps_alone", "SAF-01"),
        ("trips_at_the_usual_point_alone", "SAF-01"),
        ("trips_at_known_values_alone", "SAF-01"),
    )
)

IMPLAUSIBLE = (
    fails("implausible_above_60_c", "SAF-01", f"{STAYS}|limit <= 50 ms", "the_last_value"),
    fails("implausible_above_400_mv", "SAF-02", STAYS, "the_last_value"),
)
