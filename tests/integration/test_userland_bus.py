"""The userland bus across processes: order, stamps, frame kinds, and nodes that are stopped or killed."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import can
import pytest

from v2g_bench.can.capture import Capture
from v2g_bench.can.hub import HubProcess
from v2g_bench.can.switchboard import HARD_FRAMES
from v2g_bench.can.userland import UserlandBus
from v2g_bench.errors import BenchError

BOUND_S = 60.0


@pytest.fixture
def hub(tmp_path):
    with HubProcess(tmp_path / "bus") as hub:
        yield hub


def message(frame_id=1, data=b"", **kinds):
    return can.Message(arbitration_id=frame_id, is_extended_id=False, data=data, **kinds)


def wait_until(condition):
    """Until it is true, within the bound."""
    deadline_s, pause = time.monotonic() + BOUND_S, threading.Event()
    while not condition():
        assert time.monotonic() < deadline_s
        pause.wait(0.01)


@contextlib.contextmanager
def node_process(path, code):
    """Another process with `bus` open; it runs `code`. Killed at the end if it still lives."""
    program = (
        f"import can, sys, time\nbus = can.Bus(interface='v2g_userland', channel={path!r})\nprint('up', flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program + code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "up\n"
        yield process
    finally:
        process.kill()
        process.wait(BOUND_S)
        process.stdin.close()
        process.stdout.close()


def drain(bus, count):
    """The next `count` frames as (id, data, stamp)."""
    frames = []
    for _ in range(count):
        frame = bus.recv(BOUND_S)
        assert frame is not None
        frames.append((frame.arbitration_id, bytes(frame.data), frame.timestamp))
    return frames


KINDS = {
    "classic": message(0x7FF, b"12345678"),
    "empty": message(0),
    "extended": can.Message(arbitration_id=0x1FFFFFFF, is_extended_id=True, data=b"1"),
    "remote": message(0x80, is_remote_frame=True, dlc=5),
    "fd": message(0x80, bytes(range(64)), is_fd=True),
    "fd brs": message(0x80, bytes(12), is_fd=True, bitrate_switch=True),
    "fd esi": message(0x80, bytes(48), is_fd=True, error_state_indicator=True),
    "error": message(0x40, bytes(range(8)), is_error_frame=True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_kind_arrives_as_it_was_sent(hub, kind):
    sent = KINDS[kind]
    with UserlandBus(hub.path, receive_own_messages=True) as sender, UserlandBus(hub.path) as other:
        sender.send(sent)
        echo, received = sender.recv(BOUND_S), other.recv(BOUND_S)
    for frame in (echo, received):
        assert frame.equals(sent, timestamp_delta=None, check_channel=False, check_direction=False)
    assert (echo.is_rx, received.is_rx) == (False, True)
    assert echo.timestamp == received.timestamp


def test_python_can_finds_the_interface(hub):
    with can.Bus(interface="v2g_userland", channel=hub.path, receive_own_messages=True) as bus:
        bus.send(message(5))
        assert bus.recv(BOUND_S).arbitration_id == 5
        assert os.fstat(bus.fileno())


def test_the_sender_does_not_hear_itself_unless_it_asks(hub):
    with UserlandBus(hub.path) as sender, UserlandBus(hub.path) as other:
        sender.send(message(1))
        assert other.recv(BOUND_S) is not None
        other.send(message(2))
        assert sender.recv(BOUND_S).arbitration_id == 2


def test_all_nodes_see_one_order(hub):
    """Three senders at once, three listeners: the same frames in the same order, with the same stamps."""
    each = 2000
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(UserlandBus(hub.path, receive_own_messages=True)) for _ in range(3)]
        received = [[] for _ in nodes]

        def send(number):
            for n in range(each):
                nodes[number].send(message(number, n.to_bytes(4, "big"), is_fd=True))

        def listen(number):
            received[number] = drain(nodes[number], 3 * each)

        threads = [threading.Thread(target=act, args=(n,)) for n in range(3) for act in (send, listen)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(BOUND_S)
        assert received[0] == received[1] == received[2]
        assert [node.lost for node in nodes] == [0, 0, 0]
    for number in range(3):
        own = [int.from_bytes(data, "big") for frame_id, data, _ in received[0] if frame_id == number]
        assert own == list(range(each))
    timestamps = [timestamp for _, _, timestamp in received[0]]
    assert timestamps == sorted(timestamps)


def test_stamps_are_taken_inside_send(hub):
    """Even if the hub is late: it is stopped while the frames are sent, and the stamps are still those of the send."""
    with UserlandBus(hub.path, receive_own_messages=True) as bus:
        os.kill(hub.pid, signal.SIGSTOP)
        try:
            brackets = []
            for _ in range(50):
                before_s = time.time()
                bus.send(message())
                brackets.append((before_s, time.time()))
        finally:
            os.kill(hub.pid, signal.SIGCONT)
        timestamps = [timestamp for _, _, timestamp in drain(bus, 50)]
    # Seconds since 1970 in a float have steps of 0.24 µs, rounded either way.
    for (before_s, after_s), timestamp in zip(brackets, timestamps, strict=True):
        assert before_s - 1e-6 <= timestamp <= after_s + 1e-6
    assert timestamps == sorted(timestamps)


def test_several_threads_send_through_one_node(hub):
    each = 1000
    with UserlandBus(hub.path) as sender, UserlandBus(hub.path) as other:

        def send(number):
            for n in range(each):
                sender.send(message(number, n.to_bytes(4, "big")))

        threads = [threading.Thread(target=send, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        received = drain(other, 4 * each)
        for thread in threads:
            thread.join(BOUND_S)
    for number in range(4):
        assert [int.from_bytes(d, "big") for i, d, _ in received if i == number] == list(range(each))


def test_a_killed_node_hurts_nobody(hub):
    """What it had sent still arrives; the others go on."""
    code = "for n in range(200): bus.send(can.Message(arbitration_id=n, is_extended_id=False))\ntime.sleep(600)"
    with UserlandBus(hub.path, receive_own_messages=True) as bus, node_process(hub.path, code) as process:
        assert [frame_id for frame_id, _, _ in drain(bus, 200)] == list(range(200))
        os.kill(process.pid, signal.SIGKILL)
        process.wait(BOUND_S)
        for n in range(500):
            bus.send(message(n))
        assert [frame_id for frame_id, _, _ in drain(bus, 500)] == list(range(500))
        assert bus.lost == 0
    assert hub.notices == []


@pytest.mark.parametrize("frames", [5000, HARD_FRAMES + 5000], ids=["within its queue", "beyond its queue"])
def test_a_stopped_node_hurts_nobody(hub, frames):
    """It is stopped while the bus runs at full speed. Continued, it has all frames, or is hung up on."""
    code = (
        "count, why = 0, 'all'\n"
        "try:\n"
        "    while (frame := bus.recv(60)) is not None and frame.arbitration_id != 0x7FE: count += 1\n"
        "except can.CanOperationError as error:\n"
        "    why = str(error)\n"
        "print(count, why, flush=True)\n"
    )
    with (
        UserlandBus(hub.path, receive_own_messages=True) as bus,
        UserlandBus(hub.path) as observer,
        node_process(hub.path, code) as process,
    ):
        os.kill(process.pid, signal.SIGSTOP)
        for n in range(frames):
            bus.send(message(n % 2000, bytes(64), is_fd=True), timeout=BOUND_S)
            assert bus.recv(BOUND_S).arbitration_id == n % 2000
            assert observer.recv(BOUND_S).arbitration_id == n % 2000
        assert bus.lost == observer.lost == 0
        os.kill(process.pid, signal.SIGCONT)
        # It cannot miss the last frame: it is sent until the node, which reads again, answers.
        deadline_s = time.monotonic() + BOUND_S
        answered = threading.Event()
        lines = []

        def listen():
            lines.append(process.stdout.readline())
            answered.set()

        listener = threading.Thread(target=listen)
        listener.start()
        while not answered.wait(0.05) and time.monotonic() < deadline_s:
            bus.send(message(0x7FE))
        listener.join(BOUND_S)
        count, _, why = lines[0].partition(" ")
    hung_up = [line for line in hub.notices if f"has not read {HARD_FRAMES} frames: hung up" in line]
    if frames < HARD_FRAMES:
        assert (int(count), why.strip(), hung_up) == (frames, "all", [])
    else:
        assert int(count) < frames
        assert "hang" in why or "hung up" in why
        assert len(hung_up) == 1


def test_the_hub_ends_with_its_parent(tmp_path):
    """Killed hard, the parent cannot end anything: the hub sees the end of its standard input."""
    path = tmp_path / "bus"
    program = (
        "import sys, time\nfrom v2g_bench.can.hub import HubProcess\n"
        f"hub = HubProcess({str(path)!r})\nhub.start()\nprint('up', flush=True)\ntime.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout.readline() == "up\n"
        bus = UserlandBus(path)
        parent.kill()
    with bus, pytest.raises(can.CanOperationError, match="the hub has ended"):
        bus.recv(BOUND_S)
    wait_until(lambda: not path.exists())


def test_a_hub_on_a_life_line_ends_when_it_is_told_to_and_when_the_line_is_cut(tmp_path):
    """The line outlives this process's interest in the hub: SIGTERM alone has to wake it."""
    lifeline, end = os.pipe()
    try:
        reported = HubProcess(tmp_path / "told", lifeline=lifeline)
        reported.start()
        reported.stop()
        cut = HubProcess(tmp_path / "cut", lifeline=lifeline)
        cut.start()
        os.close(end)
        end = -1
        wait_until(lambda: cut._process.poll() is not None)
        assert not (tmp_path / "cut").exists()
        with pytest.raises(BenchError, match="ended early"):
            cut.stop()
    finally:
        for handle in (lifeline, end):
            if handle >= 0:
                os.close(handle)


def test_a_hub_that_died_is_said(tmp_path):
    hub = HubProcess(tmp_path / "bus")
    hub.start()
    with UserlandBus(hub.path) as bus:
        os.kill(hub.pid, signal.SIGKILL)
        with pytest.raises(can.CanOperationError):
            bus.recv(BOUND_S)
    with pytest.raises(BenchError, match=r"the hub ended early or had to be killed \(status -9\)"):
        hub.stop()
    with pytest.raises(BenchError, match="no CAN hub is here"):
        UserlandBus(hub.path)


def test_a_second_hub_is_refused(hub):
    with pytest.raises(BenchError, match="a hub is running here already"):
        HubProcess(hub.path).start()


def test_the_hub_without_a_path():
    command = [sys.executable, "-m", "v2g_bench.can.hub"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BOUND_S, check=False)
    assert (done.returncode, done.stderr) == (2, "usage: python -m v2g_bench.can.hub PATH [WIRE]\n")


def test_the_folder_that_a_hub_needs_is_made_for_this_user_alone(tmp_path):
    with HubProcess(tmp_path / "new" / "bus"):
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_capture_on_the_bus(hub, tmp_path):
    """Echo and foreign frames, the hub's numbers without a gap, and stamps on the bench clock."""
    with (
        UserlandBus(hub.path, receive_own_messages=True) as bus,
        UserlandBus(hub.path) as other,
        Capture(bus, tmp_path / "bus.blf") as capture,
    ):
        before_s = time.monotonic()
        for n in range(500):
            (bus if n % 2 else other).send(message(n))
        capture.wait_for(lambda frame: frame.index == 499, timeout_s=BOUND_S)
        after_s = time.monotonic()
        columns = capture.frames()
        assert sorted(columns.frame_id.tolist()) == list(range(500))
        assert columns.sequence.tolist() == list(range(1, 501))
        assert before_s - 1e-4 < columns.timestamp_s[0] <= columns.timestamp_s[-1] < after_s + 1e-4
        assert capture.counters.lost == 0
    with can.BLFReader(tmp_path / "bus.blf") as reader:
        assert len(list(reader)) == 500


def test_a_capture_sees_the_hub_die(tmp_path):
    hub = HubProcess(tmp_path / "bus")
    hub.start()
    with UserlandBus(hub.path) as bus:
        capture = Capture(bus)
        capture.start()
        hub.stop()
        with pytest.raises(BenchError, match="the hub has ended"):
            capture.wait_for(lambda frame: True, timeout_s=BOUND_S)
        with pytest.raises(BenchError, match="the hub has ended"):
            capture.stop()
