"""A control socket's server inside an asyncio loop.

    server = LineServer(answer)              answer: async (line, socket) -> object
    await server.start(path, "control")      …        await server.stop()

One connection: reading --(a whole line)--> answering --(the client has taken it)--> reading; a bound passed, or the end of
the stream: hung up.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from v2g_bench.sockets.lines import CHUNK, Lines, LineTooLong, encoded
from v2g_bench.sockets.listening import listening
from v2g_bench.sockets.requests import Bounds

_CLOSE_S = 0.5


class LineServer:
    """Answers each line with what `answer` makes of it and of the socket that it came by."""

    def __init__(
        self, answer: Callable[[bytes, socket.socket], Awaitable[Mapping[str, Any]]], bounds: Bounds | None = None
    ) -> None:
        self._answer, self._bounds = answer, bounds or Bounds()
        self._server: asyncio.Server | None = None
        self._path: Path | None = None
        self._writers: dict[asyncio.StreamWriter, asyncio.Task[Any] | None] = {}

    async def start(self, path: Path, where: str, owner: str = "process", mode: int | None = None) -> None:
        """Listen; the arguments and errors are those of `listening`."""
        sock = listening(path, where, owner, mode)
        self._server = await asyncio.start_unix_server(self._serve, sock=sock, limit=CHUNK)
        self._path = path

    async def stop(self) -> None:
        """Stop listening, end the connections, remove the socket. Nothing happens the second time."""
        if self._server is None or self._path is None:
            return
        self._server.close()
        for writer in self._writers:
            writer.close()
        # What is left is a client that does not read its answer, or waits for one. Left to the loop's own end, it would be
        # reported as an error of this process.
        tasks = [task for task in self._writers.values() if task is not None]
        for cancelled in (False, True):
            for task in tasks if cancelled else ():
                task.cancel()
            if tasks:
                _, tasks = map(list, await asyncio.wait(tasks, timeout=_CLOSE_S))
        self._path.unlink(missing_ok=True)
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._writers) >= self._bounds.clients:
            writer.close()
            return
        self._writers[writer] = asyncio.current_task()
        writer.transport.set_write_buffer_limits(high=0)  # `drain` waits until the kernel has all
        try:
            await self._converse(reader, writer)
            writer.close()
        except (OSError, LineTooLong, asyncio.CancelledError):  # OSError: also a bound of time
            writer.transport.abort()  # an answer that nobody takes would keep the connection open
        finally:
            del self._writers[writer]

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines, sock = Lines(self._bounds.line_bytes), writer.get_extra_info("socket")
        while (line := await self._line(reader, lines)) is not None:
            writer.write(encoded(await self._answer(line, sock)))
            async with asyncio.timeout(self._bounds.send_s):
                await writer.drain()
            await asyncio.sleep(0)  # neither call above waits while lines are there: the rest of the loop has its turn

    async def _line(self, reader: asyncio.StreamReader, lines: Lines) -> bytes | None:
        """The next line; None at the end of the stream. Raises: LineTooLong, TimeoutError."""
        loop, bounds = asyncio.get_running_loop(), self._bounds
        idle_until_s = None if bounds.idle_s is None else loop.time() + bounds.idle_s
        begun_until_s: float | None = None
        while (line := lines.take()) is None:
            if lines.begun and begun_until_s is None:
                begun_until_s = loop.time() + bounds.line_s
            async with asyncio.timeout_at(begun_until_s or idle_until_s):
                part = await reader.read(CHUNK)
            if not part:
                return lines.rest()
            lines.add(part)
        return line
