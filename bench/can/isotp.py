"""ISO-TP (ISO 15765-2) without I/O: what a payload is on the bus, and a payload from what was on the bus.

For the emulated BMS and for simulations; the controller itself uses the library can-isotp, which is also the oracle of the
tests. Normal addressing; classic frames, or CAN FD frames of up to 64 bytes.

    single frame        0L data            FD, longer than 7: 00 LL data
    first frame         1L LL data         the sender then waits for flow control
    consecutive frame   2N data            N counts 1 to 15, then from 0
    flow control        30 BS ST           BS frames until the next one (0: all), ST: least separation

>>> Reassembly().take(bytes.fromhex("03190209"))
(b'\\x19\\x02\\t', None)
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

CLASSIC_BYTES, FD_BYTES = 8, 64
LENGTHS: tuple[int, ...] = (*range(9), 12, 16, 20, 24, 32, 48, 64)  # that a frame can have, ISO 11898-1
LONGEST = 0xFFF
FLOW_CONTROL = bytes((0x30, 0, 0))
FLOW_TIMEOUT_S = 1.0  # N_Bs, ISO 15765-2 table 21


def padded_length(length: int) -> int:
    """The next length that a CAN frame can have."""
    return min(step for step in LENGTHS if step >= length)


def single_frame(payload: bytes, frame_bytes: int) -> bytes | None:
    """The one frame that carries the payload; None if it needs several."""
    if len(payload) <= 7:
        return bytes((len(payload),)) + payload
    if len(payload) <= frame_bytes - 2 and frame_bytes > CLASSIC_BYTES:
        return bytes((0, len(payload))) + payload
    return None


@dataclass
class Sending:
    """A payload on its way. `begin` gives the first frame; `on_frame` takes flow control and gives (delay_s, frame)s."""

    payload: bytes
    frame_bytes: int
    _rest: bytes = b""
    _number: int = 1
    waiting_since_s: float | None = None  # for flow control; None: nothing is left to send

    def begin(self, now_s: float) -> bytes:
        """The first frame. ValueError for a payload that is too long."""
        if len(self.payload) > LONGEST:
            raise ValueError(f"{len(self.payload)} bytes are more than ISO-TP's {LONGEST}")
        if (single := single_frame(self.payload, self.frame_bytes)) is not None:
            return single
        head = self.frame_bytes - 2
        self._rest, self.waiting_since_s = self.payload[head:], now_s
        return bytes((0x10 | len(self.payload) >> 8, len(self.payload) & 0xFF)) + self.payload[:head]

    def on_flow_control(self, data: bytes, now_s: float) -> Iterator[tuple[float, bytes]]:
        """Flow control has come: the consecutive frames that may go, each with its delay from now (s)."""
        if self.waiting_since_s is None or not data or data[0] >> 4 != 3:
            return
        if data[0] & 0xF == 1:  # wait
            self.waiting_since_s = now_s
            return
        if data[0] & 0xF or len(data) < 3:  # the receiver has no room
            self.waiting_since_s = None
            return
        block, gap_s = data[1], _separation_s(data[2])
        sent = 0
        while self._rest and (not block or sent < block):
            part, self._rest = self._rest[: self.frame_bytes - 1], self._rest[self.frame_bytes - 1 :]
            yield sent * gap_s, bytes((0x20 | self._number,)) + part
            self._number = (self._number + 1) % 16
            sent += 1
        self.waiting_since_s = now_s if self._rest else None

    def expire(self, now_s: float) -> None:
        """Give up where no flow control came in time."""
        if self.waiting_since_s is not None and now_s - self.waiting_since_s > FLOW_TIMEOUT_S:
            self.waiting_since_s = None


def _separation_s(code: int) -> float:
    """STmin: 0 to 127 ms, or F1 to F9 for 100 to 900 us; reserved codes mean 127 ms."""
    if code <= 0x7F:
        return code / 1e3
    return (code - 0xF0) / 1e4 if 0xF1 <= code <= 0xF9 else 0.127


@dataclass
class Reassembly:
    """The receiving side: `take` gives (a complete payload or None, the flow control to send or None)."""

    _data: bytearray = field(default_factory=bytearray)
    _length: int = 0
    _number: int = 0

    def take(self, data: bytes) -> tuple[bytes | None, bytes | None]:
        """One frame. What is out of order ends the payload that was under way."""
        kind = data[0] >> 4 if data else -1
        if kind == 0:
            length, start = (data[1], 2) if data[0] == 0 and len(data) > CLASSIC_BYTES else (data[0] & 0xF, 1)
            self._length = 0
            return (bytes(data[start : start + length]), None) if 0 < length <= len(data) - start else (None, None)
        if kind == 1 and len(data) >= CLASSIC_BYTES:
            self._length, self._number = (data[0] & 0xF) << 8 | data[1], 1
            self._data = bytearray(data[2:])
            return None, FLOW_CONTROL
        if kind == 2 and self._length:
            if data[0] & 0xF != self._number:
                self._length = 0
                return None, None
            self._number = (self._number + 1) % 16
            self._data += data[1:]
            if len(self._data) >= self._length:
                payload, self._length = bytes(self._data[: self._length]), 0
                return payload, None
        return None, None
