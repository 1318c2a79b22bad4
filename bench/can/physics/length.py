"""How many bits a frame has, exactly and fast: 3 us for 64 bytes, against 20 us for encoding it.

Stuffing is a state machine of ten states (the last bit, and 1 to 5 equal ones); its steps are tabulated for 16 bits at a
time. A table row is a list: `row[word]` for two bytes as the machine stores them, `row[BYTE + byte]` for one byte; the
entry is (row after it, stuff bits inserted). A stuff bit is counted with the bit that follows it, so that none is counted
after the last data bit of an FD frame.

>>> from v2g_bench.can.physics.frame import WireFrame
>>> frame_bits(WireFrame(0x123, bytes(8))).total
122
"""

import sys
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from v2g_bench.can.physics.crc import CRC15
from v2g_bench.can.physics.encode import INTERMISSION, TAIL, stuffed
from v2g_bench.can.physics.frame import WireFrame

BYTE = 65_536
Row = list[Any]  # of (Row, int)


class FrameBits(NamedTuple):
    """Bits from SOF to EOF, at the nominal and at the data rate (0 without a switch); stuff: dynamic ones of them."""

    nominal: int
    data: int
    stuff: int

    @property
    def total(self) -> int:
        """SOF to the last bit of EOF."""
        return self.nominal + self.data

    @property
    def with_intermission(self) -> int:
        """And the three bits before the next frame may begin."""
        return self.total + INTERMISSION


def frame_bits(frame: WireFrame) -> FrameBits:
    """The exact numbers of bits."""
    data = frame.data
    row, nominal, fast, register = _front(frame.frame_id, frame[2:], len(data))
    stuff = 0
    if len(data) & 1:
        row, stuff = row[BYTE + data[0]]
        words = memoryview(data[1:]).cast("H")
    else:
        words = memoryview(data).cast("H")
    for word in words:
        row, count = row[word]
        stuff += count
    if frame.fd:
        if fast:
            return FrameBits(nominal.bits, fast.bits + stuff, nominal.stuff + fast.stuff + stuff)
        return FrameBits(nominal.bits + stuff, 0, nominal.stuff + stuff)
    # The sixteenth bit represents the CRC delimiter: before it the stuff bit after five equal ones is counted.
    last = CRC15.of_bytes(data, register) << 1
    _, count = row[last if sys.byteorder == "big" else (last & 0xFF) << 8 | last >> 8]
    stuff += count
    return FrameBits(nominal.bits + stuff, 0, nominal.stuff + stuff)


def worst_bits(frame: WireFrame) -> int:
    """The most bits that a frame of this format and length can have, SOF to EOF."""
    front = len(frame.header()) + 8 * len(frame.data)
    if frame.fd:
        return front + (front - 1) // 4 + checksum_bits(len(frame.data)) + TAIL
    return front + 15 + (front + 15 - 1) // 4 + TAIL


def checksum_bits(length: int) -> int:
    """Stuff count, CRC and fixed stuff bits of an FD frame."""
    return 27 if length <= 16 else 32


class _Part(NamedTuple):
    bits: int
    stuff: int


@lru_cache(maxsize=4096)
def _front(frame_id: int, format_: tuple[Any, ...], length: int) -> tuple[Row, _Part, _Part | None, int]:
    """What all frames with this header share: state after the header, nominal and fast bits so far, CRC-15 register."""
    frame = WireFrame(frame_id, bytes(length), *format_)
    header = frame.header()
    row, stuff = _through(rows()[0], header[1:])
    if not frame.fd:
        return row, _Part(len(header) + 8 * length + 15 + TAIL + stuff, stuff), None, CRC15.of(header)
    bits = len(header) + 8 * length + checksum_bits(length) + TAIL + stuff
    if not frame.brs:
        return row, _Part(bits, stuff), None, 0
    place = frame.brs_place
    _, early = stuffed(header[: place + 1], last=False)
    # SOF to BRS (the stuff bit after BRS is fast), and ACK to EOF; the CRC delimiter counts as the one fast bit.
    nominal = _Part(place + 1 + len(early) + TAIL - 1, len(early))
    return row, nominal, _Part(bits - nominal.bits, stuff - len(early)), 0


def _through(row: Row, bits: str) -> tuple[Row, int]:
    """From a state through some bits, slowly; the state after them and the stuff bits."""
    states = rows()
    state = next(place for place, known in enumerate(states) if known is row)
    stuff = 0
    for bit in bits:
        state, count = _step(state, int(bit))
        stuff += count
    return states[state], stuff


def _step(state: int, bit: int) -> tuple[int, int]:
    """State 5 * last bit + run - 1, one bit further: the state after it, and the stuff bit that came before it."""
    last, run, count = state // 5, state % 5 + 1, 0
    if run == 5:
        last, run, count = 1 - last, 1, 1
    return 5 * bit + (min(run + 1, 5) if bit == last else 1) - 1, count


@lru_cache(maxsize=1)
def rows() -> list[Row]:
    """The ten rows, five with a dominant last bit first; made once, 5 MB."""
    after, count = np.empty((10, 256), np.int64), np.empty((10, 256), np.int64)
    for start in range(10):
        for byte in range(256):
            state, stuff = start, 0
            for place in range(7, -1, -1):
                state, more = _step(state, byte >> place & 1)
                stuff += more
            after[start, byte], count[start, byte] = state, stuff
    word = np.arange(65_536)
    first, second = (word & 0xFF, word >> 8) if sys.byteorder == "little" else (word >> 8, word & 0xFF)
    made: list[Row] = [[] for _ in range(10)]
    entries = {(state, stuff): (made[state], stuff) for state in range(10) for stuff in range(5)}
    for start in range(10):
        middle = after[start, first]
        ends, stuffs = after[middle, second], count[start, first] + count[middle, second]
        for end, stuff in [(ends, stuffs), (after[start], count[start])]:
            made[start].extend(map(entries.__getitem__, zip(end.tolist(), stuff.tolist(), strict=True)))
    return made
