import can
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.sim.bus import SimBus, SimCapture, wire_time_s
from v2g_bench.sim.timeline import WALL_EPOCH_S


def frame(identifier=0x80, length=8, is_fd=True):
    return can.Message(arbitration_id=identifier, is_extended_id=False, is_fd=is_fd, data=bytes(length))


@pytest.fixture
def bus(timeline):
    return SimBus(timeline, 500_000, 2_000_000)


@pytest.mark.parametrize(
    ("length", "is_fd", "extended", "expected_us"),
    [(8, False, False, 222), (0, False, True, 134), (8, True, False, 107), (64, True, False, 333.5)],
)
def test_how_long_a_frame_takes(length, is_fd, extended, expected_us):
    assert 1e6 * wire_time_s(length, is_fd, extended, 500_000, 2_000_000) == pytest.approx(expected_us)


def test_frames_wait_for_each_other_and_all_others_hear_them(bus, timeline):
    received = []
    for node in ("a", "b", "c"):
        bus.join(node, lambda message, node=node: received.append((node, message.arbitration_id, timeline.now_s())))
    bus.send("a", frame(1))
    bus.send("b", frame(2))
    timeline.pause(1.0)
    one_s = wire_time_s(8, True, False, 500_000, 2_000_000)
    assert [(node, number) for node, number, _ in received] == [("b", 1), ("c", 1), ("a", 2), ("c", 2)]
    assert received[0][2] - 100.0 == pytest.approx(one_s)
    assert received[-1][2] - 100.0 == pytest.approx(2 * one_s)


def test_who_has_left_hears_nothing(bus, timeline):
    received = []
    bus.join("a", received.append)
    bus.leave("a")
    bus.send("b", frame())
    timeline.pause(1.0)
    assert received == []


def test_waiting_for_a_frame_moves_the_time_to_its_end_and_no_further(bus, timeline):
    capture = SimCapture(bus, timeline)
    timeline.at(100.5, lambda: bus.send("a", frame(7)))
    timeline.at(100.6, lambda: bus.send("a", frame(8)))
    found = capture.wait_for(lambda one: one.frame_id == 7, since_s=100.0, timeout_s=1.0)
    assert found.timestamp_s == timeline.now_s() == pytest.approx(100.5, abs=1e-3)


def test_a_frame_that_does_not_come(bus, timeline):
    with pytest.raises(TimeoutError):
        SimCapture(bus, timeline).wait_for(lambda one: True, timeout_s=0.5)
    assert timeline.now_s() == 100.5


def test_the_file_holds_every_frame_with_its_simulated_stamp(bus, timeline, tmp_path):
    capture = SimCapture(bus, timeline, tmp_path / "main.blf")
    bus.send("a", frame(1, 24))
    bus.send("a", frame(2, 8, is_fd=False))
    timeline.pause(1.0)
    capture.stop()
    with can.BLFReader(tmp_path / "main.blf") as reader:
        read = list(reader)
    assert [(one.arbitration_id, len(one.data), one.is_fd) for one in read] == [(1, 24, True), (2, 8, False)]
    assert read[0].timestamp == pytest.approx(WALL_EPOCH_S + capture.frames().timestamp_s[0], abs=1e-5)


def numbered(bus, timeline, count, step_s=1.0):
    for number in range(count):
        bus.send("a", frame(number % 0x700))
        timeline.pause(step_s)


def test_the_file_is_there_while_the_simulation_runs_and_the_memory_holds_a_minute(timeline, tmp_path, monkeypatch):
    """A killed simulation leaves what was on its bus until a simulated second ago."""
    monkeypatch.setattr("v2g_bench.can.columns._BLOCK", 10)
    bus = SimBus(timeline, 500_000, 2_000_000)
    bus.send("a", frame(0x7FF))
    timeline.pause(1.0)
    capture = SimCapture(bus, timeline, tmp_path / "main.blf")
    begin_s = timeline.now_s()
    with capture.holding(begin_s):
        held = capture.hold(begin_s, begin_s + 2.5)
        numbered(bus, timeline, 300)
        assert len(capture.frames(since_s=begin_s)) == 300
    numbered(bus, timeline, 100)
    with can.BLFReader(tmp_path / "main.blf") as reader:
        read = list(reader)
    assert [one.arbitration_id for one in read[:3]] == [0x7FF, 0, 1]  # what came before it was opened too
    assert len(read) >= 400
    assert held.frames().frame_id.tolist() == [0, 1, 2]
    assert len(capture.frames()) <= 80
    with pytest.raises(BenchError, match="in its file alone"):
        capture.frames(since_s=begin_s)
    capture.stop()
    bus.send("a", frame(1))
    timeline.pause(1.0)  # what comes after its end is not its business
