import pytest

from v2g_bench.errors import BenchError
from v2g_bench.faults import BabblingNode, DominantShort, OpenWire, SickTransceiver, WireBitErrors, WireExpectation


def status(time_s, **changes):
    nodes = {"bms": {"state": "active", "tec": 0, "errors": 3, "attempts": 10, "restarts": 1} | changes.pop("bms", {})}
    return {"time_s": time_s, "load_pct": 7.0, "frames": 100, "destroyed": 5, "nodes": nodes} | changes


@pytest.mark.parametrize(
    ("expected", "now", "met"),
    [
        (WireBitErrors(1e-4).readback(), status(1.0, destroyed=6), True),
        (WireBitErrors(1e-4).readback(), status(1.0), False),
        (SickTransceiver().readback(), status(1.0, bms={"state": "off"}), True),
        (SickTransceiver().readback(), status(1.0, bms={"restarts": 2}), True),
        (SickTransceiver().readback(), status(1.0, bms={"tec": 240}), False),
        (OpenWire().readback(), status(1.0, bms={"errors": 19}), True),
        (OpenWire().readback(), status(1.0, bms={"errors": 18}), False),
        (OpenWire("ems").readback(), status(1.0), False),
        (DominantShort().readback(), status(0.1), True),
        (DominantShort().readback(), status(0.01), False),
        (DominantShort().readback(), status(0.1, frames=140), False),
        (BabblingNode(load_pct=80).readback(), status(2.0, load_pct=85.0), True),
        (BabblingNode(load_pct=80).readback(), status(2.0), False),
    ],
)
def test_what_the_wire_shows_proves_the_fault_or_does_not(expected: WireExpectation, now, met):
    assert expected.met_by(status(0.0), now) is met


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OpenWire("charger"), "use"),
        (lambda: WireBitErrors(0.9), "rate: 0.9 is not a number from 1e-06 to 0.5"),
        (lambda: BabblingNode(frame_id=0x800), "frame_id: 2048 is not a whole number from 0 to 2047"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(make, message):
    with pytest.raises(BenchError, match=message):
        make()


def test_frames_from_before_the_fault_was_in_force_do_not_stand_against_it_for_ever():
    expected, before = DominantShort().readback(), status(0.0)
    early = status(0.03, frames=110)  # the window is not over: it is looked at again from the same status
    assert expected.next_before(before, early) is before
    late = status(0.06, frames=112)
    assert not expected.met_by(before, late)
    assert expected.met_by(expected.next_before(before, late), status(0.12, frames=112))


def test_what_is_counted_since_the_injection_is_counted_from_there():
    before = status(0.0)
    assert OpenWire().readback().next_before(before, status(9.0)) is before
