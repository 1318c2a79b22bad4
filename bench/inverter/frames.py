"""Modbus TCP without sockets: bytes in, requests out; request in, reply out.

`FrameReader` cuts a byte stream into frames (MBAP header: transaction id, protocol id 0, length, unit id). A stream
that cannot be Modbus is `broken` for good, because nothing marks where its next frame starts: close the connection.
`ModbusCore` answers one request from a register map. Source: MODBUS Messaging on TCP/IP V1.0b; MODBUS Application
Protocol V1.1b3.

>>> reader = FrameReader()
>>> reader.feed(bytes.fromhex("0007 0000 0006 01 03 9c40"))
[]
>>> reader.feed(bytes.fromhex("0002"))
[Adu(transaction_id=7, unit_id=1, pdu=b'\\x03\\x9c@\\x00\\x02')]
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from v2g_bench.inverter.codes import ExceptionCode, ModbusException

HEADER_BYTES = 6  # transaction id, protocol id, length
MOST_PDU_BYTES = 253
MOST_READ, MOST_WRITTEN, MOST_READ_WRITTEN = 125, 123, 121  # registers in one request
READ_HOLDING, READ_INPUT, WRITE_ONE, WRITE_MANY, MASK_WRITE, READ_WRITE, ENCAPSULATED = 3, 4, 6, 16, 22, 23, 43
READ_DEVICE_IDENTIFICATION = 14
BASIC_OBJECTS, REGULAR_OBJECTS = 0x02, 0x7F  # highest object id of a category


@dataclass(frozen=True, slots=True)
class Adu:
    """One frame: a request, or the reply to one."""

    transaction_id: int
    unit_id: int
    pdu: bytes

    def to_bytes(self) -> bytes:
        """The frame as it goes on the wire."""
        return struct.pack(">HHHB", self.transaction_id, 0, len(self.pdu) + 1, self.unit_id) + self.pdu


class FrameReader:
    """Collects bytes into frames. `broken` is the reason why the stream is not Modbus, "" as long as it is."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self.broken = ""

    def feed(self, data: bytes) -> list[Adu]:
        """The frames that these bytes complete, in order; none once the stream is broken."""
        frames: list[Adu] = []
        self._pending += data
        while not self.broken and len(self._pending) >= HEADER_BYTES:
            transaction_id, protocol_id, length = struct.unpack_from(">HHH", self._pending)
            if protocol_id != 0:
                self.broken = f"protocol id {protocol_id}, not 0"
            elif not 2 <= length <= MOST_PDU_BYTES + 1:
                self.broken = f"frame length {length}, not 2 to {MOST_PDU_BYTES + 1}"
            elif len(self._pending) < HEADER_BYTES + length:
                break
            else:
                body = bytes(self._pending[HEADER_BYTES : HEADER_BYTES + length])
                del self._pending[: HEADER_BYTES + length]
                frames.append(Adu(transaction_id, body[0], body[1:]))
        if self.broken:
            self._pending.clear()
        return frames


class RegisterPort(Protocol):
    """What is served. Both raise ModbusException to refuse; a refused write has changed nothing."""

    def read(self, address: int, count: int, now_s: float, /) -> list[int]:
        """`count` registers from `address`."""

    def write(self, address: int, values: Sequence[int], now_s: float, /) -> None:
        """Set registers from `address` on: all or none."""


class ModbusCore:
    """Answers requests for one unit. objects: device identification, object id -> text (0 to 2 are mandatory)."""

    def __init__(self, registers: RegisterPort, unit_id: int, objects: Mapping[int, str]) -> None:
        self._registers = registers
        self._unit_id = unit_id
        self._objects = {number: text.encode("ascii", "replace") for number, text in sorted(objects.items())}
        self._handlers: dict[int, Callable[[bytes, float], bytes]] = {
            READ_HOLDING: self._read,
            READ_INPUT: self._read,
            WRITE_ONE: self._write_one,
            WRITE_MANY: self._write_many,
            MASK_WRITE: self._mask_write,
            READ_WRITE: self._read_write,
            ENCAPSULATED: self._identify,
        }

    def answer(self, request: Adu, now_s: float) -> Adu:
        """The reply to a request; a refusal is a reply too."""
        function = request.pdu[0]
        try:
            if request.unit_id != self._unit_id:
                raise ModbusException(ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND, f"no unit {request.unit_id}")
            if function not in self._handlers:
                raise ModbusException(ExceptionCode.ILLEGAL_FUNCTION, f"no function {function}")
            pdu = bytes([function]) + self._handlers[function](request.pdu[1:], now_s)
        except ModbusException as refusal:
            pdu = exception_pdu(function, refusal.code)
        return Adu(request.transaction_id, request.unit_id, pdu)

    def _read(self, data: bytes, now_s: float) -> bytes:
        address, count = _fields(">HH", data)
        _check_range(address, count, MOST_READ)
        return _register_block(self._registers.read(address, count, now_s))

    def _write_one(self, data: bytes, now_s: float) -> bytes:
        address, value = _fields(">HH", data)
        self._registers.write(address, [value], now_s)
        return data

    def _write_many(self, data: bytes, now_s: float) -> bytes:
        address, count, size = _fields(">HHB", data[:5])
        _check_range(address, count, MOST_WRITTEN)
        self._registers.write(address, _values(data[5:], count, size), now_s)
        return data[:4]

    def _mask_write(self, data: bytes, now_s: float) -> bytes:
        address, keep, put = _fields(">HHH", data)
        (now,) = self._registers.read(address, 1, now_s)
        self._registers.write(address, [(now & keep) | (put & ~keep & 0xFFFF)], now_s)
        return data

    def _read_write(self, data: bytes, now_s: float) -> bytes:
        """Write, then read. What cannot be read is found out before anything is written."""
        read_from, read_count, write_to, write_count, size = _fields(">HHHHB", data[:9])
        _check_range(read_from, read_count, MOST_READ)
        _check_range(write_to, write_count, MOST_READ_WRITTEN)
        values = _values(data[9:], write_count, size)
        self._registers.read(read_from, read_count, now_s)
        self._registers.write(write_to, values, now_s)
        return _register_block(self._registers.read(read_from, read_count, now_s))

    def _identify(self, data: bytes, now_s: float) -> bytes:
        """Device identification: categories 1 (basic), 2 (regular), 3 (all), or 4 for one object."""
        mei, category, first = _fields(">BBB", data)
        if mei != READ_DEVICE_IDENTIFICATION:
            raise ModbusException(ExceptionCode.ILLEGAL_FUNCTION, f"no encapsulated interface {mei}")
        if category not in (1, 2, 3, 4):
            raise ModbusException(ExceptionCode.ILLEGAL_DATA_VALUE, f"no category {category}")
        if category == 4 and first not in self._objects:
            raise ModbusException(ExceptionCode.ILLEGAL_DATA_ADDRESS, f"no object {first}")
        last = {1: BASIC_OBJECTS, 2: REGULAR_OBJECTS, 3: 0xFF, 4: first}[category]
        start = first if first in self._objects else 0  # a stream from an unknown object starts over
        wanted = {number: text for number, text in self._objects.items() if start <= number <= last}
        return _identification(category, wanted)


def exception_pdu(function: int, code: int) -> bytes:
    """The refusal of a request."""
    return bytes([function | 0x80, code])


def _identification(category: int, objects: Mapping[int, bytes]) -> bytes:
    conformity = 0x82  # regular objects, as a stream or one by one
    listed, more, following = b"", 0x00, 0
    for number, text in objects.items():
        entry = bytes([number, len(text)]) + text
        if len(listed) + len(entry) > MOST_PDU_BYTES - 7:
            more, following = 0xFF, number
            break
        listed += entry
    count = sum(1 for number in objects if not more or number < following)
    return bytes([READ_DEVICE_IDENTIFICATION, category, conformity, more, following, count]) + listed


def _fields(layout: str, data: bytes) -> tuple[int, ...]:
    if len(data) != struct.calcsize(layout):
        raise ModbusException(ExceptionCode.ILLEGAL_DATA_VALUE, f"{len(data)} bytes of request data")
    return struct.unpack(layout, data)


def _values(data: bytes, count: int, size: int) -> list[int]:
    if not size == len(data) == 2 * count:
        raise ModbusException(ExceptionCode.ILLEGAL_DATA_VALUE, f"{len(data)} bytes for {count} registers")
    return list(struct.unpack(f">{count}H", data))


def _check_range(address: int, count: int, most: int) -> None:
    if not 1 <= count <= most:
        raise ModbusException(ExceptionCode.ILLEGAL_DATA_VALUE, f"{count} registers, not 1 to {most}")
    if address + count > 0x10000:
        raise ModbusException(ExceptionCode.ILLEGAL_DATA_ADDRESS, "past register 65535")


def _register_block(registers: Sequence[int]) -> bytes:
    return struct.pack(f">B{len(registers)}H", 2 * len(registers), *registers)
