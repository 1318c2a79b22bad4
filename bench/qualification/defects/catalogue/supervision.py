"""Supervision of the bus and of the inverter's line: what is believed, and what goes unnoticed."""

from v2g_bench.qualification.defects.catalogue.defect import DRAWS, STAYS, alone, fails

STANDS, STILL = "the discharge ends within .*: no", r"A ± .* limit <= \d+\.\d+ A"
SUPERVISION = (
    fails("counter_unchecked", "BUS-01", STAYS, "frozen_frames", title="counter unchecked, of frozen frames"),
    fails("bad_frames_feed_the_watchdog", "BUS-02", STAYS, "out_of_sequence"),
    fails("sequence_ignored", "BUS-02", STAYS, "out_of_sequence"),
    fails("sequence_ignored", "BUS-06", STANDS, "two_senders", title="sequence ignored, of two senders"),
    alone("leaky_bucket", "BUS-03", STANDS, tests="half_noise"),
    fails("heartbeat_alone_is_watched", "BUS-04", STAYS, "safety_message"),
    alone("safety_message_unwatched", "BUS-04", STAYS, tests="safety_message"),
    alone("short_frames_used", "BUS-05", STAYS, tests="too_short"),
    alone("missing_value_ignored", "BUS-07", STAYS, tests="without_a_value"),
    alone("highest_cell_alone_trips", "BUS-08", STAYS, tests="any_source"),
    alone("gap_stops", "BUS-09", r"% ± .* limit >= 90 %", tests="may_jump"),
    alone("missing_value_trips", "BUS-09", "the controller reports no trip: no", tests="that_restarts"),
    alone("bms_limits_ignored", "BUS-10", STILL, tests="limits_of_the_bms"),
    alone("bms_charge_limit_ignored", "BUS-10", STILL, tests="limits_of_the_bms"),
    alone("bms_limits_above_2_kw_ignored", "BUS-10", STILL, tests="limits_of_the_bms", trials=DRAWS),
    fails("strings_in_250_ms", "BUS-11", r"2\d\d\.\d+ ms ± .* limit <= 200 ms", "from_the_sensor"),
    *(
        alone(name, "BUS-12", "no FAULT_INVERTER_OFFLINE in the log|" + STAYS, tests="damages_every")
        for name in ("damaged_reply_is_an_answer", "damaged_reply_is_an_answer_discharging")
    ),
)
