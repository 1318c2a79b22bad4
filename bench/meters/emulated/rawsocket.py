"""A raw TCP socket server for an emulated instrument: messages end with a line feed, one response line per message.

Each connection is served on its own; the messages of one connection are carried out in order. A message that has to
wait (FETC? before the end of a record) holds up its own connection alone, and is dropped when the peer leaves, with
all that came behind it.
"""

import asyncio
import contextlib
import time

from v2g_bench.clock import Clock
from v2g_bench.meters.emulated.calls import Exchange
from v2g_bench.meters.emulated.scpi import Instrument
from v2g_bench.meters.emulated.syntax import MessageFramer, ScpiError

POLL_S = 0.002  # how soon an outside event (a trigger, a cleared defect) is noticed while an answer waits
FAREWELL_S = 0.2  # for what a peer sent just before it left


async def carry_out(exchange: Exchange, clock: Clock) -> bytes | None:
    """Advance an exchange until it is done; its response."""
    while not exchange.advance(now_s := clock.now_s()):
        await asyncio.sleep(min(max(exchange.due_s - now_s, 0.0), POLL_S))
    return exchange.response


class RawSocketServer:
    """`await start()`, then `await stop()`: it closes every connection and leaves no task behind."""

    def __init__(self, instrument: Instrument, clock: Clock) -> None:
        self._instrument = instrument
        self._clock = clock
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; the port (chosen by the system for 0). OSError if it is taken."""
        self._server = await asyncio.start_server(self._connected, host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and close all connections."""
        if self._server:
            self._server.close()
        connections = list(self._connections)
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        self._server = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._serve(reader, writer)
        except (asyncio.CancelledError, ConnectionError):
            pass  # stopped, or the peer is gone: either way this connection ends
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read messages while a worker of its own answers them, so that the end of the stream is seen at once."""
        messages: asyncio.Queue[str | None] = asyncio.Queue(maxsize=1000)
        waits = asyncio.Event()
        worker = asyncio.create_task(self._answer(messages, writer, waits))
        framer = MessageFramer()
        try:
            while data := await reader.read(1 << 16):
                for message in self._framed(framer, data):
                    await messages.put(message)
            with contextlib.suppress(asyncio.QueueFull):
                messages.put_nowait(None)
            until_s = time.monotonic() + FAREWELL_S
            while not worker.done() and not waits.is_set() and time.monotonic() < until_s:
                await asyncio.wait({worker}, timeout=POLL_S)
        finally:
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)

    def _framed(self, framer: MessageFramer, data: bytes) -> list[str]:
        try:
            return framer.feed(data)
        except ScpiError as error:
            self._instrument.fail(error)
            return []

    async def _answer(
        self, messages: "asyncio.Queue[str | None]", writer: asyncio.StreamWriter, waits: asyncio.Event
    ) -> None:
        """Carry out messages up to a None; `waits` is set while one of them cannot be answered yet."""
        while (message := await messages.get()) is not None:
            exchange = self._instrument.execute(message)
            if not exchange.advance(self._clock.now_s()):
                waits.set()
                await carry_out(exchange, self._clock)
                waits.clear()
            if exchange.response is not None:
                writer.write(exchange.response)
                await writer.drain()
