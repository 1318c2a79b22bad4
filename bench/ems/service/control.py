"""The control socket: a UNIX stream socket, one JSON object per line in, one per line out.

    {"cmd": "set_power", "power_w": -3000}  ->  {"ok": true, "text": "accepted …", "effective_w": -3000.0, …}

A user who may open the socket is authorised; its mode is 0660. The kernel names the user (SO_PEERCRED), for the audit trail.
"""

import asyncio
import contextlib
import json
import pwd
import socket
import struct
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from v2g_bench.ems.ports.aside import Worker
from v2g_bench.errors import BenchError
from v2g_bench.inputs.text import json_of

Request = dict[str, Any]
Who = dict[str, Any]
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid
_LINE_MAX = 65536
_PATH_MAX = 107  # sun_path
_CONNECTIONS_MAX = 64  # more at once are closed as they come: a controller needs its file descriptors itself
_NAME_S, _CLOSE_S = 0.5, 0.5


class ControlServer:
    """Answers each line with what `handle` makes of it and of who asks."""

    def __init__(self, path: Path, handle: Callable[[Request, Who], Awaitable[Request]]) -> None:
        self._path, self._handle = path, handle
        self._aside = Worker("names")
        self._names: dict[int, str] = {}
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen. Raises: BenchError when the path cannot be used or another controller listens there."""
        where = f"{self._path}: control.socket"
        if len(str(self._path).encode()) > _PATH_MAX:
            raise BenchError(where, f"longer than {_PATH_MAX} bytes", "a UNIX socket needs a shorter path")
        self._make_room(where)
        try:
            self._server = await asyncio.start_unix_server(self._serve, self._path, limit=_LINE_MAX)
            self._path.chmod(0o660)
        except OSError as error:
            raise BenchError(where, f"cannot listen: {error}", "may this user write to the folder?") from error

    def _make_room(self, where: str) -> None:
        """Remove the socket of a controller that has ended; never that of a running one."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BenchError(where, f"no such folder, and it cannot be made: {error}", "choose another path") from error
        if not self._path.exists():
            return
        if not self._path.is_socket():
            raise BenchError(where, "there is a file that is not a socket", "choose another path")
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(self._path)) == 0:
                raise BenchError(where, "another controller listens here", "stop it first, or choose another path")
        self._path.unlink()

    async def close(self) -> None:
        """Stop listening and end the connections."""
        if self._server is None:
            return
        self._server.close()
        for writer in list(self._writers):
            writer.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):  # a client that does not read its answer
                await self._server.wait_closed()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._writers) >= _CONNECTIONS_MAX:
            writer.close()
            return
        self._writers.add(writer)
        try:
            who = await self._who(writer.get_extra_info("socket"))
            while line := await reader.readline():
                answer = await self._answer(line, who)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # the client went away, or sent a line without end: either way this connection is over
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, line: bytes, who: Who) -> Request:
        try:
            request = json_of(line, "control")
        except BenchError as error:
            return {"ok": False, "text": f"not JSON: {error.what}"}
        if not isinstance(request, dict):
            return {"ok": False, "text": "not a JSON object"}
        return await self._handle(request, who)

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
