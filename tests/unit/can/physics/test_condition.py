import json

import pytest

from v2g_bench.can.physics.bus import Wire
from v2g_bench.can.physics.condition import TRAFFIC, Condition, Conditions
from v2g_bench.can.physics.frame import WireFrame
from v2g_bench.can.physics.timing import BitTiming

SAFETY = WireFrame(0x80, bytes(range(24)), fd=True, brs=True)


@pytest.fixture
def wire():
    wire = Wire(BitTiming(), seed=1)
    for name in ("bms", "ems", "bench"):
        wire.join(name)
    return wire


def run(wire, begin_s, frames=50):
    """The BMS sends once in a ms; how many of its frames reached everybody."""
    bms, complete = wire.node("bms"), 0
    for number in range(frames):
        wire.submit(bms, SAFETY, begin_s + number * 1e-3)
        events = wire.advance(begin_s + (number + 1) * 1e-3)
        complete += sum(
            getattr(event, "sender", None) is bms and not event.repeated and not event.others for event in events
        )
    return complete


@pytest.mark.parametrize(
    "condition",
    [
        Condition(bit_error_rate=0.01),
        Condition(burst_error_rate=0.3, burst_s=0.01, gap_s=0.01),
        Condition(switching_v=20.0, ring_s=10e-6),
        Condition(terminators=1, length_m=40),
        Condition(terminators=0),
        Condition(shorted=True),
        Condition(cut="bms"),
        Condition(sick="bms", sick_share=1.0),
        Condition(sampling="ems", sample_point=0.1),
        Condition(load_share=1.0, load_id=0, load_length=8),
    ],
    ids=lambda condition: next(iter(condition.to_dict())),
)
def test_each_condition_harms_the_bus_and_is_taken_back_without_a_trace(wire, condition):
    conditions = Conditions(wire)
    conditions.power(11_000)
    assert run(wire, 0.0) == 50
    conditions.set([condition], 0.05)
    assert run(wire, 0.05) < 48
    conditions.set([], 0.1)
    wire.advance(0.2)  # the queue of what waited, and the recovery of who went off
    assert run(wire, 0.2) == 50
    assert [node.name for node in wire.nodes] == ["bms", "ems", "bench"]
    assert wire.interference.quiet


def test_several_conditions_hold_at_once(wire):
    conditions = Conditions(wire)
    conditions.set([Condition(load_share=0.3, load_id=0x7FF), Condition(terminators=1, length_m=3)], 0.0)
    wire.advance(1.15)
    status = conditions.status(1.15)
    assert status["load_pct"] == pytest.approx(30, abs=1)
    assert status["ohm"] == pytest.approx(120, rel=0.02)
    conditions.set([Condition(terminators=1, length_m=3)], 1.15)
    assert TRAFFIC not in conditions.status(1.2)["nodes"]
    assert conditions.status(1.2)["ohm"] > 100


def test_a_node_that_comes_later_meets_what_is_wrong(wire):
    conditions = Conditions(wire)
    conditions.set([Condition(cut="late")], 0.0)
    late = wire.join("late")
    conditions.joined(late, 0.1)
    assert not late.attached


def test_bridge_noise_follows_the_power(wire):
    conditions = Conditions(wire)
    conditions.set([Condition(switching_v=20.0, ring_s=10e-6)], 0.0)
    assert wire.interference.quiet
    conditions.power(-3000)
    assert not wire.interference.quiet
    conditions.power(0)
    assert wire.interference.quiet


def test_the_status_is_data_for_a_socket(wire):
    conditions = Conditions(wire)
    run(wire, 0.0, 10)
    status = json.loads(json.dumps(conditions.status(0.01)))
    assert (status["frames"], status["destroyed"], status["nodes"]["bms"]["sent"]) == (10, 0, 10)
    assert status["ohm"] == pytest.approx(60, rel=0.01)


def test_an_unknown_condition_is_refused():
    with pytest.raises(ValueError, match="a wire has no humidity"):
        Condition.from_dict({"humidity": 1})
