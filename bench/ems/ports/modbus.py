"""One Modbus TCP connection as a client: requests may be pipelined, every reply is checked.

    closed --(connect)--> open --(lost | timeout | nonsense or unasked replies received)--> closed

A request is on its way when `send` returns, also while others wait for their replies; a reply belongs to the request
with its transaction id. After a timeout the connection is closed: what comes late on it could only confuse. So is one
on which an unrequested reply comes: the inverter is out of step, and endless data from it cost the
controller one frame, not its time.
Source: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, MODBUS Application Protocol V1.1b3.
"""

import asyncio
import contextlib
import ipaddress
import socket
import struct
from collections.abc import Sequence
from functools import partial
from typing import cast

from v2g_bench.ems.ports.aside import Worker

_READ_HOLDING, _WRITE_MULTIPLE = 3, 16
_HEADER = struct.Struct(">HHHB")
_PDU_MAX = 253
_names = Worker("host names")


class ModbusError(Exception):
    """No reply, an exception reply, or a reply that does not fit the request."""


class ModbusRefusal(ModbusError):
    """The server answered with an exception code: it is alive and does not want to."""


def read_request(address: int, count: int) -> bytes:
    """PDU that reads `count` holding registers."""
    return struct.pack(">BHH", _READ_HOLDING, address, count)


def write_request(address: int, values: Sequence[int]) -> bytes:
    """PDU that writes the registers at once. Never function 6: some inverters refuse it."""
    return struct.pack(f">BHHB{len(values)}H", _WRITE_MULTIPLE, address, len(values), 2 * len(values), *values)


def check_reply(request: bytes, reply: bytes) -> bytes:
    """The reply if it answers the request. Raises: ModbusError."""
    function = request[0]
    if reply and reply[0] == function | 0x80:
        raise ModbusRefusal(f"exception {reply[1] if len(reply) > 1 else '?'} to function {function}")
    if not reply or reply[0] != function:
        raise ModbusError(f"a reply to function {function} with function {reply[0] if reply else 'none'}")
    if function == _READ_HOLDING:
        size = 2 * cast(int, struct.unpack_from(">H", request, 3)[0])
        if len(reply) != 2 + size or reply[1] != size:
            raise ModbusError(f"{len(reply) - 2} bytes of registers where {size} were asked for")
    elif reply != request[:5]:
        raise ModbusError("a write was acknowledged for other registers")
    return reply


async def _address(host: str, timeout_s: float) -> str:
    """Of a host; beside the loop's own threads, for whose names that do not come the end of the process would wait."""
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(host))
    found = await _names.run(partial(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM), timeout_s)
    # IPv4 first: that is what inverters speak.
    return str(min(found, key=lambda entry: entry[0] != socket.AF_INET)[4][0])


class ModbusLink(asyncio.Protocol):
    """A connection to one unit. `opened` is False before the connection and after its loss, which is for good."""

    def __init__(self, unit_id: int, timeout_s: float) -> None:
        self._unit_id, self._timeout_s = unit_id, timeout_s
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[int, tuple[bytes, asyncio.Future[bytes], asyncio.TimerHandle]] = {}
        self._received = bytearray()
        self._transaction = 0
        self.opened = False

    @classmethod
    async def connect(cls, host: str, port: int, unit_id: int, timeout_s: float) -> "ModbusLink":
        """Raises: ModbusError when no connection is accepted within the timeout, look-up of its name included."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                address = await _address(host, timeout_s)
                _, link = await loop.create_connection(lambda: cls(unit_id, timeout_s), address, port)
        except (OSError, TimeoutError) as error:
            raise ModbusError(f"no connection to {host}:{port}: {error or 'timeout'}") from error
        return link

    def send(self, pdu: bytes) -> asyncio.Future[bytes]:
        """Write the request now; the future is its checked reply or a ModbusError. Never raises itself."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bytes] = loop.create_future()
        # Nothing waits for the reply to a stop: its error is raised by the next request.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        if self._transport is None or not self.opened:
            future.set_exception(ModbusError("the connection is closed"))
            return future
        self._transaction = self._transaction % 0xFFFF + 1
        transaction = self._transaction
        self._transport.write(_HEADER.pack(transaction, 0, len(pdu) + 1, self._unit_id) + pdu)
        timer = loop.call_later(self._timeout_s, self._fail, f"no reply within {self._timeout_s:g} s")
        self._waiting[transaction] = (pdu, future, timer)
        return future

    async def read(self, address: int, count: int) -> tuple[int, ...]:
        """The registers. Raises: ModbusError."""
        reply = await self.send(read_request(address, count))
        return struct.unpack_from(f">{count}H", reply, 2)

    async def write(self, address: int, values: Sequence[int]) -> None:
        """Write the registers in one request. Raises: ModbusError."""
        await self.send(write_request(address, values))

    def close(self) -> None:
        """Close the connection; whoever waits gets a ModbusError."""
        self._fail("the connection was closed")

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The TCP connection is open."""
        self._transport = cast(asyncio.Transport, transport)
        self.opened = True

    def connection_lost(self, exc: Exception | None) -> None:
        """The TCP connection is lost."""
        self._fail(f"the connection was lost: {exc or 'closed by the inverter'}")

    def data_received(self, data: bytes) -> None:
        """Take replies apart; several may come in one segment, one in several. What comes after the end is dropped."""
        if not self.opened:
            return
        self._received += data
        while len(self._received) >= _HEADER.size:
            transaction, protocol, length, unit = _HEADER.unpack_from(self._received)
            if protocol != 0 or not 2 <= length <= _PDU_MAX + 1:
                self._fail("what came is not Modbus TCP")
                return
            end = 6 + length
            if len(self._received) < end:
                return
            pdu = bytes(self._received[_HEADER.size : end])
            del self._received[:end]
            if unit != self._unit_id or transaction not in self._waiting:
                self._fail(f"an unrequested reply (transaction {transaction}, unit {unit})")
                return
            self._answer(transaction, pdu)

    def _answer(self, transaction: int, pdu: bytes) -> None:
        request, future, timer = self._waiting.pop(transaction)
        timer.cancel()
        if future.done():
            return
        try:
            future.set_result(check_reply(request, pdu))
        except ModbusError as error:
            future.set_exception(error)

    def _fail(self, why: str) -> None:
        self.opened = False
        self._received.clear()
        waiting, self._waiting = self._waiting, {}
        for _, future, timer in waiting.values():
            timer.cancel()
            if not future.done():
                future.set_exception(ModbusError(why))
        if self._transport is not None:
            transport, self._transport = self._transport, None
            transport.abort()
