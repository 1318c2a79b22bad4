"""What a node refuses before anything reaches the hub, and what it makes of the hub's packets."""

import socket
import threading

import can
import pytest

from v2g_bench.can import wire
from v2g_bench.can.userland import UserlandBus
from v2g_bench.errors import BenchError


class FakeHub:
    """Answers one node on a socket of its own; the test writes the packets."""

    def __init__(self, path, welcome):
        self.path = str(path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(self.path)
        self.listener.listen()
        self.welcome = welcome
        self.thread = threading.Thread(target=self._greet)
        self.thread.start()

    def _greet(self):
        self.node, _ = self.listener.accept()
        self.node.settimeout(10)
        self.hello = self.node.recv(100)
        self.node.send(self.welcome)

    def frame(self, sequence, lost=0, flags=0, frame_id=1, data=b""):
        self.node.send(wire.DOWN.pack(sequence, 1_700_000_000_000_000_000, lost, frame_id, flags, len(data)) + data)

    def close(self):
        self.thread.join(10)
        self.node.close()
        self.listener.close()


@pytest.fixture
def hub(tmp_path):
    hub = FakeHub(tmp_path / "hub", wire.WELCOME.pack(wire.MAGIC, 41))
    yield hub
    hub.close()


def message(**kinds):
    return can.Message(is_extended_id=False, **kinds)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (message(arbitration_id=0x800), "does not fit"),
        (can.Message(arbitration_id=1 << 29, is_extended_id=True), "does not fit"),
        (message(arbitration_id=1, data=bytes(9)), "at most 8 bytes, not 9"),
        (message(arbitration_id=1, is_fd=True, data=bytes(65)), "at most 64 bytes"),
        (message(arbitration_id=1, is_fd=True, is_remote_frame=True), "never a remote frame"),
    ],
)
def test_frames_that_cannot_exist(hub, bad, says):
    with UserlandBus(hub.path) as bus, pytest.raises(ValueError, match=says):
        bus.send(bad)


def test_a_classic_node_sends_no_fd_frame(hub):
    with UserlandBus(hub.path, fd=False) as bus:
        with pytest.raises(ValueError, match="without fd"):
            bus.send(message(arbitration_id=1, is_fd=True))
        assert bus.protocol is can.CanProtocol.CAN_20


@pytest.mark.parametrize(("length", "padded"), [(8, 8), (9, 12), (33, 48), (63, 64)])
def test_fd_lengths_are_padded(hub, length, padded):
    with UserlandBus(hub.path) as bus:
        bus.send(message(arbitration_id=1, is_fd=True, data=b"\xff" * length))
        packet = hub.node.recv(100)
    assert packet[wire.UP.size :] == (b"\xff" * length).ljust(padded, b"\0")


def test_a_gap_in_the_numbers_is_a_loss(hub):
    with UserlandBus(hub.path, receive_own_messages=True) as bus:
        assert hub.hello == wire.HELLO.pack(wire.MAGIC, wire.WANTS_ECHO)
        for sequence in (42, 43, 46):
            hub.frame(sequence)
            bus.recv(5)
        assert (bus.lost, bus.sequence) == (2, 46)


def test_a_node_without_echo_believes_the_hub(hub):
    with UserlandBus(hub.path) as bus:
        hub.frame(50)
        bus.recv(5)
        assert bus.lost == 0
        hub.frame(51, lost=7)
        bus.recv(5)
        assert bus.lost == 7


def test_filters_and_polling(hub):
    with UserlandBus(hub.path, can_filters=[{"can_id": 5, "can_mask": 0x7FF}]) as bus:
        for sequence, frame_id in enumerate((1, 2, 5, 3), start=42):
            hub.frame(sequence, frame_id=frame_id)
        assert bus.recv(0).arbitration_id == 5
        assert bus.recv(0) is None
        assert bus.recv(0.01) is None
        assert bus.sequence == 45


def test_a_classic_node_sees_no_fd_frame(hub):
    with UserlandBus(hub.path, fd=False) as bus:
        hub.frame(42, flags=wire.FD)
        hub.frame(43)
        assert bus.recv(5).is_fd is False
        assert bus.recv(0) is None


def test_the_hub_ends(hub):
    with UserlandBus(hub.path) as bus:
        hub.node.close()
        with pytest.raises(can.CanOperationError, match="hub"):
            bus.recv(5)
        with pytest.raises(can.CanOperationError, match="the hub is gone"):
            bus.send(message(arbitration_id=1))


def test_a_full_hub_times_out(hub):
    def flood(bus):
        for _ in range(100_000):  # nobody reads at the other end
            bus.send(message(arbitration_id=1, data=bytes(8)), timeout=0.01)

    with UserlandBus(hub.path) as bus, pytest.raises(can.CanOperationError, match=r"within 0\.01 s"):
        flood(bus)


@pytest.mark.parametrize(
    ("welcome", "says"),
    [(wire.WELCOME.pack(b"V2G0", 1), "another version"), (b"hello", "does not answer as a CAN hub")],
)
def test_a_stranger_at_the_path(tmp_path, welcome, says):
    hub = FakeHub(tmp_path / "hub", welcome)
    with pytest.raises(BenchError, match=says):
        UserlandBus(hub.path)
    hub.close()


@pytest.mark.parametrize(("path", "says"), [("", "no channel"), ("/tmp/" + "x" * 110, "at most 107 bytes")])
def test_impossible_channels(path, says):
    with pytest.raises(BenchError, match=says):
        UserlandBus(path)
