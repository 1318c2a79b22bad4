"""A raw TCP socket server for an emulated instrument: messages end with a line feed, one response line per message.

Each connection is served separately; the messages of one connection are carried out in order. A message that has to
wait (FETC? before the end of a record) holds up its own connection alone, and is dropped when the peer leaves, with
all that came behind it.
"""

import asyncio
import contextlib
import time

from v2g_bench.instruments.emulated.server import POLL_S, InstrumentServer, carry_out
from v2g_bench.instruments.emulated.syntax import MessageFramer, ScpiError

FAREWELL_S = 0.2  # for what a peer sent just before it left


class RawSocketServer(InstrumentServer):
    """Any number of connections, each with its own messages."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read messages while a separate task answers them, so that the end of the stream is seen at once."""
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
