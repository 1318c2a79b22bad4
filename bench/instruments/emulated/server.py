"""Serves an emulated instrument on TCP with any protocol: accepts connections, and closes all at the end."""

import asyncio
import select
from collections.abc import Callable

from v2g_bench.clock import Clock
from v2g_bench.instruments.emulated.calls import Exchange
from v2g_bench.instruments.emulated.scpi import Instrument

POLL_S = 0.002  # how soon an outside event (a trigger, a cleared defect) is noticed while an answer waits
CONNECTIONS = 64  # at once; more are hung up on as they come


def departed(writer: asyncio.StreamWriter) -> bool:
    """Whether the peer has hung up, also where what it sent before that has not been read."""
    handle = writer.get_extra_info("socket").fileno()
    if handle < 0:
        return True
    ends = select.poll()
    ends.register(handle, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
    return bool(ends.poll(0))


async def carry_out(exchange: Exchange, clock: Clock, gone: Callable[[], bool] = lambda: False) -> bytes | None:
    """Advance an exchange until it is done; its response. ConnectionResetError when nobody waits for it any more."""
    while not exchange.advance(now_s := clock.now_s()):
        if gone():
            raise ConnectionResetError
        await asyncio.sleep(min(max(exchange.due_s - now_s, 0.0), POLL_S))
    return exchange.response


class InstrumentServer:
    """`await start()`, then `await stop()`: it closes every connection and leaves no task behind."""

    def __init__(self, instrument: Instrument, clock: Clock) -> None:
        self._instrument = instrument
        self._clock = clock
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; the port (chosen by the system for 0). OSError if it is in use."""
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
        if len(self._connections) >= CONNECTIONS:
            writer.close()
            return
        self._connections.add(task)
        try:
            await self._serve(reader, writer)
        except (asyncio.CancelledError, asyncio.IncompleteReadError, OSError):
            pass  # stopped, the peer has closed, or a bound of time: in any case this connection ends
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        raise NotImplementedError
