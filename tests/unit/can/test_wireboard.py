"""The hub with a wire, in real time: stamps from the model, delivery after them, control, counters."""

import contextlib
import itertools
import json
import socket
import time

import can
import pytest

from v2g_bench.can import wire
from v2g_bench.can.hub import HubProcess, WireSettings
from v2g_bench.can.physics.condition import Condition
from v2g_bench.can.physics.errors import BUS_OFF, RESTARTED
from v2g_bench.can.physics.frame import WireFrame
from v2g_bench.can.physics.length import frame_bits
from v2g_bench.can.physics.remote import RemoteWire
from v2g_bench.can.physics.timing import BitTiming
from v2g_bench.can.userland import UserlandBus
from v2g_bench.errors import BenchError

BIT_S = 2e-6


@pytest.fixture
def hub(tmp_path):
    with HubProcess(tmp_path / "bus", WireSettings(seed=1)) as hub:
        yield hub


@pytest.fixture
def nodes(hub):
    with (
        UserlandBus(hub.path, receive_own_messages=True, name="bench") as bench,
        UserlandBus(hub.path, name="bms") as bms,
        UserlandBus(hub.path) as ems,
    ):
        yield bench, bms, ems


@pytest.fixture
def control(hub):
    control = RemoteWire(hub.path)
    yield control
    control.close()


def message(frame_id=0x301, length=64):
    data = bytes(range(length))
    return can.Message(arbitration_id=frame_id, is_extended_id=False, is_fd=True, bitrate_switch=True, data=data)


def received(bus, count, within_s=5.0):
    """So many data frames; AssertionError if they do not come."""
    found, until_s = [], time.monotonic() + within_s
    while len(found) < count and time.monotonic() < until_s:
        frame = bus.recv(0.1)
        if frame is not None and not frame.is_error_frame:
            found.append(frame)
    assert len(found) == count
    return found


def until(condition, within_s=5.0):
    until_s = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < until_s
        time.sleep(0.005)
    return value


def lasts_s(frame):
    bits = frame_bits(WireFrame.of(frame))
    return BitTiming().duration_s(bits.nominal, bits.data)


def test_the_stamp_is_the_end_of_the_frame_and_delivery_is_not_before_it(nodes):
    bench, bms, ems = nodes
    frame = message()
    before_s = time.time()
    bms.send(frame)
    [seen] = received(ems, 1)
    after_s = time.time()
    assert before_s + lasts_s(frame) <= seen.timestamp <= after_s + 1e-6
    assert (seen.arbitration_id, bytes(seen.data), seen.is_fd, seen.bitrate_switch) == (0x301, frame.data, True, True)
    assert received(bench, 1)[0].timestamp == seen.timestamp


def test_frames_follow_each_other_with_the_intermission_between(nodes):
    _, bms, ems = nodes
    frame = message()
    for _ in range(50):
        bms.send(frame)
    timestamps = [seen.timestamp for seen in received(ems, 50)]
    apart_s = [later - sooner for sooner, later in itertools.pairwise(timestamps)]
    assert min(apart_s) == pytest.approx(lasts_s(frame) + 3 * BIT_S, abs=1e-6)


def test_more_than_a_queue_of_frames_is_kept_and_nothing_is_lost(nodes):
    bench, bms, ems = nodes
    for number in range(1000):
        bms.send(message(length=8 if number % 2 else 64))
    assert len(received(ems, 1000)) == 1000
    assert (ems.lost, bench.lost) == (0, 0)


def test_a_node_that_goes_off_is_told_by_error_frames_and_comes_back(nodes, control):
    _bench, bms, ems = nodes
    control.set([Condition(sick="bms", sick_share=1.0)])
    bms.send(message())
    classes, until_s = 0, time.monotonic() + 5
    while not (classes & BUS_OFF and classes & RESTARTED) and time.monotonic() < until_s:
        frame = bms.recv(0.1)
        if frame is not None:
            assert frame.is_error_frame
            classes |= frame.arbitration_id
    assert classes & BUS_OFF
    assert classes & RESTARTED
    assert control.status()["nodes"]["bms"]["restarts"] == 1
    control.set([])
    bms.send(message(0x80, 8))
    assert received(ems, 1)[0].arbitration_id == 0x80


def test_the_bench_hears_the_errors_of_the_bus_and_the_controller_only_its_own_state(nodes, control):
    bench, bms, ems = nodes
    control.set([Condition(bit_error_rate=1e-3)])
    for _ in range(40):
        bms.send(message())
    until(lambda: control.status()["nodes"]["bms"]["waiting"] == 0)
    errors = [frame for frame in iter(lambda: bench.recv(0.2), None) if frame.is_error_frame]
    assert errors
    assert control.status()["destroyed"] > 0
    reported = [frame for frame in iter(lambda: ems.recv(0.1), None) if frame.is_error_frame]
    assert all(not frame.arbitration_id & 0x80 for frame in reported)  # no single bus error


def test_a_sender_that_gets_nothing_through_is_not_held_up_for_long(nodes, control):
    _, bms, ems = nodes
    control.set([Condition(load_share=1.0, load_id=0, load_length=8)])
    begun_s = time.monotonic()
    for _ in range(600):
        bms.send(message(0x80, 8), timeout=1.0)
    assert time.monotonic() - begun_s < 2.0
    status = until(lambda: (now := control.status()["nodes"]["bms"])["dropped"] >= 500 and now)
    assert status["sent"] == 0
    control.set([])
    assert [frame.arbitration_id for frame in until(lambda: only(ems, 0x80))] == [0x80]


def only(bus, frame_id):
    """The first waiting frame with this identifier, in a list; an empty one if there is none now."""
    while (frame := bus.recv(0)) is not None:
        if frame.arbitration_id == frame_id:
            return [frame]
    return []


def test_load_is_made_and_taken_away(nodes, control):
    control.set([Condition(load_share=0.5, load_id=0x7FF)])
    until(lambda: 45 < control.status()["load_pct"] < 55)
    control.set([])
    until(lambda: control.status()["load_pct"] < 1)
    assert set(control.status()["nodes"]) == {"bench", "bms", "ems"}


def test_a_short_stops_the_bus_until_it_is_taken_away(nodes, control):
    _, bms, ems = nodes
    control.set([Condition(shorted=True)])
    bms.send(message(0x80, 8))
    assert ems.recv(0.1) is None or ems.recv(0.1) is None
    assert control.status()["frames"] == 0
    control.set([])
    assert received(ems, 1)[0].arbitration_id == 0x80


def test_a_hub_without_a_wire_refuses_control(tmp_path):
    with HubProcess(tmp_path / "plain") as hub, pytest.raises(BenchError, match="no wire"):
        RemoteWire(hub.path)


def test_nonsense_on_the_control_connection_is_answered(control):
    with pytest.raises(BenchError, match="has no operation 'dance'"):
        control._ask(op="dance")
    with pytest.raises(BenchError, match="a wire has no colour"):
        control._ask(op="set", conditions=[{"colour": 1}])
    assert control.status()["frames"] == 0


CONTROL = wire.HELLO.pack(wire.MAGIC, wire.WANTS_CONTROL)


def joined(hub, hello):
    node = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    node.settimeout(10)
    node.connect(hub.path)
    node.send(hello)
    node.recv(100)
    return node


@pytest.mark.parametrize(
    "request_",
    [
        b"[" * 3000,
        b'{"op": "set", "conditions": 5}',
        b'{"op": "set", "conditions": [[1], 2]}',
        b'{"op": "set", "conditions": {"a": 1}}',
        b'{"op": "power", "power_w": 1' + b"0" * 400 + b"}",
        b'{"op": "power", "power_w": 1' + b"0" * 5000 + b"}",
        b'{"op": {"a": []}}',
        b"[1]",
        b"null",
        b"\xff" * 20,
        b'{"op": "power", "power_w": NaN}',
    ],
)
def test_a_bad_order_is_answered_with_an_error_and_ends_nothing(hub, control, request_):
    with joined(hub, CONTROL) as node:
        node.send(request_)
        assert json.loads(node.recv(wire.MAX_CONTROL))["error"]
        node.send(b'{"op": "status"}')
        assert json.loads(node.recv(wire.MAX_CONTROL))["ok"]
    assert control.status()


def test_who_does_not_read_its_answers_is_hung_up_on_and_leaves_the_wire(hub, nodes):
    bench, _, ems = nodes
    with joined(hub, CONTROL) as deaf:
        deaf.settimeout(0.2)
        with contextlib.suppress(OSError):
            for _ in range(10_000):
                deaf.send(b'{"op": "status"}')
        until(lambda: any("has not read 16 frames: hung up" in line for line in hub.notices))
        bench.send(message())
        assert received(ems, 1)
