"""Modbus RTU over a serial line: the same link as `modbus.ModbusLink`, for inverters on RS-485.

A frame has no length and no transaction id: where a reply ends follows from its function, and whether it is the reply to
this request cannot be seen in it. So what lies on the line before a request is thrown away, and after any failure the line
must have been silent for a while before the next one. Source: MODBUS over Serial Line V1.02.

    link = ModbusRtuLink("/dev/ttyUSB0", unit_id=1, timeout_s=1.0, baudrate=9600)
    link.read(40000, 2)

>>> crc(bytes.fromhex("0103 9c40 0002")).hex()
'eb8f'
>>> reply_length(bytes.fromhex("0103 04")), reply_length(bytes.fromhex("0183")), reply_length(b"\\x01")
(9, 5, None)
"""

import struct
import time
from collections.abc import Sequence
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.inverter.codes import ModbusException
from v2g_bench.inverter.frames import READ_HOLDING, READ_INPUT, WRITE_MANY, WRITE_ONE
from v2g_bench.inverter.modbus import ExchangeLog

QUIET_S = 0.02  # of silence after a failure: far more than the 3.5 characters that end a frame, at any speed
MOST_BYTES = 256


def crc(data: bytes) -> bytes:
    """CRC-16 with polynomial 0xA001, low byte first."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 if value & 1 else 0)
    return struct.pack("<H", value)


def reply_length(start: bytes) -> int | None:
    """How long the reply is that starts so, CRC included; None while that is not known, or for an unknown function."""
    if len(start) < 2:
        return None
    function = start[1]
    if function & 0x80:
        return 5
    if function in (READ_HOLDING, READ_INPUT):
        return 5 + start[2] if len(start) > 2 else None
    return 8 if function in (WRITE_ONE, WRITE_MANY) else None


class ModbusRtuLink:
    """One unit on one serial line; opens it when first used. Not for several threads at once."""

    def __init__(
        self,
        device: str,
        unit_id: int,
        timeout_s: float,
        baudrate: int = 9600,
        parity: str = "N",
        stopbits: int = 1,
        log: ExchangeLog | None = None,
    ) -> None:
        """log: as for `ModbusLink`."""
        self._log = log
        self.where = f"inverter {device} unit {unit_id}"
        self._device, self._unit_id, self._timeout_s = device, unit_id, timeout_s
        self._line: dict[str, Any] = {"baudrate": baudrate, "parity": parity, "stopbits": stopbits}
        self._port: Any = None  # a serial.Serial; pyserial has no types
        self._disturbed = False

    def close(self) -> None:
        """Close the line; the next request opens it again."""
        port, self._port = self._port, None
        if port is not None:
            port.close()

    def read(self, address: int, count: int, function: int = READ_HOLDING) -> list[int]:
        """`count` registers from `address`: holding registers, or input registers (function 4).

        Raises ModbusException where the inverter refuses, BenchError for anything that is not a proper answer.
        """
        what = f"read of {count} registers at {address}"
        body = self._ask(what, function, struct.pack(">HH", address, count))
        if body[:1] != bytes([2 * count]) or len(body) != 1 + 2 * count:
            raise self._failed(f"{what}: the reply has {(len(body) - 1) // 2} registers")
        return list(struct.unpack(f">{count}H", body[1:]))

    def write(self, address: int, values: Sequence[int], function: int = WRITE_MANY) -> None:
        """Set registers in one request: function 16, or 6 for one register. Errors as for `read`."""
        what = f"write of {len(values)} registers at {address}"
        if function == WRITE_ONE:
            request = expected = struct.pack(">HH", address, *values)
        else:
            expected = struct.pack(">HH", address, len(values))
            request = expected + struct.pack(f">B{len(values)}H", 2 * len(values), *values)
        if self._ask(what, function, request) != expected:
            raise self._failed(f"{what}: it confirms something else")

    def _ask(self, what: str, function: int, request: bytes) -> bytes:
        """The body of the reply: without unit, function and CRC."""
        self._open()
        frame = bytes([self._unit_id, function]) + request
        try:
            self._discard_input()
            self._port.reset_input_buffer()
            self._port.write(frame + crc(frame))
            self._note(">", frame + crc(frame))
            reply = self._receive(what)
            self._note("<", reply)
        except OSError as error:  # pyserial's errors are OSErrors
            self.close()
            raise BenchError(self.where, f"{what}: {error}", "is the adapter still plugged in?") from error
        if reply[0] != self._unit_id:
            raise self._failed(f"{what}: the reply comes from unit {reply[0]}, not {self._unit_id}")
        if reply[1] == function | 0x80:
            raise ModbusException(reply[2], what)
        if reply[1] != function:
            raise self._failed(f"{what}: the reply is to function {reply[1]}, not {function}")
        return reply[2:-2]

    def _note(self, direction: str, frame: bytes) -> None:
        if self._log is not None:
            self._log(time.monotonic(), direction, frame.hex())

    def _receive(self, what: str) -> bytes:
        """One whole frame with a good CRC."""
        received, deadline_s = b"", time.monotonic() + self._timeout_s
        while True:
            length = reply_length(received)
            if length is not None and len(received) >= length:
                break
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or len(received) >= MOST_BYTES:
                break
            self._port.timeout = left_s
            received += self._port.read(max(1, (length or len(received) + 1) - len(received)))
        if not received:
            raise self._failed(f"{what}: no answer within {self._timeout_s:g} s", HINT)
        if length is None or len(received) < length:
            raise self._failed(f"{what}: no whole frame within {self._timeout_s:g} s: {received[:16].hex(' ')}", HINT)
        if crc(received[: length - 2]) != received[length - 2 : length]:
            raise self._failed(f"{what}: the reply's CRC is wrong: {received[:16].hex(' ')}", HINT)
        return received[:length]

    def _open(self) -> None:
        if self._port is not None:
            return
        import serial

        try:
            self._port = serial.Serial(self._device, write_timeout=self._timeout_s, exclusive=True, **self._line)
        except (OSError, ValueError) as error:
            hint = "is the adapter plugged in, may this user open it, and does no other program hold it?"
            raise BenchError(self.where, f"cannot be opened: {error}", hint) from None

    def _discard_input(self) -> None:
        """After a failure: discard what still arrives, so that no late answer is taken for the next one."""
        if not self._disturbed:
            return
        deadline_s = time.monotonic() + self._timeout_s
        self._port.timeout = QUIET_S
        while self._port.read(MOST_BYTES):
            if time.monotonic() > deadline_s:
                raise BenchError(
                    self.where, "the line is never silent", "is another master on it, or is the speed wrong?"
                )
        self._disturbed = False

    def _failed(self, what: str, hint: str = "its Modbus server is at fault") -> BenchError:
        self._disturbed = True
        return BenchError(self.where, what, hint)


HINT = "are device, unit id, baudrate, parity and the two wires right?"
