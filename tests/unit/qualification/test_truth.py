"""What was measured beside the truth: errors, what is too vague to tell, and who was late."""

import pytest

from v2g_bench.qualification.score import Outcome
from v2g_bench.qualification.truth import Truth

FRAME = (10.0, 10.000_02)
REACTION = {"received_s": 10.0002, "written_s": 10.0402, "answered_s": 10.0406}
END_S = 10.3


def measured(**more):
    return Outcome(delay_ms=40, **{"measured_ms": 48.6, "expanded_ms": 0.2, "verdict": "PASS"} | more)


def test_the_errors_are_measured_minus_true():
    one = Truth(FRAME, 10.04861, 10.5, REACTION).beside(measured(), 10.000_03, 10.048_65, END_S)
    assert one.void == ""
    assert one.true_ms == pytest.approx(48.6)
    assert one.t0_error_ms == pytest.approx(0.02)
    assert one.t1_error_ms == pytest.approx(0.04)
    assert one.control_ms == pytest.approx(0.4)
    assert one.plant_ms == pytest.approx(8.41)
    assert one.holds


def test_a_vague_truth_is_void():
    one = Truth((10.0, 10.002), 10.0486, 10.5, REACTION).beside(measured(), 10.0, 10.0486, END_S)
    assert one.void == "truth known to ±1.00 ms only"


def test_a_wire_that_fell_at_a_vague_time_is_no_truth():
    one = Truth(FRAME, 10.0486, 10.5, None, gone_half_s=0.000_3).beside(measured(), 10.0, 10.0486, END_S)
    assert one.void == "truth known to ±0.31 ms only"


def test_what_was_void_stays_so_for_its_reason():
    one = Truth((10.0, 10.002), None, 10.5).beside(measured(void="stalled"), 10.0, None, END_S)
    assert one.void == "stalled"


@pytest.mark.parametrize("gone_s", [10.4, None])
def test_a_responder_that_was_late_is_no_fault_of_the_bench(gone_s):
    never = measured(measured_ms=None, expanded_ms=None, verdict="FAIL", note="it never went")
    one = Truth(FRAME, gone_s, 10.5).beside(never, 10.0, None, END_S)
    assert one.void == "the responder had not isolated when the record ended"
    assert one.control_ms is one.plant_ms is one.t1_error_ms is None


def test_a_bench_that_missed_the_end_is_at_fault():
    never = measured(measured_ms=None, expanded_ms=None, verdict="FAIL", note="it never went")
    one = Truth(FRAME, 10.0486, 10.5, REACTION).beside(never, 10.0, None, END_S)
    assert one.void == ""
    assert one.wrong
    assert not one.holds


def test_a_bench_that_saw_an_end_where_there_was_none_is_wrong():
    one = Truth(FRAME, None, 10.5, REACTION).beside(measured(), 10.0, 10.0486, END_S)
    assert one.void == ""
    assert one.wrong == "truly 499.99 ms, judged PASS"
    assert not one.holds


def test_a_responder_that_has_not_written_yet_has_no_times():
    one = Truth(FRAME, 10.0486, 10.5, {"received_s": 10.2, "written_s": 0.0, "answered_s": 0.0}).beside(
        measured(), 10.0, 10.0486, END_S
    )
    assert one.control_ms is None
    assert one.plant_ms is None
