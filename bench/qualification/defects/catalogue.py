"""What is broken on purpose, as data: each defect with the check that must detect it, and the reason that it must give.

check: the requirement that it breaks ("SAF-01"), or "verify" (the recomputation of a run's evidence).
verdict: of the requirement, or "wrong" for verify.
reason: a regular expression that must match the check's output. tests: as for pytest -k; without, all files that
have a test of the requirement are run.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

CONTROLLERS = "v2g_bench.qualification.defects.controllers"
Kind = Literal["controller", "part", "bench"]


@dataclass(frozen=True)
class Defect:
    """One thing that is broken; see the module's text. near_miss: inside the limit by little, and must pass.
    trials: where it shows in a share of what is drawn, how many trials of each measurement it is given; 0: as few as all.

    core: the factory in `controllers`; parts: the defects that `plugin` sets; bench: the name in `benches`; tamper: a file of
    the run that is changed afterwards. alone: it breaks this requirement, and no other may be blamed for it.
    emulated: also run on the emulated rigs. campaign: "NAME: INVARIANT" of a campaign over the controller's core, asked where
    the suite has not found it.
    """

    name: str
    kind: Kind
    check: str
    verdict: str
    reason: str
    tests: str = ""
    core: str = ""
    parts: tuple[tuple[str, dict[str, Any], str], ...] = field(default=(), hash=False)
    bench: str = ""
    tamper: str = ""
    trials: int = 0
    near_miss: bool = False
    alone: bool = False
    emulated: bool = False
    campaign: str = ""

    @property
    def of_the_suite(self) -> bool:
        """A broken controller that the suite must find: its requirement says FAIL."""
        return self.kind == "controller" and not self.near_miss

    @property
    def reference(self) -> str:
        """MODULE:FACTORY of its controller; "" for the one without defects."""
        return f"{CONTROLLERS}:{self.core}" if self.core else ""


HOT, HOT_CHARGING = "hot_cell_isolates and discharging", "hot_cell_isolates and charging and not discharging"
STRINGS, AT_LIMIT = "diverging_strings_isolate and discharging", "no_trip_at_the_limit"
SILENCE, GRADIENT = "bms_silence_stops_the_transfer and discharging", "thermal_gradient_derates"
LATCHED = "trip_latches_until_an_authorised_reset"
FIRST = "the_first_value_above_the_limit"
DIVERGENCE, CALIBRATION = "soc_divergence_blocks_v2g", "calibration_charge_gives_v2g_back"
LOST, DAMAGED, BURSTS = (f"emi_leaves_charge_only and {one}" for one in ("lost", "damaged", "bursts"))
DISCHARGE = "set_power_is_the_power and discharging"
CHARGE = "set_power_is_the_power and charging and not discharging"
SHUTDOWN, FALLBACKS = "shutdown: {}", "fallbacks: {}"  # campaigns
TIME, STAYS = r"{} ms ± .* limit <= 50 ms", "does not stay below the threshold"
AMPERES = r"\d\.\d+ A ± .* limit <= 0\.\d+ A"


def _core(name: str, check: str, verdict: str, reason: str, tests: str = "", **more: Any) -> Defect:
    title = more.pop("title", name.replace("_", " "))
    return Defect(title, "controller", check, verdict, reason, tests, core=name, **more)


def _fails(name: str, check: str, reason: str, tests: str = "", **more: Any) -> Defect:
    return _core(name, check, "FAIL", reason, tests, **more)


def _alone(name: str, check: str, reason: str, **more: Any) -> Defect:
    return _fails(name, check, reason, alone=True, **more)


def _part(name: str, verdict: str, reason: str, tests: str, *parts: Any, core: str = "", **more: Any) -> Defect:
    check = {
        DISCHARGE: "LIM-04",
        GRADIENT: "SAF-08",
        LOST: "SAF-11",
        NO_LOAD: "SAF-21",
        CLOSING: "SAF-22",
        LINK: "SAF-24",
        COOLER: "THM-07",
    }.get(tests, "SAF-01")
    return Defect(name, "part", check, verdict, reason, tests, core=core, parts=parts, **more)


def _bench(name: str, check: str, verdict: str, reason: str, tests: str = HOT, **more: Any) -> Defect:
    return Defect(more.pop("title", name.replace("_", " ")), "bench", check, verdict, reason, tests, bench=name, **more)


ISOLATES, DRAWS = "hot_cell_isolates or diverging_strings_isolate", 5

BLIND = tuple(
    _fails(name, check, f"{STAYS}|limit <= 50 ms", ISOLATES, trials=DRAWS)  # some trip when the window is over
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
    _fails("implausible_above_60_c", "SAF-01", f"{STAYS}|limit <= 50 ms", "the_last_value"),
    _fails("implausible_above_400_mv", "SAF-02", STAYS, "the_last_value"),
)

PARTIAL = (
    _fails("delivers_10_pct_more_from_3_2_to_8_kw", "LIM-04", "W ± .* limit", "any_set_power", trials=DRAWS),
    _fails("soc_limits_within_2_pct_alone", "LIM-01", AMPERES, "anywhere_below_min_soc", trials=DRAWS),
    _fails("max_soc_ignored_at_reload", "LIM-03", AMPERES, "reload_puts_new_limits and charging", trials=DRAWS),
    _fails("cell_voltages_by_their_mean", "LIM-07", AMPERES, "no_charge_above_4_1_v", trials=DRAWS),
    _fails("derates_in_the_extremes_alone", "THM-03", "limit <= 90 %", "hot_pack_derates", trials=DRAWS),
    _fails("large_discharge_granted_in_charge_only", "SAF-09", AMPERES, DIVERGENCE, trials=DRAWS),
)

TRIPS = (
    _fails("hot_cell_ignored", "SAF-01", STAYS, HOT, emulated=True),
    _fails("strings_ignored", "SAF-02", STAYS, STRINGS, alone=True),
    _fails("hot_cell_in_51_ms", "SAF-01", TIME.format(r"5[01]\.\d+"), HOT),
    _fails("hot_cell_in_55_ms", "SAF-01", TIME.format(r"5[45]\.\d+"), HOT),
    # On an emulated rig a program's own time comes on top, a millisecond or two on a busy machine.
    _fails("hot_cell_in_70_ms", "SAF-01", TIME.format(r"(69|7\d)\.\d+"), HOT, emulated=True),
    _fails("strings_in_51_ms", "SAF-02", TIME.format(r"5[01]\.\d+"), STRINGS),
    _fails("strings_in_55_ms", "SAF-02", TIME.format(r"5[45]\.\d+"), STRINGS),
    _fails("strings_in_70_ms", "SAF-02", TIME.format(r"(69|70)\.\d+"), STRINGS),
    _core("hot_cell_in_45_ms", "SAF-01", "PASS", "", HOT, near_miss=True),
    _core("hot_cell_in_49_ms", "SAF-01", "PASS", "", HOT, near_miss=True),
    _core("strings_in_49_ms", "SAF-02", "PASS", "", STRINGS, near_miss=True),
    _fails("hot_limit_50", "SAF-01", STAYS, HOT),
    _fails("hot_limit_in_volts", "SAF-01", STAYS, HOT),
    _fails("strings_limit_500_mv", "SAF-02", STAYS, STRINGS),
    _fails("hot_limit_one_bit_high", "SAF-01", STAYS, FIRST, campaign=SHUTDOWN.format("isolation")),
    _fails("strings_limit_one_bit_high", "SAF-02", STAYS, FIRST, campaign=SHUTDOWN.format("isolation")),
    _fails("hot_limit_one_bit_low", "SAF-03", "reports no trip: no", AT_LIMIT),
    _fails("strings_limit_one_bit_low", "SAF-03", "reports no trip: no", AT_LIMIT, emulated=True),
    _fails("hot_cell_averaged", "SAF-01", r"limit <= 50 ms", HOT),
    _fails("six_frames_wanted", "SAF-01", TIME.format(r"5\d\.\d+"), HOT),
    _fails("polls_every_100_ms", "SAF-01", "limit <= 50 ms", ISOLATES, campaign=SHUTDOWN.format("isolation")),
    _fails("blind_while_charging", "SAF-01", STAYS, HOT_CHARGING),
    _fails("blind_while_discharging", "SAF-01", STAYS, HOT),
    _fails("trip_does_not_latch", "SAF-04", f"stands: no|{AMPERES}", campaign=SHUTDOWN.format("latch")),
    _fails("power_accepted_after_trip", "SAF-04", f"stands: no|{AMPERES}", campaign=SHUTDOWN.format("latch")),
    _fails("contactors_stay_closed", "SCN-01", "contactors are asked for", campaign=SHUTDOWN.format("contactors")),
    _fails("inverter_not_stopped", "SAF-01", "limit <= 50 ms", campaign=SHUTDOWN.format("isolation")),
    _fails("crashes_on_danger", "SCN-01", "does not crash: no"),
)

BRIDGE, NO_LOAD, DEAF = "bridge_stops_before", "contactors_open_without_load", "open_at_the_last_moment"
NOTICED, CLOSING, LINK = "contactor_that_does_not_open", "contactors_close_through_precharge", "link_is_discharged"
COOLER, COOLER_C = "pack_is_cooler", r"°C ± .* limit <= \d+(\.\d+)? °C"
LOADED, NEVER_OPEN = r"\d\.\d+ A ± .* limit <= 3\.5 A", "not asked to open within|not reported open within"
CONTACTORS = (
    _fails("contactors_stay_closed", "SAF-21", NEVER_OPEN, NO_LOAD, title="contactors never asked to open"),
    _fails("contactors_open_under_load", "SAF-21", LOADED, NO_LOAD, emulated=True),
    _fails("charging_contactors_open_under_load", "SAF-21", LOADED, NO_LOAD, trials=DRAWS),
    _fails("contactors_open_under_load_above_12_a", "SAF-21", LOADED, NO_LOAD, trials=DRAWS),
    _fails("contactors_open_150_ms_late", "SAF-21", r"1\d\d\.\d+ ms ± .* limit <= 100 ms", NO_LOAD),
    _fails("contactors_open_2_s_late", "SAF-24", r"V ± .* limit <= 60 V", LINK),
    _fails("contactors_wait_for_the_current", "SAF-21", NEVER_OPEN, DEAF),
    _fails("contactors_open_after_10_ms", "SAF-21", LOADED, DEAF),
    _fails("last_moment_not_logged", "SAF-21", "no CONTACTORS_LAST_MOMENT", DEAF),
    _fails("contactors_open_before_the_bridge_stops", "SAF-20", r"-\d+\.\d+ ms ± .* limit >= 0 ms", BRIDGE),
    _fails("bridge_never_stopped", "SAF-20", "the bridge was not ordered to stop within", BRIDGE, emulated=True),
    _fails("bridge_lowered_in_place_of_a_stop", "SAF-20", "the bridge was not ordered to stop within", BRIDGE),
    _fails(
        "bridge_not_stopped_for_strings", "SAF-20", "the bridge was not ordered to stop within", BRIDGE, trials=DRAWS
    ),
    _fails("contactors_first_at_bms_silence", "SAF-20", r"-\d+\.\d+ ms ± .* limit >= 0 ms", "bridge_stops_first"),
    _fails("contactors_close_again_after_2_s", "SAF-22", r"\d\.0+ .* limit <= 0", "contactors_stay_open"),
    _fails("weld_unnoticed", "SAF-23", "in the log within 2 s", NOTICED),
    _fails("weld_logged_alone", "SAF-23", AMPERES, NOTICED),
    _fails("bridge_starts_before_the_contactors_close", "SAF-22", r"-\d+\.\d+ ms ± .* limit >= -\d+ ms", CLOSING),
    _fails("contactors_close_again_when_asked", "SAF-22", r"\d\.0+ .* limit <= 0", "contactors_stay_open"),
)

WORDS = (
    _fails("trip_not_logged", "LOG-06", "no trip in its log", campaign=SHUTDOWN.format("log")),
    _fails("log_names_another_cause", "SCN-01", "a cause that was not on the bus", campaign=SHUTDOWN.format("log")),
    _fails("log_invents_a_timeout", "LOG-06", "no cause of ERR_BMS_TIMEOUT", campaign=SHUTDOWN.format("log")),
    _fails("silence_not_logged", "SAF-05", "no ERR_BMS_TIMEOUT in the log", SILENCE),
    _fails("gradient_not_logged", "SAF-08", "no 0x01A2 in the log", GRADIENT),
    _fails("code_not_logged", "SAF-08", "no 0x01A2 in the log", GRADIENT),
    _fails("divergence_not_logged", "SAF-09", "no 0x09BD in the log", DIVERGENCE),
    _fails("noise_not_logged", "SAF-11", "no 0x0B22 in the log", LOST),
)

POWERS = (
    _fails("power_sign_wrong", "LIM-04", r"(29|30)\d\d\.\d W ± .* limit -3060 to -2940 W|asked for", DISCHARGE),
    _fails("power_5_pct_high", "LIM-04", r"-31\d\d\.\d W ± .* limit -3060 to -2940 W", DISCHARGE, emulated=True),
    _fails("power_3_pct_low", "LIM-04", r"-2[89]\d\d\.\d W ± .* limit -3060 to -2940 W", DISCHARGE),
    _fails("power_100_w_off", "LIM-04", r"-3[01]\d\d\.\d W ± .* limit -3060 to -2940 W", DISCHARGE),
    _fails("charge_power_5_pct_low", "LIM-04", r"28\d\d\.\d W ± .* limit 2940 to 3060 W", CHARGE),
    _fails("accepts_and_does_nothing", "LIM-04", "limit -3060 to -2940 W", DISCHARGE),
)

FALLING_BACK = (
    _fails("stale_data_used", "SAF-05", STAYS, SILENCE, emulated=True, alone=True),
    _fails("silence_after_a_second", "SAF-05", r"limit <= 500 ms|" + STAYS, SILENCE),
    _fails("checksum_unchecked", "SAF-11", "no 0x0B22 in the log", DAMAGED),
    _fails("counter_unchecked", "SCN-01", "A flows later", campaign="frozen: isolation"),
    _fails("gradient_not_derated", "SAF-08", "limit <= 90 %", GRADIENT, alone=True),
    _fails("gradient_derated_5_pct", "SAF-08", r"9\d\.\d+ % ± .* limit <= 90 %", GRADIENT),
    _fails("gradient_limit_20_k", "SAF-08", "no 0x01A2 in the log", GRADIENT),
    _fails("divergence_limit_20_pct", "SAF-09", "no 0x09BD in the log", DIVERGENCE),
    _fails("divergence_keeps_discharging", "SAF-09", AMPERES, DIVERGENCE, alone=True),
    _fails("divergence_forgotten", "SAF-09", AMPERES, DIVERGENCE),
    _fails("calibration_not_wanted", "SAF-09", "refused before the calibration charge .*: no", CALIBRATION),
    _fails("calibration_never_done", "SAF-09", "is done after the calibration charge: no", CALIBRATION),
    _fails("noise_limit_60_pct", "SAF-11", "no 0x0B22 in the log", LOST),
    _fails("noise_keeps_discharging", "SAF-11", AMPERES, LOST, emulated=True, alone=True),
    _fails("recovers_too_soon", "SAF-11", AMPERES, LOST),
    _fails("charge_only_leaks_60_w", "SAF-11", AMPERES, LOST, emulated=True),
    _fails("charge_only_forbids_charging", "SAF-11", r"limit 1600 to 2400 W", BURSTS),
    _fails("imbalance_ignored", "SAF-10", AMPERES, campaign=FALLBACKS.format("no-discharge")),
    _fails("imbalance_forgotten", "SAF-10", AMPERES, campaign=FALLBACKS.format("no-discharge")),
)

# For each requirement a controller that breaks it and no other; some stand above.
ONE_EACH = (
    _alone("hot_cell_late_at_full_power", "SAF-01", TIME.format(r"(69|70)\.\d+"), trials=DRAWS),
    _alone("trips_at_limit", "SAF-03", "the controller reports no trip: no"),
    _alone("reset_while_hot", "SAF-04", "the reset is refused while the cell is hot: no"),
    _alone("inverter_silence_ignored", "SAF-06", "no FAULT_INVERTER_OFFLINE in the log"),
    _alone("starts_blind", "SAF-07", AMPERES),
    _fails("imbalance_forgotten", "SAF-10", AMPERES, "imbalance_keeps", title="imbalance forgotten, as certified"),
    _fails("restart_releases_latches", "SAF-12", "the trip stands after the restart: no", "trip_outlives and restart"),
    _fails("reload_releases_trip", "SAF-12", "the trip stands after the reload: no", "trip_outlives and reload"),
    _alone("trip_asleep_in_charge_only", "SAF-13", STAYS),
    _alone("short_trip_taken_back", "SAF-14", "the trip is still reported: no"),
    _alone("damage_believed_while_charging", "SAF-15", "no trip: no|% ± .* limit >= 90 %"),
    _alone("commands_spoiled", "SAF-16", "every checksum and counter is right: no .*wrong checksum"),
    _alone("trouble_codes_ignored", "SAF-17", "the discharge ends within 15 s: no"),
    _alone("discharges_at_min_soc", "LIM-01", AMPERES),
    _alone("charges_at_max_soc", "LIM-02", AMPERES),
    _alone("broken_limits_become_defaults", "LIM-03", "is refused: no"),
    _alone("reload_ignored", "LIM-03", AMPERES),
    _alone("power_off_3_pct_near_3_kw", "LIM-04", r"-30\d\d\.\d W ± .* limit -3060 to -2940 W"),
    _alone("over_current_ignored", "LIM-05", AMPERES),
    _alone("continuous_rating_ignored", "LIM-06", r"W ± .* limit >= -\d"),
    _alone("cells_charged_too_high", "LIM-07", AMPERES),
    _alone("cells_discharged_too_low", "LIM-08", AMPERES),
    _alone("low_soc_not_derated", "LIM-09", "W ± .* limit >= -9900 W"),
    _alone("departure_ignored", "LIM-10", AMPERES),
    _alone("micro_cycle_ignored", "LIM-11", "the discharge ends: no"),
    _alone("override_ignored", "LIM-12", "W ± .* limit -3600 to -2400 W"),
    _alone("cooling_one_kelvin_early", "THM-01", r"no cooling at 31\.5 °C: no"),
    _alone("policy_forgotten", "THM-02", "cooling at 29 °C: no"),
    _alone("heat_not_derated", "THM-03", "% ± .* limit <= 90 %"),
    _alone("cold_not_derated", "THM-04", "% ± .* limit <= 90 %"),
    _fails("precooling_ignored", "THM-05", "cooling before the window: no", "cooled_before"),
    _alone("precooling_for_a_minute", "THM-07", COOLER_C),
    _fails("precooling_in_the_last_minute", "THM-07", COOLER_C, COOLER),
    _alone("derating_untold", "THM-06", "derating told at 42 °C: no"),
    _alone("cycles_unknown", "HLT-01", "cycle_count is told: no"),
    _alone("review_late", "HLT-02", "a review at .* %: no"),
    _alone("throughput_stuck", "HLT-03", "energy_throughput is told: no"),
    _alone("cries_wolf", "LOG-01", "no fault code in it: no .*0x05F1"),
    _alone("code_without_words", "LOG-02", "no 0x01A2.*High Thermal Gradient.* in the log"),
    _alone("override_unlogged", "LOG-03", "in the log within 2 s"),
    _alone("record_forged", "LOG-04", "the record is whole.*: no"),
    _alone("code_without_remedy", "LOG-05", r"no 0x01A2.*coolant.* in the log"),
)

# What shows in a combination or afterwards, and on the other side of a boundary.
TOGETHER = (
    _alone("strings_limit_310_mv", "SAF-02", STAYS),
    _alone("reset_forgets_the_second_danger", "SAF-04", "refused while the strings diverge: no"),
    _alone("silence_releases_trip", "SAF-12", "the trip stands after the silence: no"),
    _alone("trip_asleep_under_noise", "SAF-13", STAYS),
    _alone("silence_for_ever", "SAF-18", r"W ± .* limit -3600 to -2400 W"),
    _alone("over_current_for_ever", "SAF-18", r"W ± .* limit -3600 to -2400 W"),
    _alone("noise_for_ever", "SAF-18", "nothing stays latched: no"),
    _alone("inverter_offline_for_ever", "SAF-18", r"W ± .* limit -3600 to -2400 W"),
    _alone("gradient_limit_6_k", "SAF-19", r"no code in the log: no \(0x01A2\)"),
    _alone("divergence_limit_3_pct", "SAF-19", r"no code in the log: no \(0x09BD\)"),
    _alone("noise_limit_half_a_pct", "SAF-19", r"no code in the log: no \(0x0B22\)"),
    _alone("discharge_runs_through_min_soc", "LIM-01", "not beyond it: no"),
    _alone("charge_runs_through_max_soc", "LIM-02", "not beyond it: no"),
)

STANDS, STILL = "the discharge ends within .*: no", r"A ± .* limit <= \d+\.\d+ A"
SUPERVISION = (
    _fails("counter_unchecked", "BUS-01", STAYS, "frozen_frames", title="counter unchecked, of frozen frames"),
    _fails("bad_frames_feed_the_watchdog", "BUS-02", STAYS, "out_of_sequence"),
    _fails("sequence_ignored", "BUS-02", STAYS, "out_of_sequence"),
    _fails("sequence_ignored", "BUS-06", STANDS, "two_senders", title="sequence ignored, of two senders"),
    _alone("leaky_bucket", "BUS-03", STANDS, tests="half_noise"),
    _fails("heartbeat_alone_is_watched", "BUS-04", STAYS, "safety_message"),
    _alone("safety_message_unwatched", "BUS-04", STAYS, tests="safety_message"),
    _alone("short_frames_used", "BUS-05", STAYS, tests="too_short"),
    _alone("missing_value_ignored", "BUS-07", STAYS, tests="without_a_value"),
    _alone("highest_cell_alone_trips", "BUS-08", STAYS, tests="any_source"),
    _alone("gap_stops", "BUS-09", r"% ± .* limit >= 90 %", tests="may_jump"),
    _alone("missing_value_trips", "BUS-09", "the controller reports no trip: no", tests="that_restarts"),
    _alone("bms_limits_ignored", "BUS-10", STILL, tests="limits_of_the_bms"),
    _alone("bms_charge_limit_ignored", "BUS-10", STILL, tests="limits_of_the_bms"),
    _fails("strings_in_250_ms", "BUS-11", r"2\d\d\.\d+ ms ± .* limit <= 200 ms", "from_the_sensor"),
    _alone(
        "damaged_reply_is_an_answer", "BUS-12", "no FAULT_INVERTER_OFFLINE in the log|" + STAYS, tests="damages_every"
    ),
)

# What shows after a time, after many trips, or after another end than the usual one.
LASTING = (
    _alone("late_at_every_20th_trip", "END-01", TIME.format(r"(79|80)\.\d+")),
    _alone("late_at_every_7th_trip", "END-01", TIME.format(r"(79|80)\.\d+")),
    _alone("late_at_one_trip_in_5", "END-01", TIME.format(r"(79|80)\.\d+")),
    _alone("late_at_one_trip_in_20", "END-01", TIME.format(r"(79|80)\.\d+"), trials=59),
    _fails("blind_after_90_s", "END-01", STAYS, "every_trip"),
    _fails("trip_released_after_5_s", "SAF-04", AMPERES, LATCHED),
    _fails("trip_released_after_10_s", "SAF-04", AMPERES, LATCHED),
    _fails("power_back_after_5_s_hot", "SAF-04", AMPERES, LATCHED),
    _fails("charge_command_releases_trip", "SAF-04", AMPERES, LATCHED),
    _alone("second_reset_while_hot", "SAF-04", "the reset is refused while the cell is hot: no"),
    _fails("plans_release_trip", "SAF-04", AMPERES, LATCHED),
    _alone("noise_forgotten_after_10_s", "SAF-11", AMPERES),
    _alone("divergence_forgotten_after_10_s", "SAF-09", AMPERES),
    _alone("imbalance_forgotten_after_10_s", "SAF-10", AMPERES),
    _fails("noise_forgotten_at_restart", "SAF-12", AMPERES, "charge_only_outlives and noise"),
    _fails("divergence_forgotten_at_restart", "SAF-12", AMPERES, "charge_only_outlives and divergence"),
    _fails("latches_lost_by_kill", "SAF-12", "the trip stands after the kill: no", "trip_outlives and kill"),
    _fails(
        "latches_lost_by_kill",
        "END-02",
        "the trip stands: no",
        "latch_outlives_a_loss_of_power and trip",
        title="latches lost by a loss of power",
    ),
    _alone("silence_releases_charge_only", "SAF-12", AMPERES),
    _alone("calibrated_at_90_pct", "SAF-09", r"complete, at 9\d\.?\d* %: no|cannot be charged"),
    _alone("balanced_at_95_pct", "SAF-10", AMPERES + "|cannot be charged"),
    _alone("departure_seen_15_min_before", "LIM-10", AMPERES),
    _alone("departure_moves_min_soc_alone", "LIM-10", r"W ± .* limit 1600 to 2400 W"),
    _alone("departure_window_widens_again", "LIM-10", "it does not come back: no"),
)

# Seen and reported in time, and answered seconds too late.
TOO_LATE = (
    _alone("gradient_derated_late", "SAF-08", "limit <= 90 %"),
    _fails("v2g_ended_late", "SAF-09", AMPERES, DIVERGENCE),
    _fails("v2g_ended_late", "SAF-10", AMPERES, title="v2g ended late, of imbalance"),
    _fails("v2g_ended_late", "SAF-11", AMPERES, LOST, title="v2g ended late, of noise"),
    _alone("high_cell_stops_late", "LIM-07", AMPERES),
    _alone("low_cell_stops_late", "LIM-08", AMPERES),
    _fails("over_current_ended_late", "LIM-05", AMPERES),
    _fails("power_back_in_over_current", "LIM-05", AMPERES, title="power back in over-current, of a flag alone"),
)

# What it says is not what is seen.
SAYINGS = (
    _fails("reports_no_power", "LOG-06", "power in its frames: it says 0 W"),
    _fails("reports_the_request", "LOG-06", r"setpoint_w -\d+; seen"),
    _fails("reports_the_power_turned", "LOG-06", "power in its frames: it says"),
    _fails("reports_a_tenth_less", "LOG-06", "power in its frames: it says"),
    _fails("reports_standby", "LOG-06", "mode in its frames: it says standby"),
    _fails("reports_no_trip", "LOG-06", "it says no trip|trip_latched"),
    _fails("reports_a_trip_at_power", "LOG-06", "trip in its frames: it says tripped"),
    _fails("reports_no_charge_only", "LOG-06", "charge.only"),
    _fails("reports_charge_only_always", "LOG-06", "charge-only in its frames: it says charge-only"),
    _fails("reports_another_code", "LOG-06", "0x09BD in its frames"),
    _fails("status_never_tripped", "LOG-06", "trip_latched after a trip: no"),
    _fails("status_always_tripped", "LOG-06", "trip_latched before: no"),
    _fails("status_without_power", "LOG-06", "status tells power_setpoint"),
    _fails("status_never_charge_only", "LOG-06", "charge_only with V2G latched off: no"),
    _fails("refuses_and_does", "LOG-06", "refused power"),
    _fails("accepts_and_forgets", "LOG-06", "accepted power"),
    _fails("divergence_after_a_trip", "LOG-06", "no cause of 0x09BD"),
    _fails("noise_after_a_trip", "LOG-06", "no cause of 0x0B22"),
    _fails("offline_after_a_trip", "LOG-06", "no cause of FAULT_INVERTER_OFFLINE"),
    _fails("trips_on_paper", "LOG-06", "no trip, no danger"),
    _fails("second_trip_not_logged", "LOG-06", "no trip in its log"),
    _fails("first_override_alone", "LOG-04", "it has an entry for"),
    _fails("health_and_cycles_swapped", "HLT-01", "is told: no"),
    _fails("health_constant", "HLT-01", "soh is told: no"),
    _fails("cycles_constant", "HLT-01", "cycle_count is told: no"),
    _fails("throughput_in_wh", "HLT-03", "energy_throughput is told: no"),
    _fails("review_always", "HLT-02", "no review at"),
    _fails("review_near_80_alone", "HLT-02", "a review at"),
    _fails("gradient_stops_all", "SAF-08", "limit >= 5 %", GRADIENT),
    _fails("gradient_derates_for_ever", "SAF-18", "limit -3600 to -2400 W"),
)

ALL_ROWS = 80  # trials with which the emulated profile shows the whole matrix of states and dangers
TRIP = "(hot cell|strings apart)"


def _in_state(danger: str, states: dict[str, str], check: str = "STA-01") -> tuple[Defect, ...]:
    """Controllers that miss this danger in one state each: name -> state."""
    return tuple(_alone(name, check, f"{danger} while ({state})", trials=ALL_ROWS) for name, state in states.items())


IN_STATES = (
    *_in_state(
        TRIP,
        {
            "blind_with_forced_limit": "forced limit",
            "blind_with_departure": "departure planned",
            "blind_with_window": "V2G window|pre-cooling",
            "blind_in_gradient": "gradient",
            "blind_over_current": "over-current flagged",
            "blind_while_diverged": "SoC diverged",
            "blind_while_imbalanced": "imbalance latched",
            "blind_while_noisy": "noise latched",
            "blind_while_cooling": "cooling|derated",
            "blind_while_precooling": "pre-cooling",
            "blind_while_derated": "derated",
            "blind_in_standby": "standby",
            "blind_in_precharge": "precharging",
            "blind_after_command": "after a command",
            "blind_after_reload": "reloading",
            "not_armed_after_bms_silence": "after BMS silence",
            "not_armed_after_outage": "after inverter silence",
            "not_armed_after_over_current": "after over-current",
            "not_armed_after_trip": "after a trip",
            "no_strings_with_forced_limit": "forced limit",
        },
    ),
    *_in_state(
        "over-current",
        {
            "flag_unseen_with_departure": "departure planned",
            "flag_unseen_in_gradient": "gradient",
            "flag_unseen_after_bms_silence": "after BMS silence",
            "over_current_is_an_edge": ".*",
            "over_current_at_start_is_none": "starting",
            "power_back_in_over_current": ".*",
        },
    ),
    *_in_state(
        "BMS silent",
        {
            "silence_unseen_with_forced_limit": "forced limit",
            "silence_unseen_with_departure": "departure planned",
            "silence_unseen_in_gradient": "gradient",
            "silence_unseen_while_charge_only": "SoC diverged",
            "silence_seen_once": "after BMS silence",
        },
    ),
    *_in_state(
        "inverter silent",
        {
            "outage_unseen_while_charging": "charging",
            "outage_unseen_with_window": "V2G window|pre-cooling",
            "outage_unseen_in_gradient": "gradient",
            "outage_seen_once": "after inverter silence",
            "outage_unseen": ".*",
        },
    ),
    *_in_state(
        "imbalance",
        {
            "imbalance_unseen_after_trip": "after a trip",
            "imbalance_unseen_with_window": "V2G window|pre-cooling",
        },
        check="STA-02",
    ),
    *_in_state(
        "SoC diverges",
        {"divergence_unseen_with_forced_limit": "forced limit", "divergence_unseen_while_charging": "charging"},
        check="STA-02",
    ),
)

DIGITIZER, ANALYZER, MULTIMETER = "meters.dc_current", "meters.ac_power", "meters.multimeter"
CONTRADICTION = "contradict each other: "
PARTS = (
    _part(
        "contactor welded and inverter that acknowledges and does not act",
        "FAIL",
        STAYS,
        HOT,
        ("plant", {"weld_contactor": True, "ignore_stop": True}, "power"),
        emulated=True,
    ),
    _part("contactor welded", "ERROR", "reports a welded contactor", HOT, ("plant", {"weld_contactor": True}, "power")),
    _part(
        "contactor 100 ms slow",
        "FAIL",
        r"1\d\d\.\d+ ms ± .* limit <= 100 ms",
        NO_LOAD,
        ("plant", {"contactor_open_extra_s": 0.1}, "start"),
    ),
    _part("precharge skipped", "FAIL", r"0\.0+ .* limit >= 1", CLOSING, ("plant", {"skip_precharge": True}, "start")),
    _part("link that stays live", "FAIL", "V ± .* limit <= 60 V", LINK, ("plant", {"weld_contactor": True}, "power")),
    _part("pump that does not run", "FAIL", COOLER_C, COOLER, ("plant", {"pump_failed": True}, "start")),
    _part("contactor that stays closed", "FAIL", NEVER_OPEN, NO_LOAD, ("plant", {"weld_contactor": True}, "power")),
    _part(
        "contactor and bridge 100 ms slow",
        "FAIL",
        TIME.format(r"1\d\d\.\d+"),
        HOT,
        ("plant", {"contactor_open_extra_s": 0.1, "bridge_stop_extra_s": 0.1}, "start"),
    ),
    _part(
        "inverter that ignores its setpoint",
        "INCONCLUSIVE",
        "asked for -3000 W",
        HOT,
        ("plant", {"ignore_setpoint": True}, "start"),
    ),
    _part(
        "inverter that gives 10 % more",
        "FAIL",
        r"-3[23]\d\d\.\d W ± .* limit -3060",
        DISCHARGE,
        ("plant", {"power_gain": 1.1}, "start"),
    ),
    _part("meter stuck", "ERROR", "the reading is stuck", HOT, (DIGITIZER, {"stuck": True}, "start"), emulated=True),
    _part(
        "meter scaled to a thousandth over a forbidden discharge",
        "ERROR",
        CONTRADICTION,
        LOST,
        (DIGITIZER, {"scale": 0.001}, "start"),
        core="noise_keeps_discharging",
    ),
    _part("meter scaled by a half", "ERROR", CONTRADICTION, HOT, (DIGITIZER, {"scale": 0.5}, "start"), emulated=True),
    _part("meter 20 % high", "ERROR", CONTRADICTION, HOT, (DIGITIZER, {"scale": 1.2}, "start")),
    _part("meter with its leads swapped", "ERROR", CONTRADICTION, HOT, (DIGITIZER, {"scale": -1.0}, "start")),
    _part("meter that does not answer", "ERROR", "no answer", HOT, (DIGITIZER, {"hang": True}, "power")),
    _part(
        "digitizer with a wrong time base",
        "ERROR",
        "two edges of the sync line are|readings came",
        HOT,
        (DIGITIZER, {"time_base": 0.5}, "start"),
        core="hot_cell_in_70_ms",
    ),
    _part("half of a block", "ERROR", r"meters\.dc_current", HOT, (DIGITIZER, {"truncated_block": True}, "power")),
    _part("analyzer that shows a half", "ERROR", CONTRADICTION, GRADIENT, (ANALYZER, {"scale": 0.5}, "start")),
    _part("analyzer with its sign turned", "ERROR", CONTRADICTION, DISCHARGE, (ANALYZER, {"scale": -1.0}, "start")),
    _part(
        "analyzer 5 % high",
        "INCONCLUSIVE",
        "sources of AC .* analyzer",
        DISCHARGE,
        (ANALYZER, {"scale": 1.05}, "start"),
    ),
    _part(
        "multimeter 5 % low",
        "INCONCLUSIVE",
        "sources of AC .* multimeter",
        DISCHARGE,
        (MULTIMETER, {"scale": 0.95}, "start"),
    ),
    _part("meter 5 % high", "INCONCLUSIVE", "sources of DC current", HOT, (DIGITIZER, {"scale": 1.05}, "start")),
    _part(
        "inverter's registers 5 % high",
        "INCONCLUSIVE",
        "sources of AC power.* inverter",
        DISCHARGE,
        ("plant", {"inverter_scale": 1.05}, "start"),
    ),
    _part(
        "BMS's current 5 % high",
        "INCONCLUSIVE",
        "sources of DC current.* BMS",
        HOT,
        ("plant", {"bms_current_scale": 1.05}, "start"),
    ),
    _part("analyzer that stands still", "ERROR", "no answer", GRADIENT, (ANALYZER, {"stuck": True}, "power")),
)

BENCH = (
    _bench("empty_capture", "SAF-01", "ERROR", "not seen on the bus|no frame|came lately"),
    _bench("wrong_database", "SAF-01", "ERROR", "not seen on the bus", title="wrong DBC"),
    _bench("nothing_injected", "SAF-01", "ERROR", "not seen on the bus"),
    _bench("nothing_taken_back", "SAF-01", "ERROR", "still on the bus"),
    _bench("no_trials", "SAF-01", "INCONCLUSIVE", "nothing was judged"),
    _bench("nothing_recorded", "SAF-01", "ERROR", CONTRADICTION),
    _bench("t0_from_the_call", "verify", "wrong", "t0", title="verdict from the time of the call"),
    _bench("t0_is_late", "verify", "wrong", "t0", title="verdict from a time after the frame"),
    _bench("budget_without_clock_link", "SAF-01", "ERROR", "lacks clock link"),
    _bench("budget_without_the_record", "SAF-01", "ERROR", "lacks crossing in the record"),
    _bench("everything_passes", "verify", "wrong", "recomputed: FAIL", core="hot_cell_in_70_ms"),
    _bench("crossing_too_early", "verify", "wrong", "recomputed", core="hot_cell_in_70_ms"),
    _bench("", "verify", "wrong", "results.json", title="a verdict edited afterwards", tamper="results.json"),
    _bench("", "verify", "wrong", "waveforms", title="a waveform edited afterwards", tamper="waveforms"),
    _bench("", "verify", "wrong", "main.blf", title="a capture edited afterwards", tamper="main.blf"),
)

CATALOGUE: tuple[Defect, ...] = (
    *TRIPS,
    *BLIND,
    *IMPLAUSIBLE,
    *PARTIAL,
    *CONTACTORS,
    *WORDS,
    *POWERS,
    *FALLING_BACK,
    *SUPERVISION,
    *ONE_EACH,
    *TOGETHER,
    *LASTING,
    *TOO_LATE,
    *SAYINGS,
    *IN_STATES,
    *PARTS,
    *BENCH,
)
