"""The control socket: a UNIX stream socket, one JSON object per line in, one per line out.

    {"cmd": "set_power", "power_w": -3000}  ->  {"ok": true, "text": "accepted …", "effective_w": -3000.0, …}

A user who may open the socket is authorised; its mode is 0660. The kernel names the user (SO_PEERCRED), for the audit trail.
Framing and bounds are those of `v2g_bench.sockets`.
"""

import pwd
import socket
import struct
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from v2g_bench.ems.ports.aside import Worker
from v2g_bench.errors import BenchError
from v2g_bench.sockets.requests import Bounds, request_of
from v2g_bench.sockets.server import LineServer

Request = dict[str, Any]
Who = dict[str, Any]
BOUNDS = Bounds(idle_s=60.0)  # who asks nothing for this long makes room for others: a command asks at once
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid
_NAME_S = 0.5


class ControlServer:
    """Answers each line with what `handle` makes of it and of who asks."""

    def __init__(
        self, path: Path, handle: Callable[[Request, Who], Awaitable[Request]], bounds: Bounds = BOUNDS
    ) -> None:
        self._path, self._handle = path, handle
        self._server = LineServer(self._answer, bounds)
        self._aside = Worker("names")
        self._names: dict[int, str] = {}

    async def start(self) -> None:
        """Listen. Raises: BenchError when the path cannot be used or another controller listens there."""
        await self._server.start(self._path, f"{self._path}: control.socket", owner="controller", mode=0o660)

    async def close(self) -> None:
        """Stop listening and end the connections."""
        await self._server.stop()

    async def _answer(self, line: bytes, sock: socket.socket) -> Request:
        try:
            request = request_of(line)
        except BenchError as error:
            return {"ok": False, "text": error.what}
        return await self._handle(request, await self._who(sock))

    async def _who(self, sock: socket.socket) -> Who:
        """The process at the other end as the kernel knows it. Its user's name comes from files, or from a network."""
        pid, uid, _ = _CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        if uid not in self._names:
            try:
                self._names[uid] = await self._aside.run(partial(_name_of, uid), _NAME_S)
            except OSError:  # a timeout is one, too
                return {"uid": uid, "user": "?", "pid": pid}
        return {"uid": uid, "user": self._names[uid], "pid": pid}


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return "?"
