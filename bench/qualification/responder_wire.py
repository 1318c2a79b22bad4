"""What the responder sends and receives: bits of a CAN frame, its command frame, and a Modbus connection of its own.

Nothing here is used by what measures, and nothing of what measures is used here.
"""

import socket
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import can

SUNSPEC_BASE = 40000
END = 0xFFFF
# Offsets from the ID register of each SunSpec model.
WSET_ENABLE, WSET_SCALE, ENTER_SERVICE, OPERATION = 22, 55, 2, 8
WATTS = 1
STOP, START = 0, 1
TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Danger:
    """Which value in which frame is the dangerous one: a count beyond `limit` (above it, or below it)."""

    frame_id: int
    is_extended: bool
    frame_bytes: int
    shift: int
    length: int
    signed: bool
    big_endian: bool
    limit: float
    above: bool = True

    def is_in(self, frame_id: int, is_extended: bool, data: bytes) -> bool:
        """True if this frame carries the dangerous value."""
        if (frame_id, is_extended) != (self.frame_id, self.is_extended) or len(data) < self.frame_bytes:
            return False
        count = int.from_bytes(data[: self.frame_bytes], "big" if self.big_endian else "little") >> self.shift
        count &= (1 << self.length) - 1
        if self.signed and count >= 1 << (self.length - 1):
            count -= 1 << self.length
        return count > self.limit if self.above else count < self.limit


class CommandFrame:
    """The controller's cyclic frame: closed and open are its data (hex) for either contactor request."""

    def __init__(
        self,
        frame_id: int,
        is_extended: bool,
        fd: bool,
        brs: bool,
        cycle_s: float,
        closed: str,
        open: str,  # noqa: A002  (what stands in the file)
        data_id: int | None = None,
    ) -> None:
        self.cycle_s = cycle_s
        self._id, self._is_extended, self._fd, self._brs = frame_id, is_extended, fd, brs
        self._data = {True: bytes.fromhex(closed), False: bytes.fromhex(open)}
        self._data_id = data_id
        self._counter = 0

    def message(self, closed: bool) -> "can.Message":
        """The next frame, with its counter and checksum."""
        import can
        from e2e.p05 import e2e_p05_protect

        data = bytearray(self._data[closed])
        if self._data_id is not None:
            data[2] = self._counter
            self._counter = (self._counter + 1) & 0xFF
            e2e_p05_protect(data, self._data_id, increment_counter=False)
        return can.Message(
            arbitration_id=self._id,
            is_extended_id=self._is_extended,
            is_fd=self._fd,
            bitrate_switch=self._brs,
            data=data,
        )


class Inverter:
    """A SunSpec inverter over Modbus TCP. OSError when the connection fails, ValueError for a refusal."""

    def __init__(self, host: str, port: int, unit_id: int) -> None:
        self._socket = socket.create_connection((host, port), TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unit_id, self._number = unit_id, 0
        self.models = self._walk()
        (scale,) = struct.unpack(">h", self._read(self.models[704] + WSET_SCALE, 1))
        self._per_watt = 10.0**-scale

    def set_power(self, power_w: float) -> None:
        """AC power, + = charge; a SunSpec inverter counts generation as positive."""
        counts = round(-power_w * self._per_watt)
        self._write(self.models[704] + WSET_ENABLE, struct.pack(">HHi", 1, WATTS, counts))

    def start(self) -> None:
        """Let the bridge run."""
        self._operate(START)

    def stop(self) -> tuple[float, float]:
        """Stop the bridge; when that was asked for and when it was answered (monotonic, s)."""
        asked_s = time.monotonic()
        self._operate(STOP)
        return asked_s, time.monotonic()

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def _operate(self, operation: int) -> None:
        if 715 in self.models:
            self._write(self.models[715] + OPERATION, struct.pack(">H", operation))
        else:
            self._write(self.models[703] + ENTER_SERVICE, struct.pack(">H", operation))

    def _walk(self) -> dict[int, int]:
        """Model number -> address of its ID register."""
        if self._read(SUNSPEC_BASE, 2) != b"SunS":
            raise ValueError(f"no SunSpec map at {SUNSPEC_BASE}")
        found: dict[int, int] = {}
        address = SUNSPEC_BASE + 2
        while address < 0xFFFF:
            model, length = struct.unpack(">HH", self._read(address, 2))
            if model == END:
                return found
            found.setdefault(model, address)
            address += 2 + length
        raise ValueError("the SunSpec map has no end")

    def _read(self, address: int, count: int) -> bytes:
        return self._ask(struct.pack(">BHH", 3, address, count))[2:]

    def _write(self, address: int, registers: bytes) -> None:
        head = struct.pack(">BHHB", 16, address, len(registers) // 2, len(registers))
        self._ask(head + registers)

    def _ask(self, request: bytes) -> bytes:
        self._number = (self._number + 1) & 0xFFFF
        self._socket.sendall(struct.pack(">HHHB", self._number, 0, len(request) + 1, self._unit_id) + request)
        number, _, length, _ = struct.unpack(">HHHB", self._exactly(7))
        answer = self._exactly(length - 1)
        if number != self._number or answer[0] != request[0]:
            raise ValueError(f"the inverter refuses request {request.hex()}: {answer.hex()}")
        return answer

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self._socket.recv(count - len(data))
            if not part:
                raise ConnectionError("the inverter closed the connection")
            data += part
        return data
