"""The emulated inverter on Modbus TCP: an asyncio shell around the frame core and the register map.

Requests of a connection are answered in order, each with its own transaction id, also when several arrive in one
segment. Connections do not wait for each other. The map's timers run by themselves while the server is up.

    server = ModbusServer(InverterMap(stage, config, clock.now_s()), clock)
    port = await server.start()
    server.inject(ServerFault("silence", times=3))
    await server.stop()
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable

from v2g_bench.clock import Clock
from v2g_bench.inverter.frames import Adu, FrameReader, ModbusCore, RegisterPort
from v2g_bench.inverter.server_faults import WITHOUT_EFFECT, FaultSwitch, ServerFault, disturbed
from v2g_bench.inverter.sunspec import InverterMap

ExchangeLog = Callable[[float, str, bytes, bytes], None]
MOST_WAITING = 64  # requests of one connection; beyond it the socket is not read until they are answered


class ModbusServer:
    """Serves one inverter map. log(time_s, peer, request, reply) is called for each exchange; no reply is b"".

    registers: what of this inverter is served in place of its SunSpec map, as on a second port for its maker's own registers.
    """

    def __init__(
        self, inverter: InverterMap, clock: Clock, log: ExchangeLog | None = None, registers: RegisterPort | None = None
    ) -> None:
        config = inverter.config
        objects = {0: config.maker, 1: config.model, 2: config.version, 4: "V2G inverter", 5: config.model}
        self._inverter, self._clock, self._log = inverter, clock, log
        self._core = ModbusCore(registers or inverter, config.unit_id, objects)
        self._faults = FaultSwitch()
        self._links: set[_Link] = set()
        self._listener: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; the port (the one asked for, or a free one for 0)."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: _Link(self), host, port)
        self.wake()
        return int(self._listener.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the listener and all connections, and let no timer run on."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._listener:
            self._listener.close()
            for link in list(self._links):
                link.abort()
            await self._listener.wait_closed()
            self._listener = None

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._links)

    def inject(self, fault: ServerFault) -> int:
        """Switch a fault on; its number."""
        return self._faults.add(fault)

    def clear(self, number: int | None = None) -> None:
        """Switch one fault off, or all."""
        self._faults.clear(number)

    def drop_connections(self) -> None:
        """Reset all connections now; clients may connect again."""
        for link in list(self._links):
            link.abort()

    def wake(self) -> None:
        """Tick the map, and again when it next has something to do. Call it when the map was changed from outside."""
        now_s = self._clock.now_s()
        self._inverter.tick(now_s)
        self._schedule(now_s)

    def _schedule(self, now_s: float) -> None:
        due_s = self._inverter.next_due_s(now_s)
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if due_s is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, due_s - now_s), self.wake)

    def pick_fault(self, request: Adu) -> ServerFault | None:
        """The fault that meets this request, if any."""
        return self._faults.pick(request.pdu[0])

    def exchange(self, peer: str, request: Adu, fault: ServerFault | None) -> bytes:
        """Answer one request, as the fault has it, and log it; the bytes to send."""
        now_s = self._clock.now_s()
        without_effect = fault is not None and fault.kind in WITHOUT_EFFECT
        reply = None if without_effect else self._core.answer(request, now_s)
        clean = reply.to_bytes() if reply else b""
        data = clean if fault is None else disturbed(fault.kind, fault.code, request, reply)
        if self._listener:
            self._schedule(now_s)
        if self._log:
            self._log(now_s, peer, request.to_bytes(), data)
        return data

    def joined(self, link: "_Link") -> None:
        """A client has connected."""
        self._links.add(link)

    def left(self, link: "_Link") -> None:
        """A client has gone."""
        self._links.discard(link)


class _Link(asyncio.Protocol):
    """One connection: its frames, its queue, its place in a delay."""

    def __init__(self, server: ModbusServer) -> None:
        self._server = server
        self._reader = FrameReader()
        self._waiting: deque[Adu] = deque()
        self._delay: asyncio.TimerHandle | None = None
        self._full = False  # the client does not take its replies
        self._transport: asyncio.Transport | None = None
        self._peer = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        host, port = transport.get_extra_info("peername")[:2]
        self._peer = f"{host}:{port}"
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._delay:
            self._delay.cancel()
        self._waiting.clear()
        self._transport = None
        self._server.left(self)

    def data_received(self, data: bytes) -> None:
        self._waiting.extend(self._reader.feed(data))
        self._answer_waiting()

    def pause_writing(self) -> None:
        self._full = True
        self._pace()

    def resume_writing(self) -> None:
        self._full = False
        self._answer_waiting()

    def abort(self) -> None:
        """Reset the connection."""
        if self._transport:
            self._transport.abort()

    def _answer_waiting(self) -> None:
        while self._waiting and self._transport and not self._transport.is_closing():
            if self._delay or self._full:
                break
            request = self._waiting.popleft()
            fault = self._server.pick_fault(request)
            if fault and fault.kind == "delay":
                loop = asyncio.get_running_loop()
                self._delay = loop.call_later(fault.delay_s, self._answer_late, request)
                break
            self._answer(request, fault)
        if self._reader.broken and not self._waiting and not self._delay and self._transport:
            self._transport.close()
        self._pace()

    def _answer_late(self, request: Adu) -> None:
        self._delay = None
        self._answer(request, None)
        self._answer_waiting()

    def _answer(self, request: Adu, fault: ServerFault | None) -> None:
        assert self._transport
        data = self._server.exchange(self._peer, request, fault)
        if data:
            self._transport.write(data)
        if fault and fault.kind == "drop":
            self._transport.close()

    def _pace(self) -> None:
        """Read no more than can be answered."""
        if not self._transport or self._transport.is_closing():
            return
        if self._full or len(self._waiting) > MOST_WAITING:
            self._transport.pause_reading()
        elif not self._transport.is_reading():
            self._transport.resume_reading()
