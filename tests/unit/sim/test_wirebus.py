import can
import pytest

from v2g_bench.can import wire as packet
from v2g_bench.can.physics.condition import Condition
from v2g_bench.can.physics.frame import WireFrame
from v2g_bench.can.physics.length import frame_bits
from v2g_bench.can.physics.timing import BitTiming
from v2g_bench.faults import WireBitErrors
from v2g_bench.rig.file.load import load_rig
from v2g_bench.sim.rig import SimRig
from v2g_bench.sim.timeline import Timeline
from v2g_bench.sim.wirebus import SimWireBus


@pytest.fixture
def timeline():
    return Timeline(100.0)


@pytest.fixture
def bus(timeline):
    return SimWireBus(timeline, BitTiming(), seed=1)


def message(frame_id=0x80, length=24):
    data = bytes(range(length))
    return can.Message(arbitration_id=frame_id, is_extended_id=False, is_fd=True, bitrate_switch=True, data=data)


def test_a_frame_is_heard_and_logged_when_its_bits_are_over(bus, timeline):
    received = []
    bms, ems = object(), object()
    bus.join(bms, lambda frame: received.append(("bms", frame)), "bms")
    bus.join(ems, lambda frame: received.append(("ems", timeline.now_s())), "ems")
    frame = message()
    bus.send(bms, frame)
    timeline.pause(0.01)
    bits = frame_bits(WireFrame.of(frame))
    ends_s = 100.0 + BitTiming().duration_s(bits.nominal, bits.data)
    assert received == [("ems", pytest.approx(ends_s, abs=1e-9))]
    logged = bus.log.frame(0)
    assert (logged.frame_id, logged.data, logged.timestamp_s) == (0x80, frame.data, pytest.approx(ends_s, abs=1e-9))


def test_the_log_has_the_error_frames_of_the_benchs_node(bus, timeline):
    bms, ems = object(), object()
    bus.join(bms, lambda frame: None, "bms")
    bus.join(ems, lambda frame: None, "ems")
    bus.set([Condition(sick="bms", sick_share=1.0)])
    bus.send(bms, message())
    timeline.pause(0.1)
    flags = [bus.log.frame(place).flags for place in range(bus.log.end)]
    assert flags
    assert all(flag & packet.ERROR for flag in flags)
    assert bus.status()["nodes"]["bms"]["restarts"] == 1


def test_a_node_that_has_left_hears_and_sends_nothing(bus, timeline):
    received = []
    bms, ems = object(), object()
    bus.join(bms, lambda frame: None, "bms")
    bus.join(ems, received.append, "ems")
    bus.leave(ems)
    bus.send(ems, message())
    bus.send(bms, message(0x90))
    timeline.pause(0.01)
    assert received == []
    assert [bus.log.frame(place).frame_id for place in range(bus.log.end)] == [0x90]


def test_the_same_seed_gives_the_same_log_and_another_one_another(tmp_path):
    def log(seed):
        with SimRig(load_rig("sim-wire"), tmp_path, seed, note=lambda text: None) as parts:
            parts.world.plant.client.inject(WireBitErrors(1e-3))
            parts.clock.pause(0.5)
            store = parts.bus.capture.frames()
            return store.timestamp_s.tobytes() + store.frame_id.tobytes() + store.data.tobytes()

    assert log(1) == log(1)
    assert log(1) != log(2)
