"""The switchboard in a thread of the test: its paths, and what it does with nodes that lag."""

import socket
import stat
import threading

import can
import pytest

from v2g_bench.can import switchboard, wire
from v2g_bench.can.switchboard import Switchboard
from v2g_bench.can.userland import UserlandBus
from v2g_bench.errors import BenchError


@pytest.fixture
def hub(tmp_path):
    """A running switchboard; its parent's end closes it."""
    (tmp_path / "bus").mkdir()
    board = Switchboard(tmp_path / "bus" / "hub")
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=board.serve, args=(theirs.fileno(),))
    thread.start()
    yield board
    ours.close()
    thread.join(10)
    assert not thread.is_alive()
    board.close()
    theirs.close()
    assert not board.path.exists()


def message(frame_id=1, data=b""):
    return can.Message(arbitration_id=frame_id, is_extended_id=False, data=data)


def test_only_this_user_can_reach_it(hub):
    assert stat.S_IMODE(hub.path.stat().st_mode) == 0o600


def test_a_living_hub_keeps_its_path(hub):
    with pytest.raises(BenchError, match="a hub is running here already"):
        Switchboard(hub.path)


def test_a_dead_hubs_socket_is_replaced(tmp_path):
    path = tmp_path / "hub"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as old:
        old.bind(str(path))
    Switchboard(path).close()


def test_paths_that_cannot_be_a_bus(tmp_path):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(BenchError, match="is no socket"):
        Switchboard(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "precious"
    with pytest.raises(BenchError, match="at most 107 bytes"):
        Switchboard(tmp_path / ("x" * 110))
    with pytest.raises(BenchError, match="no bus can be opened here"):
        Switchboard(tmp_path / "file" / "hub")


@pytest.mark.parametrize("hello", [b"hello", b"V2G0\x00", b""])
def test_a_stranger_is_hung_up_on(hub, hello):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        stranger.settimeout(10)
        stranger.connect(str(hub.path))
        stranger.send(hello)
        assert stranger.recv(100) == b""
    with UserlandBus(hub.path, receive_own_messages=True) as bus:  # and the bus goes on
        bus.send(message())
        assert bus.recv(10) is not None


def test_a_stub_of_a_frame_is_hung_up_on(hub):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as node:
        node.settimeout(10)
        node.connect(str(hub.path))
        node.send(wire.HELLO.pack(wire.MAGIC, 0))
        assert len(node.recv(100)) == wire.WELCOME.size
        node.send(b"abc")
        assert node.recv(100) == b""


HELLO = wire.HELLO.pack(wire.MAGIC, 0)


def joined(hub, hello=HELLO):
    """A node that speaks for itself."""
    node = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    node.settimeout(10)
    node.connect(str(hub.path))
    if hello:
        node.send(hello)
        node.recv(100)
    return node


def all_of(bus):
    while bus.recv(10) is not None:
        pass


def everything(node):
    """All packets up to the end."""
    return list(iter(lambda: node.recv(200), b""))


def test_a_node_that_does_not_read_is_hung_up_on_and_reads_why(hub, monkeypatch, capsys):
    monkeypatch.setattr(switchboard, "HARD_FRAMES", 500)
    with UserlandBus(hub.path) as deaf, UserlandBus(hub.path, receive_own_messages=True) as bus:
        for n in range(3000):
            bus.send(message(n % 2000), timeout=10)
            assert bus.recv(10).arbitration_id == n % 2000
        with pytest.raises(
            can.CanOperationError, match="the hub hangs up: you have not read 500 frames that wait for you"
        ):
            all_of(deaf)
        with pytest.raises(can.CanOperationError, match="hung up"):
            deaf.recv(10)
        assert bus.lost == 0
    assert capsys.readouterr().err.count("has not read 500 frames: hung up") == 1


def test_one_that_does_not_read_why_either_is_hung_up_on(hub, monkeypatch):
    monkeypatch.setattr(switchboard, "HARD_FRAMES", 50)
    monkeypatch.setattr(switchboard, "LAST_S", 0.0)
    with joined(hub) as deaf, UserlandBus(hub.path, receive_own_messages=True) as bus:
        for n in range(1000):
            bus.send(message(n), timeout=10)
            assert bus.recv(10) is not None
        packets = everything(deaf)
    assert not any(wire.DOWN.unpack_from(packet)[4] & wire.LAST for packet in packets)
    assert len(packets) < 1000


def lagging(board, frames, progress_s):
    """A node of this board with so many frames that wait for it; nothing runs."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.setblocking(False)
    node = switchboard._Node(theirs, len(board.nodes) + 1)
    node.ready = True
    node.queue.extend([b"x"] * frames)
    node.progress_s = progress_s
    board.nodes[node.fd] = node
    board._epoll.register(node.fd, 0)
    return node, ours


def test_a_slow_reader_holds_up_who_sends_more_than_a_bus_carries_and_nobody_else(tmp_path, monkeypatch):
    now_s = 1000.0
    monkeypatch.setattr(switchboard.time, "monotonic", lambda: now_s)
    board = Switchboard(tmp_path / "hub")
    slow, end = lagging(board, switchboard.SOFT_FRAMES + 1, now_s)
    (floods, end_2), (sends, end_3) = lagging(board, 0, now_s), lagging(board, 0, now_s)
    held = {floods: 0, sends: 0}
    for _ in range(1000):  # of 1 ms, in each of which the reader takes a frame, and comes no further
        now_s += 0.001
        slow.progress_s = now_s
        floods.allowance -= 0 if floods.held else switchboard._BATCH
        sends.allowance -= 1  # 1000 frames a second: four times what a BMS sends
        board._regulate()
        for node in held:
            held[node] += node.held
    assert held[sends] == 0
    assert held[floods] > 500
    slow.queue.clear()
    board._regulate()
    assert not floods.held
    board.close()
    for one in (end, end_2, end_3):
        one.close()


def test_one_that_takes_nothing_holds_up_nobody(tmp_path):
    board = Switchboard(tmp_path / "hub")
    now_s = switchboard.time.monotonic()
    _, end = lagging(board, switchboard.SOFT_FRAMES + 1, now_s - 1)
    floods, end_2 = lagging(board, 0, now_s)
    floods.allowance = -1e6
    board._regulate()
    assert not floods.held
    board.close()
    end.close()
    end_2.close()


def test_a_reader_that_is_slow_for_a_time_loses_nothing(hub, monkeypatch):
    """The reader takes a pause now and then, the sender is much faster, and waits."""
    monkeypatch.setattr(switchboard, "SOFT_FRAMES", 50)
    monkeypatch.setattr(switchboard, "HARD_FRAMES", 5000)
    monkeypatch.setattr(switchboard, "STALL_S", 60.0)
    total = 3000
    with UserlandBus(hub.path) as reader, UserlandBus(hub.path) as sender:

        def flood():
            for n in range(total):
                sender.send(message(n % 2000), timeout=30)

        thread = threading.Thread(target=flood)
        thread.start()
        pause = threading.Event()
        for n in range(total):
            assert reader.recv(30).arbitration_id == n % 2000
            if n % 500 == 0:
                pause.wait(0.01)
        thread.join(30)
        assert reader.lost == 0


def test_one_that_never_greets_is_hung_up_on(hub, monkeypatch, capsys):
    monkeypatch.setattr(switchboard, "GREETING_S", 0.0)
    with joined(hub, hello=b"") as node:
        assert node.recv(100) == b""
    assert "has not greeted within 0 s: hung up" in capsys.readouterr().err


def test_more_nodes_than_it_has_room_for_are_hung_up_on(hub):
    hub._room = 2
    with UserlandBus(hub.path, receive_own_messages=True) as first, joined(hub) as second:
        with joined(hub, hello=b"") as third:
            assert third.recv(100) == b""
        second.close()
        first.send(message())
        assert first.recv(10) is not None
        with UserlandBus(hub.path):  # there is room again
            pass


UP = wire.UP.pack


@pytest.mark.parametrize(
    "packet",
    [
        UP(1, 0, 9) + bytes(9),
        UP(1, 0, 8),
        UP(1, 0, 0) + b"x",
        UP(1, wire.REMOTE, 8) + bytes(8),
        UP(1, wire.REMOTE, 9),
        UP(1, wire.FD, 9) + bytes(9),
        UP(1, wire.FD, 64) + bytes(63),
        UP(1, wire.FD | wire.REMOTE, 0),
        UP(0x800, 0, 0),
        UP(1 << 29, wire.EXTENDED, 0),
        UP(0xFFFFFFFF, 255, 255),
    ],
)
def test_a_frame_that_cannot_exist_is_not_passed_on(hub, packet, capsys):
    with joined(hub) as liar, UserlandBus(hub.path) as bus:
        liar.send(packet)
        liar.send(UP(0x12, wire.LAST | wire.ECHO, 0))  # what no node may claim
        frame = bus.recv(10)
        assert (frame.arbitration_id, frame.is_rx) == (0x12, True)
    assert "a frame that cannot exist: not passed on" in capsys.readouterr().err


def test_a_packet_that_is_too_long_is_hung_up_on(hub, capsys):
    with joined(hub) as node, UserlandBus(hub.path, receive_own_messages=True) as bus:
        node.send(UP(1, wire.FD, 64) + bytes(1000))
        assert everything(node) == []
        bus.send(message())
        assert bus.recv(10) is not None
    assert "sent more than 90 bytes that are no frame: hung up" in capsys.readouterr().err


def test_it_does_not_fill_its_log(hub, monkeypatch, capsys):
    monkeypatch.setattr(switchboard, "NOTICES", 3)
    for _ in range(6):
        with joined(hub) as node:
            node.send(b"abc")
            assert node.recv(100) == b""
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert lines[-1] == "hub: further notices are left out"


def test_late_stamps_are_brought_into_order(tmp_path):
    board = Switchboard(tmp_path / "hub")
    timestamps = []
    board._send = lambda node, packet: timestamps.append(wire.DOWN.unpack_from(packet)[1])
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    node = switchboard._Node(theirs, 1)
    node.ready = node.echo = True
    board.nodes[node.fd] = node
    for timestamp_ns in (10**18, 10**18 - 5000, 10**18 + 7, 10**18 - 10**9):
        board._distribute(timestamp_ns, node, wire.UP.pack(1, 0, 0))
    # The second was preempted in its send(); before the last, the wall clock was set back by a second.
    assert timestamps == [10**18, 10**18, 10**18 + 7, 10**18 - 10**9]
    board.nodes.clear()
    board.close()
    ours.close()
    theirs.close()
