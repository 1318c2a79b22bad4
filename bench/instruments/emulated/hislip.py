"""A HiSLIP 1.0 server for an emulated instrument (IVI-6.1, synchronized mode, one subaddress).

Two TCP connections make a session: on the synchronous one run the program and response messages, on the asynchronous
one device clear, status query, locks and the negotiation of the message size.

    Initialize / AsyncInitialize --> ready --Data…DataEnd--> executing --response--> ready
    AsyncDeviceClear, in any state --> clearing (what arrives is dropped) --DeviceClearComplete--> ready

A message that comes before the response of the last one was read is an interruption: -410, and Interrupted is sent.
"""

import asyncio
import contextlib
import struct
from dataclasses import dataclass, field
from enum import IntEnum

from v2g_bench.clock import Clock
from v2g_bench.instruments.emulated.calls import Exchange
from v2g_bench.instruments.emulated.scpi import Instrument
from v2g_bench.instruments.emulated.server import POLL_S, InstrumentServer, carry_out, departed
from v2g_bench.instruments.emulated.syntax import INPUT_MAX, ScpiError

HEADER = struct.Struct("!2sBBIQ")
VENDOR = int.from_bytes(b"VG")
VERSION = 0x0100
LARGEST_MESSAGE = 1 << 20
BEGIN_S = 5.0  # from the connection to its first message
MESSAGE_S = 5.0  # from the first byte of a message to its last
UNREAD_MAX = 1 << 16  # bytes of notices that a client may leave unread on its asynchronous connection
RMT_DELIVERED = 1  # control bit: the client has read the last response to its end


class Kind(IntEnum):
    """Message types of IVI-6.1, table 4, as far as they are used."""

    INITIALIZE = 0
    INITIALIZE_RESPONSE = 1
    FATAL_ERROR = 2
    ERROR = 3
    ASYNC_LOCK = 4
    ASYNC_LOCK_RESPONSE = 5
    DATA = 6
    DATA_END = 7
    DEVICE_CLEAR_COMPLETE = 8
    DEVICE_CLEAR_ACKNOWLEDGE = 9
    ASYNC_REMOTE_LOCAL = 10
    ASYNC_REMOTE_LOCAL_RESPONSE = 11
    TRIGGER = 12
    INTERRUPTED = 13
    ASYNC_INTERRUPTED = 14
    ASYNC_MAX_SIZE = 15
    ASYNC_MAX_SIZE_RESPONSE = 16
    ASYNC_INITIALIZE = 17
    ASYNC_INITIALIZE_RESPONSE = 18
    ASYNC_DEVICE_CLEAR = 19
    ASYNC_STATUS_QUERY = 21
    ASYNC_STATUS_RESPONSE = 22
    ASYNC_DEVICE_CLEAR_ACKNOWLEDGE = 23
    ASYNC_LOCK_INFO = 24
    ASYNC_LOCK_INFO_RESPONSE = 25


@dataclass(frozen=True)
class Message:
    """One HiSLIP message."""

    kind: int
    control: int = 0
    parameter: int = 0
    payload: bytes = b""

    def encode(self) -> bytes:
        """The bytes on the wire."""
        return HEADER.pack(b"HS", self.kind, self.control, self.parameter, len(self.payload)) + self.payload


class ProtocolError(Exception):
    """What arrived is no HiSLIP; the connection cannot go on. `code`: of the FatalError message."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


async def receive(reader: asyncio.StreamReader) -> Message:
    """The next message. IncompleteReadError at the end of the stream, TimeoutError for one that is begun and does not come,
    ProtocolError if it is none.
    """
    first = await reader.readexactly(1)
    async with asyncio.timeout(MESSAGE_S):
        prologue, kind, control, parameter, length = HEADER.unpack(first + await reader.readexactly(HEADER.size - 1))
        if prologue != b"HS":
            raise ProtocolError(1, "poorly formed message header")
        if length > LARGEST_MESSAGE:
            raise ProtocolError(1, f"message of {length} bytes, at most {LARGEST_MESSAGE}")
        return Message(kind, control, parameter, await reader.readexactly(length))


@dataclass(eq=False)
class _Session:
    number: int
    sync: asyncio.StreamWriter
    asynchronous: asyncio.StreamWriter | None = None
    largest: int = LARGEST_MESSAGE
    program: bytearray = field(default_factory=bytearray)
    executing: "asyncio.Task[bytes | None] | None" = None
    clearing: bool = False
    response_unread: bool = False

    def stop_executing(self) -> None:
        if self.executing:
            self.executing.cancel()


class HislipServer(InstrumentServer):
    """Any number of sessions, of two connections each."""

    def __init__(self, instrument: Instrument, clock: Clock) -> None:
        super().__init__(instrument, clock)
        self._sessions: dict[int, _Session] = {}
        self._last_number = 0
        self._locked_by: _Session | None = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(BEGIN_S):
                first = await receive(reader)
            if first.kind == Kind.INITIALIZE:
                await self._synchronous(reader, writer)
            elif first.kind == Kind.ASYNC_INITIALIZE and first.parameter in self._sessions:
                await self._asynchronous(reader, writer, self._sessions[first.parameter])
            else:
                raise ProtocolError(3, "invalid initialization sequence")
        except ProtocolError as error:
            writer.write(Message(Kind.FATAL_ERROR, error.code, 0, str(error).encode()).encode())

    async def _synchronous(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._last_number = self._last_number % 0xFFFF + 1
        while self._last_number in self._sessions:
            self._last_number = self._last_number % 0xFFFF + 1
        session = _Session(self._last_number, writer)
        self._sessions[session.number] = session
        writer.write(Message(Kind.INITIALIZE_RESPONSE, 0, VERSION << 16 | session.number).encode())
        try:
            while True:
                await self._receive_sync(await receive(reader), session)
                await writer.drain()
                # nothing above waits while messages are there: the rest of the world has its turn
                await asyncio.sleep(0)
        finally:
            session.stop_executing()
            del self._sessions[session.number]
            if self._locked_by is session:
                self._locked_by = None
            if session.asynchronous:
                session.asynchronous.close()

    async def _receive_sync(self, message: Message, session: _Session) -> None:
        if message.kind == Kind.DEVICE_CLEAR_COMPLETE:
            session.clearing = session.response_unread = False
            session.program.clear()
            session.sync.write(Message(Kind.DEVICE_CLEAR_ACKNOWLEDGE, message.control & 1).encode())
        elif message.kind not in (Kind.DATA, Kind.DATA_END, Kind.TRIGGER):
            session.sync.write(Message(Kind.ERROR, 1, 0, b"unrecognized message type").encode())
        elif not session.clearing:
            self._note_interruption(message, session)
            if message.kind == Kind.TRIGGER:
                await self._execute("*TRG", message.parameter, session)
                return
            session.program += message.payload
            if len(session.program) > INPUT_MAX:
                session.program.clear()
                self._instrument.fail(ScpiError(-363))
            elif message.kind == Kind.DATA_END:
                program = session.program.decode("latin-1").rstrip("\r\n")
                session.program.clear()
                await self._execute(program, message.parameter, session)

    def _note_interruption(self, message: Message, session: _Session) -> None:
        if session.response_unread and not message.control & RMT_DELIVERED:
            self._instrument.fail(ScpiError(-410))
            session.sync.write(Message(Kind.INTERRUPTED, 0, message.parameter).encode())
            if session.asynchronous and session.asynchronous.transport.get_write_buffer_size() < UNREAD_MAX:
                session.asynchronous.write(Message(Kind.ASYNC_INTERRUPTED, 0, message.parameter).encode())
        session.response_unread = False

    async def _execute(self, program: str, message_id: int, session: _Session) -> None:
        while self._locked_by not in (None, session):
            _require_present(session.sync)
            await asyncio.sleep(POLL_S)
        response = await self._answer(self._instrument.execute(program), session)
        if response is None or session.clearing:
            return
        session.response_unread = True
        room = max(session.largest - HEADER.size, 1)
        for start in range(0, len(response), room):
            kind = Kind.DATA if start + room < len(response) else Kind.DATA_END
            session.sync.write(Message(kind, 0, message_id, response[start : start + room]).encode())
            await session.sync.drain()

    async def _answer(self, exchange: Exchange, session: _Session) -> bytes | None:
        """The response; None if there is none, or if a device clear came first."""
        if exchange.advance(self._clock.now_s()):
            return exchange.response
        session.executing = asyncio.create_task(carry_out(exchange, self._clock, lambda: departed(session.sync)))
        try:
            await asyncio.wait({session.executing})
            return None if session.executing.cancelled() else session.executing.result()
        finally:
            session.stop_executing()
            session.executing = None

    async def _asynchronous(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, session: _Session
    ) -> None:
        if session.asynchronous is not None:
            raise ProtocolError(3, "invalid initialization sequence")
        session.asynchronous = writer
        writer.write(Message(Kind.ASYNC_INITIALIZE_RESPONSE, 0, VENDOR).encode())
        try:
            while True:
                writer.write((await self._receive_async(await receive(reader), session)).encode())
                await writer.drain()
                await asyncio.sleep(0)
        finally:
            session.stop_executing()
            session.sync.close()

    async def _receive_async(self, message: Message, session: _Session) -> Message:
        if message.kind == Kind.ASYNC_MAX_SIZE and len(message.payload) == 8:
            session.largest = min(int.from_bytes(message.payload), LARGEST_MESSAGE)
            return Message(Kind.ASYNC_MAX_SIZE_RESPONSE, 0, 0, LARGEST_MESSAGE.to_bytes(8))
        if message.kind == Kind.ASYNC_DEVICE_CLEAR:
            session.clearing = True
            session.stop_executing()
            return Message(Kind.ASYNC_DEVICE_CLEAR_ACKNOWLEDGE)
        if message.kind == Kind.ASYNC_STATUS_QUERY:
            if message.control & RMT_DELIVERED:
                session.response_unread = False
            return Message(Kind.ASYNC_STATUS_RESPONSE, self._instrument.status_byte(session.response_unread))
        if message.kind == Kind.ASYNC_LOCK:
            return Message(Kind.ASYNC_LOCK_RESPONSE, await self._lock(message, session))
        if message.kind == Kind.ASYNC_LOCK_INFO:
            held = int(self._locked_by is not None)
            return Message(Kind.ASYNC_LOCK_INFO_RESPONSE, held, held)
        if message.kind == Kind.ASYNC_REMOTE_LOCAL:
            return Message(Kind.ASYNC_REMOTE_LOCAL_RESPONSE)
        return Message(Kind.ERROR, 1, 0, b"unrecognized message type")

    async def _lock(self, message: Message, session: _Session) -> int:
        """Exclusive locks only. 0: not granted in time, 1: done, 3: no such lock."""
        if message.control == 0:
            if self._locked_by is not session:
                return 3
            self._locked_by = None
            return 1
        if message.payload:
            return 3  # a shared lock
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(message.parameter / 1000):
                while self._locked_by not in (None, session):
                    _require_present(session.sync)
                    if session.asynchronous:
                        _require_present(session.asynchronous)
                    await asyncio.sleep(POLL_S)
                self._locked_by = session
        return int(self._locked_by is session)


def _require_present(writer: asyncio.StreamWriter) -> None:
    """ConnectionResetError when the peer has hung up: nothing waits for one that is gone."""
    if departed(writer):
        raise ConnectionResetError
