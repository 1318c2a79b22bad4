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


def test_a_node_that_does_not_read_loses_and_is_told(hub, monkeypatch, capsys):
    """Overrun: the others go on at once, the loss is counted, said, and seen by the node when it reads again."""
    monkeypatch.setattr(switchboard, "SOFT_FRAMES", 200)
    monkeypatch.setattr(switchboard, "HARD_FRAMES", 500)
    monkeypatch.setattr(switchboard, "STALL_S", 0.0)  # nobody is ever waited for
    total = 3000
    with UserlandBus(hub.path) as deaf, UserlandBus(hub.path, receive_own_messages=True) as bus:
        for n in range(total):
            bus.send(message(n % 2000), timeout=10)
            assert bus.recv(10).arbitration_id == n % 2000
        read = 0
        while deaf.recv(0.5) is not None:
            read += 1
        assert deaf.lost == 0  # the frames before the loss do not know of it
        bus.send(message(), timeout=10)
        assert deaf.recv(10) is not None
        assert deaf.lost == total - read > 0
        assert bus.lost == 0
    text = capsys.readouterr().err
    assert "has not read 500 frames" in text
    assert f"reads again, after {total - read} lost frames" in text


def test_a_slow_reader_makes_the_senders_wait(hub, monkeypatch):
    """Backpressure: the reader takes a pause now and then, the sender is much faster, and nothing is lost."""
    monkeypatch.setattr(switchboard, "SOFT_FRAMES", 50)
    monkeypatch.setattr(switchboard, "HARD_FRAMES", 5000)
    monkeypatch.setattr(switchboard, "STALL_S", 60.0)
    total = 8000
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
        assert max(len(node.queue) for node in hub.nodes.values()) < 5000


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
