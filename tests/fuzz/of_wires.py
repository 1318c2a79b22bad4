"""What comes over a wire or a socket: frames, messages, lines."""

import asyncio
import contextlib
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import can
from engine import Target

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.isotp import Reassembly
from v2g_bench.can.link import parse_link
from v2g_bench.can.roles import read_roles
from v2g_bench.errors import BenchError
from v2g_bench.instruments.answers import AnswerError, Block, Line, block_numbers, error_code, number, numbers, whole
from v2g_bench.instruments.emulated.hislip import HEADER, ProtocolError, receive
from v2g_bench.instruments.emulated.scpi import Instrument
from v2g_bench.instruments.emulated.syntax import MessageFramer, ScpiError, read_number
from v2g_bench.inverter.frames import FrameReader, ModbusCore
from v2g_bench.inverter.rtu import crc, reply_length
from v2g_bench.plant.control import answer
from v2g_bench.sockets.lines import Lines, LineTooLong, encoded
from v2g_bench.sockets.requests import request_of

DBC = Path(__file__).parents[2] / "dbc"


class _Plain(Instrument):
    """What every instrument understands."""


class _Registers:
    def read(self, address: int, count: int, now_s: float, /) -> list[int]:
        return [0xFFFF] * count

    def write(self, address: int, values: Any, now_s: float, /) -> None:
        struct.pack(f">{len(values)}H", *values)


def _modbus(data: bytes, _: Path) -> None:
    core = ModbusCore(_Registers(), 1, {0: "maker", 1: "model", 2: "1.0", 128: "x" * 200})
    reader = FrameReader()
    for at in range(0, len(data), 7):
        for frame in reader.feed(data[at : at + 7]):
            core.answer(frame, 0.0).to_bytes()


def _rtu(data: bytes, _: Path) -> None:
    for size in range(min(len(data), 300)):
        reply_length(data[:size])
    crc(data)


def _scpi_number(data: bytes, _: Path) -> None:
    read_number(data.decode("latin-1"), "V")


def _scpi_answer(data: bytes, _: Path) -> None:
    for due in (Line(), Block(1 << 16), Block(1 << 16, 64)):
        try:
            for at in range(0, len(data), 11):
                if not due.complete and due.wants:
                    due.feed(data[at : at + 11])
            due.end()
            if isinstance(due, Block):
                for kind in ("f8", "f4", "u2", "ascii"):
                    block_numbers(due.data, kind, None)
        except AnswerError:
            pass
    text = data.decode("latin-1").strip()
    for read in (number, whole, error_code, lambda one: numbers(one, 3, finite=False)):
        with contextlib.suppress(AnswerError):
            read(text)


def _hislip(data: bytes, _: Path) -> None:
    async def read() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        while not reader.at_eof():
            (await receive(reader)).encode()

    asyncio.run(read())


def _line(data: bytes, _: Path) -> None:
    lines = Lines(65536)
    for at in range(0, len(data), 1000):
        lines.add(data[at : at + 1000])
        while (line := lines.take()) is not None:
            _request(line)
    if (line := lines.rest()) is not None:
        _request(line)


def _request(line: bytes) -> None:
    with contextlib.suppress(BenchError):
        encoded(request_of(line))
    encoded(answer(line, {"inject": _operation, "status": lambda: {}}))


def _operation(fault: dict[str, Any], at_s: float | None = None, count: int = 1) -> list[Any]:
    return [fault, at_s, count]


class _Frames:
    def __init__(self) -> None:
        self.db = BusDatabase.load(DBC / "v2g_bms_fd.dbc", read_roles(DBC / "v2g_bms_fd.roles.toml"))
        self.names = [self.db.message_of(role).name for role in ("cell_temperature_max", "pack_current")]

    def seeds(self) -> list[bytes]:
        made = (self.db.encode(name, {}, 3) for name in self.names)
        return [struct.pack("<IB", one.arbitration_id, len(one.data)) + bytes(one.data) for one in made]

    def take(self, data: bytes, _: Path) -> None:
        frame_id, flags = struct.unpack_from("<IB", data.ljust(5, b"\0"))
        try:
            frame = can.Message(
                arbitration_id=frame_id & 0x1FFF_FFFF,
                is_extended_id=bool(flags & 0x80),
                is_remote_frame=bool(flags & 0x40),
                is_fd=True,
                data=None if flags & 0x40 else data[5:69],
            )
        except ValueError:
            return
        self.db.decode(frame)
        Reassembly().take(data[5:69])


def targets() -> Iterable[Target]:
    """Each protocol whose bytes the bench, its world or the reference controller reads."""
    frames = _Frames()
    yield Target("can", frames.take, lambda _: frames.seeds())
    yield Target("netlink", lambda data, _: parse_link(data), lambda _: [bytes(range(80))], errors=(struct.error,))
    reads = [
        bytes.fromhex("00070000000601039c400002"),
        bytes.fromhex("0008000000090110 9c40 0001 02 0005".replace(" ", "")),
    ]
    more = [bytes.fromhex("000900000005012b0e0100"), bytes.fromhex("000a000000080116 9c40 00ff 0001".replace(" ", ""))]
    yield Target("modbus", _modbus, lambda _: reads + more + [b"".join(reads + more)])
    yield Target("rtu", _rtu, lambda _: [bytes.fromhex("0103040001000259f2")])
    scpi = [b"*IDN?;*ESE 32;:SYST:ERR?\n", b"*SRE #13abc\n*STB?\n", b"VOLT:RANG 1.5E-3,MAX;*OPC?\n"]
    yield Target("scpi_number", _scpi_number, lambda _: [b"12.5 mV"], errors=(ScpiError,))
    yield Target("scpi_messages", _scpi_messages, lambda _: scpi, errors=(ScpiError,))
    answers = [
        b"+1.50000E+00\n",
        b"#216" + bytes(16) + b"\n",
        b"#0" + bytes(64) + b"\n",
        b'-113,"Undefined header"\n',
        b"1,NAN,3\n",
    ]
    yield Target("scpi_answer", _scpi_answer, lambda _: answers)
    message = HEADER.pack(b"HS", 7, 0, 1, 6) + b"*IDN?\n"
    yield Target(
        "hislip", _hislip, lambda _: [message, message * 3], errors=(ProtocolError, asyncio.IncompleteReadError)
    )
    requests = [
        b'{"id": 7, "op": "inject", "args": {"fault": {"kind": "x"}, "at_s": 1.5, "count": 2}}\n{"op": "status"}\n'
    ]
    requests += [b'{"cmd": "set_power", "power_w": -3000}\n', b'{"cmd": "departure", "at": "06:30", "soc_pct": 80}\n']
    yield Target("control", _line, lambda _: requests, errors=(LineTooLong,))


def _scpi_messages(data: bytes, _: Path) -> None:
    instrument, framer = _Plain(), MessageFramer()
    for message in framer.feed(data):
        instrument.execute(message).advance(0.0)
