import pytest

from v2g_bench.can.physics.errors import error_message
from v2g_bench.can.physics.line import Line
from v2g_bench.can.physics.noise import BitErrors

from .conftest import BIT_S, LONG, SAFETY, delivered, reported, wire


def test_a_node_alone_gets_no_acknowledge_turns_passive_and_never_goes_off():
    bus, bms = wire("bms")
    bus.submit(bms, SAFETY, 0.0)
    events = bus.advance(0.1)
    assert delivered(events) == []
    assert {event.kind for event in events} == {"ack", "state"}
    assert (bms.counters.tec, bms.counters.state) == (128, "passive")
    assert bms.attempts > 100
    bus.join("ems")
    assert [event.frame for event in delivered(bus.advance(0.2))] == [SAFETY]
    assert (bms.counters.tec, bms.counters.state) == (127, "active")


def test_a_passive_sender_waits_eight_bits_longer_for_its_repetition():
    bus, bms = wire("bms")
    bus.submit(bms, SAFETY, 0.0)
    timestamps = [event.at_s for event in bus.advance(0.1) if event.kind == "ack"]
    active, passive = timestamps[1] - timestamps[0], timestamps[-1] - timestamps[-2]
    assert passive - active == pytest.approx(8 * BIT_S)


def test_a_sick_transceiver_goes_off_after_32_errors_and_comes_back_after_128_times_11_bits():
    bus, bms, ems = wire("bms", "ems")
    bus.make_sick(bms, 1.0)
    bus.submit(bms, SAFETY, 0.0)
    events = bus.advance(1.0)
    tec = [event.tec for event in reported(events, bms, "bit")]
    assert tec == list(range(8, 257, 8))
    [off], [back] = reported(events, bms, "bus off"), reported(events, bms, "restarted")
    assert 128 * 11 * BIT_S <= back.at_s - off.at_s <= (128 * 11 + 30) * BIT_S
    assert (bms.counters.tec, bms.counters.state, bms.dropped) == (0, "active", 1)
    assert (ems.counters.rec, ems.counters.state) == (32, "active")
    assert not bus.submit(bms, SAFETY, 1.0) or bms.counters.state == "active"


def test_a_full_bus_lets_a_node_back_after_128_frames():
    bus, bms, ems, _other = wire("bms", "ems", "other")
    bus.make_sick(bms, 1.0)
    bus.submit(bms, SAFETY, 0.0)
    bus.advance(0.002)
    bus.babble(ems, LONG, 1e-6, bus.next_s if bus.next_s < 1 else 0.01)
    events = bus.advance(0.2)
    [off], [back] = reported(events, bms, "bus off"), reported(events, bms, "restarted")
    between = [event for event in delivered(events) if off.at_s < event.at_s <= back.at_s]
    assert 126 <= len(between) <= 129


def test_counters_are_readable_as_socketcan_error_frames():
    bus, bms, _ems = wire("bms", "ems")
    bus.make_sick(bms, 1.0)
    bus.submit(bms, SAFETY, 0.0)
    events = bus.advance(1.0)
    passive = error_message(next(event for event in reported(events, bms, "state") if event.state == "passive"))
    assert passive.is_error_frame
    assert passive.arbitration_id & 0x04
    assert (passive.data[1], passive.data[6], passive.data[7]) == (0x20, 128, 0)
    assert error_message(reported(events, bms, "bus off")[0]).arbitration_id & 0x40
    assert error_message(reported(events, bms, "restarted")[0]).arbitration_id & 0x100
    bit = error_message(reported(events, bms, "bit")[0])
    assert (bit.arbitration_id & 0x08, bit.data[2], bit.data[6]) == (0x08, 0x81, 8)


def test_a_dominant_short_stops_everything_and_a_sender_in_mid_frame_goes_off():
    bus, bms, ems = wire("bms", "ems")
    bus.submit(bms, LONG, 0.0)
    bus.advance(50e-6)
    bus.short(True, 100e-6)
    events = bus.advance(0.5)
    assert delivered(events) == []
    assert (bms.counters.state, ems.counters.state) == ("off", "passive")
    assert (bus.frames, bms.sent, bms.dropped) == (0, 0, 1)
    bus.submit(ems, SAFETY, 0.5)
    assert delivered(bus.advance(1.0)) == []
    bus.short(False, 1.0)
    assert [event.frame for event in delivered(bus.advance(1.1))] == [SAFETY]
    assert bms.counters.state == "active"


def test_under_noise_beyond_repair_a_node_goes_off_again_and_again_and_always_comes_back():
    bus, bms, _ems = wire("bms", "ems")
    bus.interference.set(Line(), {"ber": BitErrors(0.02)})
    events = []
    for number in range(800):
        bus.submit(bms, SAFETY, number * 1e-3)
        events += bus.advance((number + 1) * 1e-3)
    assert len(reported(events, bms, "bus off")) > 5
    assert abs(len(reported(events, bms, "bus off")) - len(reported(events, bms, "restarted"))) <= 1
    bus.interference.set(Line(), {})
    bus.advance(0.9)
    bus.submit(bms, LONG, 0.9)
    assert LONG in [event.frame for event in delivered(bus.advance(1.0))]
