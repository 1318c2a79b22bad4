"""Bridge and contactors: in the wrong order, under load, late, welded and unnoticed, closed again."""

from v2g_bench.qualification.defects.catalogue.defect import AMPERES, CLOSING, DRAWS, LINK, NEVER_OPEN, NO_LOAD, fails

BRIDGE, DEAF, NOTICED = "bridge_stops_before", "open_at_the_last_moment", "contactor_that_does_not_open"
LOADED = r"\d\.\d+ A ± .* limit <= 3\.5 A"

CONTACTORS = (
    fails("contactors_stay_closed", "SAF-21", NEVER_OPEN, NO_LOAD, title="contactors never asked to open"),
    fails("contactors_open_under_load", "SAF-21", LOADED, NO_LOAD, emulated=True),
    fails("charging_contactors_open_under_load", "SAF-21", LOADED, NO_LOAD, trials=DRAWS),
    fails("contactors_open_under_load_at_the_second_trip", "SAF-21", LOADED, NO_LOAD),
    fails("contactors_open_under_load_above_12_a", "SAF-21", LOADED, NO_LOAD, trials=DRAWS),
    fails("contactors_open_150_ms_late", "SAF-21", r"1\d\d\.\d+ ms ± .* limit <= 100 ms", NO_LOAD),
    fails("contactors_open_2_s_late", "SAF-24", r"V ± .* limit <= 60 V", LINK),
    fails("contactors_wait_for_the_current", "SAF-21", NEVER_OPEN, DEAF),
    fails("contactors_open_after_10_ms", "SAF-21", LOADED, DEAF),
    fails("last_moment_not_logged", "SAF-21", "no CONTACTORS_LAST_MOMENT", DEAF),
    fails("contactors_open_before_the_bridge_stops", "SAF-20", r"-\d+\.\d+ ms ± .* limit >= 0 ms", BRIDGE),
    fails("bridge_never_stopped", "SAF-20", "the bridge was not ordered to stop within", BRIDGE, emulated=True),
    fails("bridge_lowered_in_place_of_a_stop", "SAF-20", "the bridge was not ordered to stop within", BRIDGE),
    fails(
        "bridge_not_stopped_for_strings", "SAF-20", "the bridge was not ordered to stop within", BRIDGE, trials=DRAWS
    ),
    fails("contactors_first_at_bms_silence", "SAF-20", r"-\d+\.\d+ ms ± .* limit >= 0 ms", "bridge_stops_first"),
    fails("contactors_close_again_after_2_s", "SAF-22", r"\d\.0+ .* limit <= 0", "contactors_stay_open"),
    fails("weld_unnoticed", "SAF-23", "in the log within 2 s", NOTICED),
    fails("weld_logged_alone", "SAF-23", AMPERES, NOTICED),
    fails("bridge_starts_before_the_contactors_close", "SAF-22", r"-\d+\.\d+ ms ± .* limit >= -\d+ ms", CLOSING),
    fails("contactors_close_again_when_asked", "SAF-22", r"\d\.0+ .* limit <= 0", "contactors_stay_open"),
)
