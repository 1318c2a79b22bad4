"""The control socket of a process with one thread: `v2g_bench.plant.control` without asyncio."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.plant.control import answer, check_path


class Control:
    """The control socket: one JSON line in, one out, as `v2g_bench.plant.control` has it, without asyncio."""

    def __init__(self, path: str, operations: dict[str, Callable[..., Any]]) -> None:
        self._path, self._operations = Path(check_path(Path(path))), operations
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._listener.bind(path)
        except OSError as error:
            raise BenchError("control", f"cannot listen on {path}: {error.strerror}") from None
        self._listener.listen(4)
        self._listener.setblocking(False)
        self._lines: dict[socket.socket, bytes] = {}

    def sockets(self) -> list[socket.socket]:
        """What to wait for."""
        return [self._listener, *self._lines]

    def attend(self, readable: list[Any]) -> None:
        """Answer whoever has asked."""
        if self._listener in readable:
            client, _ = self._listener.accept()
            client.settimeout(1.0)  # a client that does not read must not hold the frames for ever
            self._lines[client] = b""
        for client in [one for one in self._lines if one in readable]:
            try:
                self._hear(client)
            except OSError:
                self._drop(client)

    def _hear(self, client: socket.socket) -> None:
        part = client.recv(65536)
        if not part:
            self._drop(client)
            return
        *lines, self._lines[client] = (self._lines[client] + part).split(b"\n")
        for line in lines:
            client.sendall(json.dumps(answer(line, self._operations)).encode() + b"\n")

    def _drop(self, client: socket.socket) -> None:
        del self._lines[client]
        client.close()

    def close(self) -> None:
        """Hang up, and remove the socket."""
        for client in list(self._lines):
            self._drop(client)
        self._listener.close()
        self._path.unlink(missing_ok=True)
