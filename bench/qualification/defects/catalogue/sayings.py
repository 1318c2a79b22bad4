"""What the controller says (log, frames, status, health) is not what is seen."""

from v2g_bench.qualification.defects.catalogue.defect import DIVERGENCE, GRADIENT, LOST, SHUTDOWN, SILENCE, fails

WORDS = (
    fails("trip_not_logged", "LOG-06", "no trip in its log", campaign=SHUTDOWN.format("log")),
    fails("log_names_another_cause", "SCN-01", "a cause that was not on the bus", campaign=SHUTDOWN.format("log")),
    fails("log_invents_a_timeout", "LOG-06", "no cause of ERR_BMS_TIMEOUT", campaign=SHUTDOWN.format("log")),
    fails("silence_not_logged", "SAF-05", "no ERR_BMS_TIMEOUT in the log", SILENCE),
    fails("gradient_not_logged", "SAF-08", "no 0x01A2 in the log", GRADIENT),
    fails("code_not_logged", "SAF-08", "no 0x01A2 in the log", GRADIENT),
    fails("divergence_not_logged", "SAF-09", "no 0x09BD in the log", DIVERGENCE),
    fails("noise_not_logged", "SAF-11", "no 0x0B22 in the log", LOST),
)

SAYINGS = (
    fails("reports_no_power", "LOG-06", "power in its frames: it says 0 W"),
    fails("reports_the_request", "LOG-06", r"setpoint_w -\d+; seen"),
    fails("reports_the_power_turned", "LOG-06", "power in its frames: it says"),
    fails("reports_a_tenth_less", "LOG-06", "power in its frames: it says"),
    fails("reports_standby", "LOG-06", "mode in its frames: it says standby"),
    fails("reports_no_trip", "LOG-06", "it says no trip|trip_latched"),
    fails("reports_a_trip_at_power", "LOG-06", "trip in its frames: it says tripped"),
    fails("reports_no_charge_only", "LOG-06", "charge.only"),
    fails("reports_charge_only_always", "LOG-06", "charge-only in its frames: it says charge-only"),
    fails("reports_charge_only_discharging", "LOG-06", "charge-only in its frames: it says charge-only", GRADIENT),
    fails("reports_another_code", "LOG-06", "0x09BD in its frames", GRADIENT),
    fails("status_never_tripped", "LOG-06", "trip_latched after a trip: no"),
    fails("status_always_tripped", "LOG-06", "trip_latched before: no"),
    fails("status_without_power", "LOG-06", "status tells power_setpoint"),
    fails("status_never_charge_only", "LOG-06", "charge_only with V2G latched off: no"),
    fails("refuses_and_does", "LOG-06", "refused power"),
    fails("accepts_and_forgets", "LOG-06", "accepted power"),
    fails("divergence_after_a_trip", "LOG-06", "no cause of 0x09BD"),
    fails("noise_after_a_trip", "LOG-06", "no cause of 0x0B22"),
    fails("offline_after_a_trip", "LOG-06", "no cause of FAULT_INVERTER_OFFLINE"),
    fails("trips_on_paper", "LOG-06", "no trip, no danger"),
    fails("second_trip_not_logged", "LOG-06", "no trip in its log"),
    fails("first_override_alone", "LOG-04", "it has an entry for"),
    fails("new_overrides_alone", "LOG-04", "it has an entry for"),
    fails("health_and_cycles_swapped", "HLT-01", "is told: no"),
    fails("health_constant", "HLT-01", "soh is told: no"),
    fails("cycles_constant", "HLT-01", "cycle_count is told: no"),
    fails("throughput_in_wh", "HLT-03", "energy_throughput is told: no"),
    fails("review_always", "HLT-02", "no review at"),
    fails("review_near_80_alone", "HLT-02", "a review at"),
    fails("gradient_stops_all", "SAF-08", "limit >= 5 %", GRADIENT),
    fails("gradient_derates_for_ever", "SAF-18", "limit -3600 to -2400 W"),
)
