import pytest

from v2g_bench.can.physics.frame import WireFrame
from v2g_bench.can.physics.length import frame_bits
from v2g_bench.can.physics.line import Line
from v2g_bench.can.physics.node import QUEUE_FRAMES
from v2g_bench.can.physics.noise import BitErrors
from v2g_bench.can.physics.timing import BitTiming

from .conftest import BIT_S, LONG, SAFETY, delivered, lasts_s, wire


def test_a_frame_is_delivered_when_its_bits_are_over():
    bus, bms, _ems = wire("bms", "ems")
    bus.submit(bms, SAFETY, 0.5, "token")
    assert bus.next_s == 0.5
    assert bus.advance(0.5 + lasts_s(SAFETY) - 1e-9) == []
    [event] = bus.advance(0.5 + lasts_s(SAFETY))
    assert event.at_s == 0.5 + lasts_s(SAFETY)
    assert (event.sender, event.frame, event.token, event.others, event.repeated) == (bms, SAFETY, "token", {}, False)
    assert bus.next_s == float("inf")


def test_the_lowest_identifier_wins_when_two_begin_together_and_the_other_follows_after_the_intermission():
    bus, bms, ems = wire("bms", "ems")
    command = WireFrame(0xA0, bytes(16), fd=True, brs=True)
    bus.submit(ems, command, 0.0)
    bus.submit(bms, SAFETY, 0.0)
    first, second = bus.advance(1.0)
    assert (first.frame, second.frame) == (SAFETY, command)
    assert second.at_s - first.at_s == pytest.approx(3 * BIT_S + lasts_s(command))
    assert (ems.lost_arbitration, bms.lost_arbitration) == (1, 0)


def test_a_frame_on_the_wire_is_not_interrupted_by_a_higher_priority():
    bus, bms, ems = wire("bms", "ems")
    bus.submit(bms, LONG, 0.0)
    bus.submit(ems, SAFETY, 1e-6)
    assert [event.frame for event in bus.advance(1.0)] == [LONG, SAFETY]


def test_under_noise_every_frame_comes_late_rather_than_wrong():
    bus, bms, _ems, _bench = wire("bms", "ems", "bench")
    bus.interference.set(Line(), {"ber": BitErrors(2e-4)})
    sent, got = [], []
    for number in range(2000):
        frame = SAFETY._replace(data=number.to_bytes(24, "big"))
        sent.append(frame)
        bus.submit(bms, frame, number * 1e-3)
        got += delivered(bus.advance((number + 1) * 1e-3))
    got += delivered(bus.advance(3.0))
    assert bus.destroyed > 50
    assert bms.attempts > bms.sent
    assert [event.frame for event in got if not event.repeated] == sent
    assert all(seen is None or seen == event.frame for event in got for seen in event.others.values())


def test_the_same_seed_gives_the_same_events():
    def run():
        bus, bms, _ems = wire("bms", "ems", seed=7)
        bus.interference.set(Line(), {"ber": BitErrors(1e-3)})
        for number in range(QUEUE_FRAMES):
            bus.submit(bms, SAFETY, number * 1e-3)
        return [(event.at_s, type(event).__name__) for event in bus.advance(1.0)]

    assert run() == run()
    assert len(run()) > QUEUE_FRAMES


def test_two_nodes_with_one_identifier_and_other_data_destroy_each_other():
    bus, bms, ems, _bench = wire("bms", "ems", "bench")
    bus.submit(bms, SAFETY, 0.0)
    bus.submit(ems, SAFETY._replace(data=bytes(24)), 0.0)
    events = bus.advance(0.001)
    assert delivered(events) == []
    assert bms.counters.tec > 0
    assert ems.counters.tec > 0


def test_two_nodes_that_send_the_very_same_bits_are_one():
    bus, bms, ems = wire("bms", "ems")
    bus.submit(bms, SAFETY, 0.0)
    bus.submit(ems, SAFETY, 0.0)
    assert len(delivered(bus.advance(1.0))) == 1
    assert (bms.sent, ems.sent) == (1, 1)


def test_an_open_wire_leaves_a_node_alone_and_the_others_go_on():
    bus, bms, ems, _bench = wire("bms", "ems", "bench")
    bus.cut(bms, True, 0.0)
    bus.submit(bms, SAFETY, 0.0)
    bus.submit(ems, LONG, 0.0)
    events = bus.advance(0.1)
    assert [event.frame for event in delivered(events)] == [LONG]
    assert (bms.counters.state, bms.counters.tec, ems.counters.tec) == ("passive", 128, 0)
    bus.cut(bms, False, 0.1)
    assert [event.frame for event in delivered(bus.advance(0.2))] == [SAFETY]


def test_a_babbling_node_of_highest_priority_leaves_nothing_for_the_others():
    bus, bms, _ems, babbler = wire("bms", "ems", "babbler")
    bus.babble(babbler, WireFrame(0, bytes(8)), 1e-6, 0.0)
    bus.submit(bms, SAFETY, 1e-5)
    got = delivered(bus.advance(1.0))
    assert SAFETY not in [event.frame for event in got]
    assert bus.load.percent(1.0) > 99


def test_the_load_is_the_share_of_busy_time():
    bus, bms, _ems = wire("bms", "ems")
    bits = frame_bits(LONG)
    period_s = 4 * (BitTiming().duration_s(bits.nominal, bits.data) + 3 * BIT_S)
    bus.babble(bms, LONG, period_s, 0.0)
    bus.advance(2.05)
    assert bus.load.percent(2.05) == pytest.approx(25, abs=0.5)


def test_a_full_queue_and_a_node_that_is_off_drop_frames_and_count_them():
    bus, bms = wire("bms")
    taken = [bus.submit(bms, SAFETY, 0.0) for _ in range(QUEUE_FRAMES + 1)]
    assert taken == [True] * QUEUE_FRAMES + [False]
    assert bms.dropped == 1
