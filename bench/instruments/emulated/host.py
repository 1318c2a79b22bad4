"""Serves an emulated instrument on the network, in an asyncio loop of the caller's or in a separate thread.

host = InstrumentHost(meter)                 with HostThread() as hosts:
port = await host.start_hislip()                 resource = hosts.hislip(meter)
...
await host.stop()
"""

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from v2g_bench.clock import Clock, RealClock
from v2g_bench.instruments.emulated.hislip import HislipServer
from v2g_bench.instruments.emulated.rawsocket import RawSocketServer
from v2g_bench.instruments.emulated.scpi import Instrument
from v2g_bench.instruments.emulated.server import InstrumentServer

START_STOP_BOUND_S = 10.0

Result = TypeVar("Result")


def hislip_resource(host: str, port: int) -> str:
    """The VISA resource of a HiSLIP server."""
    return f"TCPIP::{host}::hislip0,{port}::INSTR"


def socket_resource(host: str, port: int) -> str:
    """The VISA resource of a raw socket server."""
    return f"TCPIP::{host}::{port}::SOCKET"


class InstrumentHost:
    """The servers of one instrument. `clock`: the one that its time comes from (the instrument's, if it has one)."""

    def __init__(self, instrument: Instrument, clock: Clock | None = None) -> None:
        self.instrument = instrument
        self._clock: Clock = clock or getattr(instrument, "clock", None) or RealClock()
        self._servers: list[InstrumentServer] = []

    async def start_hislip(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Serve HiSLIP; the port. OSError if it is in use."""
        return await self._start(HislipServer(self.instrument, self._clock), host, port)

    async def start_socket(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Serve a raw socket; the port. OSError if it is in use."""
        return await self._start(RawSocketServer(self.instrument, self._clock), host, port)

    async def stop(self) -> None:
        """Close every connection of every server."""
        servers, self._servers = self._servers, []
        for server in servers:
            await server.stop()

    async def _start(self, server: InstrumentServer, host: str, port: int) -> int:
        chosen = await server.start(host, port)
        self._servers.append(server)
        return chosen


class HostThread:
    """Hosts for programs without a loop of their own: a thread that runs one while this context is open."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="instrument-hosts", daemon=True)
        self._hosts: list[InstrumentHost] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def hislip(self, instrument: Instrument, port: int = 0) -> str:
        """Serve `instrument` over HiSLIP on 127.0.0.1; its VISA resource."""
        return hislip_resource("127.0.0.1", self._call(self._host(instrument).start_hislip(port=port)))

    def socket(self, instrument: Instrument, port: int = 0) -> str:
        """Serve `instrument` over a raw socket on 127.0.0.1; its VISA resource."""
        return socket_resource("127.0.0.1", self._call(self._host(instrument).start_socket(port=port)))

    def stop_servers(self) -> None:
        """All instruments go off the network; the thread stays."""
        hosts, self._hosts = self._hosts, []
        for host in hosts:
            self._call(host.stop())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.stop_servers()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(START_STOP_BOUND_S)
            if not self._thread.is_alive():
                self._loop.close()

    def _host(self, instrument: Instrument) -> InstrumentHost:
        host = InstrumentHost(instrument)
        self._hosts.append(host)
        return host

    def _call(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_STOP_BOUND_S)
