"""One TCP connection to an instrument, on which nothing lasts longer than its deadline.

    port = Port(connected_socket, RealClock())
    port.deadline_s = clock.now_s() + 2.0    # for all that is sent and received until it is set again
    port.sendall(b"*IDN?\\n")
    port.receive(4096)

It has what pyvisa-py needs of a socket, and can replace one inside of it: so the deadline holds for each byte
that pyvisa-py moves, too. A peer that has left is ConnectionResetError, at once and never an endless loop.
"""

import select
import socket
from collections.abc import Callable
from typing import Any

from v2g_bench.clock import Clock

CHUNK_BYTES = 1 << 18
LEFT_OVER_BYTES = 4096  # of unrequested bytes on a connection, this many are read

Wait = Callable[[Any, bool, float], None]  # (connection, whether for room to send, at most this many s)


def wait_for(connection: socket.socket, sending: bool, timeout_s: float) -> None:
    """Return when the connection has something to read (or room to send), or `timeout_s` are over."""
    poll = select.poll()
    poll.register(connection, select.POLLOUT if sending else select.POLLIN)
    poll.poll(timeout_s * 1000)


class Port:
    """Takes the connection over. Raises TimeoutError, ConnectionError and other OSErrors. wait: see `wait_for`."""

    def __init__(self, connection: socket.socket, clock: Clock, wait: Wait = wait_for) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._clock = clock
        self._wait = wait
        self.deadline_s = clock.now_s()

    def receive(self, most: int) -> bytes:
        """What has come, 1 to `most` bytes; waits for the first one."""
        while True:
            left_s = self._left_s()
            try:
                data = self._connection.recv(min(most, CHUNK_BYTES))
            except BlockingIOError:
                self._wait(self._connection, False, left_s)
                continue
            if not data:
                raise ConnectionResetError("the instrument closed the connection")
            return data

    def recv_into(self, buffer: memoryview, count: int = 0) -> int:
        """As of a socket; never 0."""
        data = self.receive(count or len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def waiting(self) -> bytes:
        """What has come already, at most LEFT_OVER_BYTES; does not wait."""
        try:
            data = self._connection.recv(LEFT_OVER_BYTES)
        except BlockingIOError:
            return b""
        if not data:
            raise ConnectionResetError("the instrument closed the connection")
        return data

    def sendall(self, data: bytes) -> None:
        """Send all of it; TimeoutError where the peer does not take it."""
        rest = memoryview(data)
        while rest:
            left_s = self._left_s()
            try:
                rest = rest[self._connection.send(rest) :]
            except BlockingIOError:
                self._wait(self._connection, True, left_s)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def fileno(self) -> int:
        """As of a socket."""
        return self._connection.fileno()

    def settimeout(self, timeout_s: float | None) -> None:
        """Nothing: the deadline holds."""

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """As of a socket."""
        self._connection.setsockopt(level, option, value)

    def _left_s(self) -> float:
        left_s = self.deadline_s - self._clock.now_s()
        if left_s <= 0:
            raise TimeoutError("the time is over")
        return left_s
