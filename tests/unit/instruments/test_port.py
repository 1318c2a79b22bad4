import itertools
import socket
import threading

import pytest

from v2g_bench.clock import RealClock, SimClock
from v2g_bench.instruments.port import LEFT_OVER_BYTES, Port


class Peer:
    """A connection whose other end sends `message`: [(at_s, bytes)], b"" for its end, and takes `takes` bytes."""

    def __init__(self, clock, message=(), takes=10**9):
        self.clock, self.message, self.takes = clock, list(message), takes
        self.sent = b""

    def setblocking(self, flag):
        assert flag is False

    def recv(self, most):
        if not self.message or self.message[0][0] > self.clock.now_s() + 1e-12:
            raise BlockingIOError
        at_s, data = self.message.pop(0)
        if data[most:]:
            self.message.insert(0, (at_s, data[most:]))
        return data[:most]

    def send(self, data):
        if not self.takes:
            raise BlockingIOError
        size = min(len(data), self.takes)
        self.sent += bytes(data[:size])
        self.takes -= size
        return size

    def wait(self, connection, sending, timeout_s):
        assert connection is self
        due_s = self.message[0][0] if self.message and not sending else float("inf")
        self.clock.advance(min(max(due_s - self.clock.now_s(), 0.0), timeout_s))


@pytest.fixture
def clock():
    return SimClock(100.0)


def port_to(peer, clock, within_s=2.0):
    port = Port(peer, clock, peer.wait)
    port.deadline_s = clock.now_s() + within_s
    return port


def test_what_comes_is_received_in_pieces_of_at_most_what_was_asked(clock):
    port = port_to(Peer(clock, [(100.5, b"abcdef")]), clock)
    assert port.waiting() == b""
    assert (port.receive(4), port.receive(4)) == (b"abcd", b"ef")
    assert clock.now_s() == 100.5


def test_the_deadline_holds_for_all_bytes_together(clock):
    """One byte each 0.3 s: no pause is as long as the deadline, and the whole is."""
    port = port_to(Peer(clock, [(100.3 + 0.3 * i, b"x") for i in range(1000)]), clock)
    with pytest.raises(TimeoutError):
        bytes(itertools.chain.from_iterable(port.receive(1) for _ in range(1000)))
    assert clock.now_s() == pytest.approx(102.0)


def test_the_deadline_holds_where_there_is_always_something_to_read(clock):
    peer = Peer(clock, [(0.0, b"x" * 100)] * 10**5)
    port = port_to(peer, clock)
    clock.advance(2.0)
    with pytest.raises(TimeoutError):
        port.receive(1)


def test_silence_is_over_at_the_deadline(clock):
    with pytest.raises(TimeoutError):
        port_to(Peer(clock), clock).receive(1)
    assert clock.now_s() == pytest.approx(102.0)


def test_a_peer_that_has_left_is_told_at_once(clock):
    for look in (
        lambda port: port.receive(1),
        lambda port: port.waiting(),
        lambda port: port.recv_into(memoryview(bytearray(4)), 4),
    ):
        with pytest.raises(ConnectionResetError):
            look(port_to(Peer(clock, [(0.0, b"")]), clock))
    assert clock.now_s() == 100.0


def test_a_peer_that_takes_nothing_is_a_timeout(clock):
    peer = Peer(clock, takes=3)
    with pytest.raises(TimeoutError):
        port_to(peer, clock).sendall(b"abcdef")
    assert peer.sent == b"abc"
    assert clock.now_s() == pytest.approx(102.0)


def test_recv_into_fills_the_beginning(clock):
    buffer = bytearray(4)
    assert port_to(Peer(clock, [(0.0, b"ab")]), clock).recv_into(memoryview(buffer), 4) == 2
    assert buffer == b"ab\0\0"


def test_a_look_is_bounded(clock):
    port = port_to(Peer(clock, [(0.0, b"x" * 10 * LEFT_OVER_BYTES)]), clock)
    assert len(port.waiting()) == LEFT_OVER_BYTES


def test_on_a_real_connection():
    """More than its buffers hold goes through in both directions."""
    near, far = socket.socketpair()
    port, sent = Port(near, RealClock()), bytes(range(256)) * 20_000
    echo = threading.Thread(target=lambda: far.sendall(b"".join(iter(lambda: far.recv(1 << 16), b""))))
    with far:
        port.deadline_s = RealClock().now_s() + 30.0
        echo.start()
        port.sendall(sent)
        near.shutdown(socket.SHUT_WR)
        back = bytearray()
        while len(back) < len(sent):
            back += port.receive(len(sent))
        echo.join(30)
        assert back == sent
        assert port.waiting() == b""
    with pytest.raises(ConnectionResetError):
        port.receive(1)
    port.close()
