"""A control socket's server inside a loop of one thread around `select`. No call of it waits for anybody.

    server = PolledServer(path, answer)
    while True:
        readable, writable, _ = select.select(server.readers(), server.writers(), [], 0 if server.ready else wait_s)
        server.attend(readable, writable, now_s)       at the latest each second or so, for the bounds of time

Each client has at most one request answered per `attend`, and its next one only when it has taken that answer.
"""

import contextlib
import socket
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from v2g_bench.sockets.lines import CHUNK, Lines, LineTooLong, encoded
from v2g_bench.sockets.listening import listening
from v2g_bench.sockets.requests import Bounds


@dataclass
class _Client:
    """since_s: of the state it is in (idle, a line begun, an answer not taken)."""

    sock: socket.socket
    lines: Lines
    since_s: float
    unsent: bytearray = field(default_factory=bytearray)
    ended: bool = False


class PolledServer:
    """Answers each line with what `answer` makes of it. BenchError of `listening` when the path cannot be used."""

    def __init__(
        self,
        path: Path,
        answer: Callable[[bytes], Mapping[str, Any]],
        bounds: Bounds | None = None,
        where: str = "control",
    ) -> None:
        self._path, self._answer, self._bounds = path, answer, bounds or Bounds()
        self._listener = listening(path, where)
        self._clients: dict[socket.socket, _Client] = {}

    def readers(self) -> list[socket.socket]:
        """What to wait for until it can be read."""
        waiting = (one for one in self._clients.values() if not one.unsent and not one.ended)
        return [self._listener, *(one.sock for one in waiting)]

    def writers(self) -> list[socket.socket]:
        """What to wait for until it can be written."""
        return [one.sock for one in self._clients.values() if one.unsent]

    @property
    def ready(self) -> bool:
        """Whether a request waits that can be answered at once."""
        return any(not one.unsent and (one.ended or one.lines.ready) for one in self._clients.values())

    @property
    def busy(self) -> bool:
        """Whether a bound of time runs for any client."""
        return any(one.unsent or one.ended or one.lines.begun for one in self._clients.values())

    def attend(self, readable: Container[Any], writable: Container[Any], now_s: float) -> None:
        """Take what has come, answer one request of each client, hang up on those beyond their bounds."""
        if self._listener in readable:
            self._accept(now_s)
        for client in list(self._clients.values()):
            try:
                self._turn(client, client.sock in readable, client.sock in writable, now_s)
            except (OSError, LineTooLong):
                self._drop(client)

    def close(self) -> None:
        """Hang up, and remove the socket."""
        for client in list(self._clients.values()):
            self._drop(client)
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _accept(self, now_s: float) -> None:
        with contextlib.suppress(OSError):  # it has gone again, or there is no descriptor for it
            sock, _ = self._listener.accept()
            if len(self._clients) >= self._bounds.clients:
                sock.close()
                return
            sock.setblocking(False)
            self._clients[sock] = _Client(sock, Lines(self._bounds.line_bytes), now_s)

    def _turn(self, client: _Client, readable: bool, writable: bool, now_s: float) -> None:
        if client.unsent:
            if writable:
                self._send(client, now_s)
        elif readable:
            self._receive(client, now_s)
        if not client.unsent:
            line = client.lines.take()
            if line is None and client.ended and (line := client.lines.rest()) is None:
                raise ConnectionResetError
            if line is not None:
                client.unsent += encoded(self._answer(line))
                client.since_s = now_s
                self._send(client, now_s)
        self._require_in_time(client, now_s)

    def _receive(self, client: _Client, now_s: float) -> None:
        begun = client.lines.begun
        part = client.sock.recv(CHUNK)
        client.ended = not part
        client.lines.add(part)
        if not begun:
            client.since_s = now_s

    def _send(self, client: _Client, now_s: float) -> None:
        with contextlib.suppress(BlockingIOError):
            del client.unsent[: client.sock.send(client.unsent)]
        if not client.unsent:
            client.since_s = now_s

    def _require_in_time(self, client: _Client, now_s: float) -> None:
        bounds = self._bounds
        most_s = bounds.send_s if client.unsent else bounds.line_s if client.lines.begun else bounds.idle_s
        if most_s is not None and now_s - client.since_s > most_s:
            raise TimeoutError

    def _drop(self, client: _Client) -> None:
        del self._clients[client.sock]
        client.sock.close()
