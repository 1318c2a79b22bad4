"""What a receiver decodes from the bits on the wire: a frame, or an error and the bit at which it is detected.

    stuff   a sixth equal bit where a stuff bit was due        known at that bit
    form    a delimiter, EOF or fixed stuff bit is wrong       known at that bit
    crc     checksum, stuff count or its parity is wrong       known after the ACK delimiter, as the standard wants

A dominant last bit of EOF is no error for a receiver: the frame counts from the bit before it on.
"""

from typing import NamedTuple

from v2g_bench.can.physics.crc import CRC15, crc_of_length
from v2g_bench.can.physics.encode import EOF_BITS, stuff_count
from v2g_bench.can.physics.frame import FD_LENGTHS, WireFrame

_OPPOSITE = {"0": "1", "1": "0"}


class Reception(NamedTuple):
    """frame: None if there was an error; error: "", "stuff", "form" or "crc"; at: index of the bit at which it is known
    (of the last bit if there is none); ack: index of the ACK slot, -1 if it was not reached.
    """

    frame: WireFrame | None
    error: str
    at: int
    ack: int = -1


class _Wrong(Exception):
    def __init__(self, error: str, at: int) -> None:
        self.error, self.at = error, at


class _Reader:
    """Takes bits one after the other, and stuff bits out."""

    def __init__(self, bits: str) -> None:
        self.bits, self.at, self.stuff_bits = bits, 0, 0
        self._last, self._run = "", 0

    def take(self, count: int) -> str:
        """The next bits of a stuffed region."""
        bits, at, last, run = self.bits, self.at, self._last, self._run
        taken = []
        for _ in range(count):
            if run == 5:
                if bits[at] == last:
                    raise _Wrong("stuff", at)
                last, run, at = bits[at], 1, at + 1
                self.stuff_bits += 1
            bit = bits[at]
            last, run, at = bit, (run + 1 if bit == last else 1), at + 1
            taken.append(bit)
        self.at, self._last, self._run = at, last, run
        return "".join(taken)

    def end_of_stuffing(self) -> None:
        """The stuff bit after five equal bits at the end of a classic checksum."""
        if self._run == 5:
            self.expect(_OPPOSITE[self._last], "stuff")
            self.stuff_bits += 1

    def expect(self, bit: str, error: str = "form") -> None:
        """The next bit must be this one."""
        if self.bits[self.at] != bit:
            raise _Wrong(error, self.at)
        self.at += 1

    def fixed(self, count: int) -> str:
        """The next bits of a region with a fixed stuff bit before every four."""
        taken = ""
        while len(taken) < count:
            self.expect(_OPPOSITE[self.bits[self.at - 1]])
            some = min(4, count - len(taken))
            taken += self.bits[self.at : self.at + some]
            self.at += some
        return taken


def decode(bits: str) -> Reception:
    """The frame at the beginning of `bits` (SOF first).

    Bits that end too early raise IndexError; the observer of a broken frame appends what follows on the wire.
    """
    reader = _Reader(bits)
    try:
        frame, good = _until_checksum(reader)
        reader.expect("1")
        ack = reader.at
        reader.at += 1
        reader.expect("1")
        if not good:
            raise _Wrong("crc", reader.at - 1)
        for _ in range(EOF_BITS - 1):
            reader.expect("1")
    except _Wrong as wrong:
        return Reception(None, wrong.error, wrong.at)
    return Reception(frame, "", reader.at, ack)


def _until_checksum(reader: _Reader) -> tuple[WireFrame, bool]:
    """The frame that the bits encode, and whether its checksum fits."""
    frame_id, remote, extended = int(reader.take(12), 2) & 0x7FF, reader.take(1) == "1", reader.take(1) == "1"
    if extended:
        frame_id = frame_id << 18 | int(reader.take(18), 2)
        remote = reader.take(1) == "1"
    if reader.take(1) == "1":
        return _fd(reader, frame_id, extended)
    if extended:
        reader.take(1)  # r0, which receivers take either way
    code = int(reader.take(4), 2)
    length = 0 if remote else min(code, 8)
    data = _bytes(reader, length)
    frame = WireFrame(frame_id, data, extended, remote=remote, remote_length=min(code, 8) if remote else 0)
    received_crc = int(reader.take(15), 2)
    reader.end_of_stuffing()
    # A receiver checks what it saw; a code above 8 or a recessive r0 is in the checksum as sent.
    return frame, received_crc == CRC15.of(_seen_body(frame, code, reader))


def _seen_body(frame: WireFrame, code: int, reader: _Reader) -> str:
    """The unstuffed bits from SOF to the last data bit, as they were seen."""
    repeated = _Reader(reader.bits)
    return repeated.take((39 if frame.extended else 19) + 8 * len(frame.data))


def _fd(reader: _Reader, frame_id: int, extended: bool) -> tuple[WireFrame, bool]:
    at = reader.at
    if reader.take(1) == "1":  # res: the protocol exception; this receiver has none and calls it a form error
        raise _Wrong("form", at)
    brs, esi = reader.take(1) == "1", reader.take(1) == "1"
    length = FD_LENGTHS[int(reader.take(4), 2)]
    frame = WireFrame(frame_id, _bytes(reader, length), extended, fd=True, brs=brs, esi=esi)
    front, crc = reader.bits[: reader.at], crc_of_length(length)
    received_crc = reader.fixed(4 + crc.width)
    count = stuff_count(reader.stuff_bits)
    return frame, received_crc == f"{count}{crc.of(front + count):0{crc.width}b}"


def _bytes(reader: _Reader, length: int) -> bytes:
    return int(reader.take(8 * length), 2).to_bytes(length, "big") if length else b""
