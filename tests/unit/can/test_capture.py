import threading
import time
from functools import partial

import can
import pytest

from v2g_bench.can.blf import read_blf
from v2g_bench.can.capture import Capture
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.can.trace import signal, wait_for_value
from v2g_bench.clock import RealClock
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.errors import BenchError


class ScriptedBus(can.BusABC):
    """Hands out what stands in `script`: messages and errors; then nothing."""

    def __init__(self, script=()):
        super().__init__(channel="script")
        self.channel_info = "scripted"
        self.script = list(script)
        self.lost = 0
        self.arrived = threading.Condition()

    def put(self, *items):
        with self.arrived:
            self.script += items
            self.arrived.notify()

    def _recv_internal(self, timeout):
        with self.arrived:
            if not self.script:
                self.arrived.wait(timeout)
            if not self.script:
                return None, True
            item = self.script.pop(0)
        if isinstance(item, Exception):
            raise item
        return item, True

    def send(self, msg, timeout=None):
        self.put(msg)


@pytest.fixture
def bus():
    with ScriptedBus() as bus:
        yield bus


@pytest.fixture(scope="module")
def db():
    return BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))


def message(frame_id, data=b"", **kinds):
    return can.Message(timestamp=time.time(), arbitration_id=frame_id, is_extended_id=False, data=data, **kinds)


def test_what_is_on_the_bus_is_in_the_capture(bus):
    before_s = RealClock().now_s()
    with Capture(bus) as capture:
        bus.put(message(1, b"a"), message(2, b"bc"), message(1, b"d", is_fd=True), message(0x20, is_error_frame=True))
        capture.wait_for(lambda frame: frame.frame_id == 0x20)
    after_s = RealClock().now_s()
    assert [bytes(capture.frames(1).frame(n).data) for n in range(2)] == [b"a", b"d"]
    assert len(capture.frames()) == len(capture) == 4
    assert (capture.counters.frames, capture.counters.error_frames, capture.counters.lost) == (4, 1, 0)
    timestamps = capture.frames().timestamp_s
    assert before_s - 0.001 < timestamps[0] <= timestamps[-1] < after_s + 0.001


def test_wait_for_takes_the_first_in_order(bus):
    with Capture(bus) as capture:
        bus.put(*(message(n) for n in range(10)))
        assert capture.wait_for(lambda frame: frame.frame_id > 3).frame_id == 4


def test_wait_for_is_woken_by_a_later_frame(bus):
    found = []
    with Capture(bus) as capture:
        waiter = threading.Thread(target=lambda: found.append(capture.wait_for(lambda f: f.frame_id == 7, 0.0, 20.0)))
        waiter.start()
        bus.put(message(1), message(7))
        waiter.join(20)
    assert found[0].frame_id == 7


def test_wait_for_ignores_what_was_before(bus):
    with Capture(bus) as capture:
        bus.put(message(7))
        first = capture.wait_for(lambda frame: frame.frame_id == 7)
        with pytest.raises(TimeoutError, match="none of 0 frames"):
            capture.wait_for(lambda frame: frame.frame_id == 7, since_s=first.timestamp_s + 1e-5, timeout_s=0.05)


def test_an_empty_bus_times_out(bus):
    with Capture(bus) as capture, pytest.raises(TimeoutError, match="none of 0 frames within"):
        capture.wait_for(lambda frame: True, timeout_s=0.05)


def test_a_dead_bus_fails_the_wait_and_the_stop(bus):
    capture = Capture(bus)
    capture.start()
    bus.put(*(can.CanOperationError("the hub has ended") for _ in range(3)))
    with pytest.raises(BenchError, match="the hub has ended"):
        capture.wait_for(lambda frame: True, timeout_s=20.0)
    with pytest.raises(BenchError, match="the hub has ended"):
        capture.stop()
    assert capture.counters.bus_errors == 3


@pytest.mark.parametrize("timestamp_s", [float("nan"), float("inf"), -float("inf"), 1e12, 1e300])
def test_a_stamp_that_is_no_time_fails_the_capture_and_what_came_before_is_readable(bus, tmp_path, timestamp_s):
    bus.put(message(1), message(2))
    capture = Capture(bus, tmp_path / "bus.blf")
    capture.start()
    capture.wait_for(lambda frame: frame.frame_id == 2)
    broken = message(3)
    broken.timestamp = timestamp_s
    bus.put(broken)
    with pytest.raises(BenchError, match="the capture has failed"):
        capture.wait_for(lambda frame: frame.frame_id == 4, timeout_s=5)
    with pytest.raises(BenchError, match="the capture has failed"):
        capture.stop()
    assert sum(map(len, read_blf(tmp_path / "bus.blf"))) >= 2


@pytest.mark.parametrize("error", [KeyError("id"), AttributeError("socket"), AssertionError()])
def test_whatever_the_bus_raises_is_told(bus, error):
    capture = Capture(bus)
    capture.start()
    bus.put(error)
    with pytest.raises(BenchError, match="the capture has failed"):
        capture.wait_for(lambda frame: True, timeout_s=5)
    with pytest.raises(BenchError, match="the capture has failed"):
        capture.stop()


def test_one_bus_error_is_counted_and_survived(bus):
    with Capture(bus) as capture:
        bus.put(can.CanOperationError("network is down"), message(5))
        capture.wait_for(lambda frame: frame.frame_id == 5, timeout_s=20.0)
    assert capture.counters.bus_errors == 1


def test_lost_frames_are_the_interfaces(bus):
    with Capture(bus) as capture:
        bus.lost = 12
    assert (capture.counters.lost, capture.counters.loss_known) == (12, True)
    del bus.lost
    assert capture.counters.loss_known is False


def test_the_file_holds_everything(bus, tmp_path):
    path = tmp_path / "bus.blf"
    sent = [
        message(0x80, bytes(range(64)), is_fd=True, bitrate_switch=True),
        message(0x81, b"abc"),
        message(0x82, b"12345678", is_rx=False),
        message(0x20, bytes(8), is_error_frame=True),
    ]
    sent[0].channel = "/some/path"
    with Capture(bus, path) as capture:
        bus.put(*sent)
        capture.wait_for(lambda frame: frame.frame_id == 0x20)
    with can.BLFReader(path) as reader:
        read = list(reader)
    assert [(m.arbitration_id, bytes(m.data), m.is_fd, m.is_rx) for m in read] == [
        (m.arbitration_id, bytes(m.data), m.is_fd, m.is_rx) for m in sent
    ]
    assert max(abs(a.timestamp - b.timestamp) for a, b in zip(read, sent, strict=True)) < 1e-6


def test_the_file_is_flushed_while_running(bus, tmp_path):
    """What a killed run leaves: the file read before `stop` has the frames of a second ago."""
    path = tmp_path / "bus.blf"
    with Capture(bus, path) as capture:
        bus.put(*(message(n) for n in range(100)))
        capture.wait_for(lambda frame: frame.frame_id == 99)
        deadline_s = time.monotonic() + 20
        started = threading.Event()
        while path.stat().st_size <= 144 and time.monotonic() < deadline_s:
            started.wait(0.02)
        with can.BLFReader(path) as reader:
            read = list(reader)
    assert len(read) == 100
    assert abs(read[-1].timestamp - time.time()) < 60.0  # the file's times count from its header


def test_a_file_that_cannot_be_written(bus, tmp_path):
    with pytest.raises(BenchError, match="cannot be written"):
        Capture(bus, tmp_path / "none" / "bus.blf").start()


def test_a_capture_runs_once(bus):
    capture = Capture(bus)
    capture.stop()  # not started: nothing to do
    capture.start()
    with pytest.raises(BenchError, match="has been started before"):
        capture.start()
    capture.stop()


def test_signals_of_a_capture(bus, db):
    with Capture(bus) as capture:
        for counter, value in enumerate([20.0, 30.0, 46.0]):
            frame = db.encode("BMS_Safety", {"cell_temperature_max": value}, counter)
            frame.timestamp = time.time()
            if value == 30.0:
                frame.data[8] ^= 1  # noise: the checksum does not fit
            bus.put(frame)
        hit = wait_for_value(capture, db, "cell_temperature_max", lambda value: value > 25.0)
        assert (hit.value, hit.index) == (46.0, 2)
        assert signal(capture, db, "cell_temperature_max", hit.timestamp_s)[1].tolist() == [46.0]
        with pytest.raises(TimeoutError):
            wait_for_value(capture, db, "soc", lambda value: True, timeout_s=0.05)


def test_old_frames_are_forgotten_but_in_the_file(bus, tmp_path, monkeypatch):
    monkeypatch.setattr("v2g_bench.can.columns._BLOCK", 10)
    with Capture(bus, tmp_path / "bus.blf", keep_s=0.0) as capture:
        bus.put(*(message(n) for n in range(35)))
        capture.wait_for(lambda frame: frame.frame_id == 34)
        assert 5 <= len(capture.frames()) < 20
        assert capture.counters.frames == 35
    with can.BLFReader(tmp_path / "bus.blf") as reader:
        assert len(list(reader)) == 35


def received(capture, bus, first, count, at_s):
    """Frames `first` and on, 1 s apart from `at_s` on (wall clock), and wait until the last of them is there."""
    frames = [message(first + n) for n in range(count)]
    for n, frame in enumerate(frames):
        frame.timestamp = at_s + n
    bus.put(*frames)
    return capture.wait_for(lambda frame: frame.frame_id == first + count - 1, timeout_s=20.0)


def test_who_asks_for_what_is_forgotten_is_told_so(bus, monkeypatch):
    """Fewer frames than there were would be a wrong count; a later one than the first a wrong latency."""
    monkeypatch.setattr("v2g_bench.can.columns._BLOCK", 10)
    with Capture(bus) as capture:
        begin_s = time.time()
        old = received(capture, bus, 0, 1, begin_s)
        received(capture, bus, 1, 199, begin_s + 1)
        for ask in (capture.frames, partial(capture.frames, 0), partial(capture.wait_for, lambda frame: True)):
            with pytest.raises(BenchError, match="are in its file alone"):
                ask(since_s=old.timestamp_s)
        assert 60 <= len(capture.frames()) <= 80  # a minute, in whole blocks
        assert len(capture) == 200


def test_what_a_test_holds_is_there_at_its_end(bus, monkeypatch):
    monkeypatch.setattr("v2g_bench.can.columns._BLOCK", 10)
    with Capture(bus) as capture:
        begin_s = time.time()
        first = received(capture, bus, 0, 1, begin_s)
        with capture.holding(first.timestamp_s):
            held = capture.hold(first.timestamp_s, first.timestamp_s + 4.5)
            received(capture, bus, 1, 499, begin_s + 1)
            assert len(capture.frames(since_s=first.timestamp_s)) == 500
            assert capture.wait_for(lambda frame: frame.frame_id == 3, since_s=first.timestamp_s).index == 3
        received(capture, bus, 500, 20, begin_s + 500)
        assert held.frames().frame_id.tolist() == [0, 1, 2, 3, 4]
        assert len(capture.frames()) <= 80


def test_a_search_that_falls_behind_is_an_error(bus, monkeypatch):
    monkeypatch.setattr("v2g_bench.can.columns._BLOCK", 10)
    with Capture(bus) as capture:
        begin_s = time.time()
        first = received(capture, bus, 0, 1, begin_s)

        def slow(frame):
            if len(capture) == 1:
                received(capture, bus, 1, 199, begin_s + 1)
            return False

        with pytest.raises(BenchError, match="behind"):
            capture.wait_for(slow, first.timestamp_s, timeout_s=20.0)


def test_failed_reads_of_a_whole_night_do_not_fill_the_memory(bus, monkeypatch):
    monkeypatch.setattr("v2g_bench.can.capture.KEPT_EVENTS", 3)
    monkeypatch.setattr("v2g_bench.can.capture._RECV_S", 0.001)
    with Capture(bus) as capture:
        for n in range(10):
            bus.put(can.CanOperationError(f"number {n}"), message(n))
        capture.wait_for(lambda frame: frame.frame_id == 9, timeout_s=20.0)
        assert [why for _, why in capture.interruptions] == ["number 7", "number 8", "number 9"]
        assert capture.counters.bus_errors == 10
