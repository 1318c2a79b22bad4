"""Dangers that are missed in one state each: forced limit, derated, after a trip, ..."""

from v2g_bench.qualification.defects.catalogue.defect import Defect, alone

ALL_ROWS = 80  # trials with which the emulated profile shows the whole matrix of states and dangers
TRIP = "(hot cell|strings apart)"


def _in_state(danger: str, states: dict[str, str], check: str = "STA-01") -> tuple[Defect, ...]:
    """Controllers that miss this danger in one state each: name -> state."""
    return tuple(alone(name, check, f"{danger} while ({state})", trials=ALL_ROWS) for name, state in states.items())


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
