"""A raw TCP socket server for an emulated instrument: messages end with a line feed, one response line per message.

Each connection is served separately; the messages of one connection are carried out in order. A message that has to
wait (FETC? before the end of a record) holds up its own connection alone, and is dropped when the peer leaves, with
all that came behind it.
"""

import asyncio

from v2g_bench.instruments.emulated.server import InstrumentServer, carry_out, departed
from v2g_bench.instruments.emulated.syntax import MessageFramer, ScpiError


class RawSocketServer(InstrumentServer):
    """Any number of connections, each with its own messages."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer = MessageFramer()
        while data := await reader.read(1 << 16):
            for message in self._framed(framer, data):
                await self._answer(message, writer)

    def _framed(self, framer: MessageFramer, data: bytes) -> list[str]:
        try:
            return framer.feed(data)
        except ScpiError as error:
            self._instrument.fail(error)
            return []

    async def _answer(self, message: str, writer: asyncio.StreamWriter) -> None:
        response = await carry_out(self._instrument.execute(message), self._clock, lambda: departed(writer))
        if response is not None:
            writer.write(response)
            await writer.drain()
        await asyncio.sleep(0)  # nothing above waits while messages are there: the rest of the world has its turn
