"""Every bit of a frame on the wire, classic and FD, after ISO 11898-1:2015.

    classic   SOF..data, CRC-15 | stuffed;                                 CRC delimiter, ACK, ACK delimiter, EOF 7
    FD        SOF..data | stuffed; stuff count 4, CRC-17/21 | fixed stuff; CRC delimiter, ACK, ACK delimiter, EOF 7

Stuffing inserts the opposite bit after five equal ones. In an FD frame none follows the last data bit, and the checksum
field has a stuff bit before it and after every four bits, the opposite of the bit before. CRC-17 and CRC-21 are taken
over the stuffed bits and the stuff count. Notes: an FD CRC delimiter may last two bits at a receiver; here it is one.
"""

import re
from typing import NamedTuple

from v2g_bench.can.physics.crc import CRC15, crc_of_length
from v2g_bench.can.physics.frame import WireFrame

INTERMISSION = 3
EOF_BITS = 7
TAIL = 3 + EOF_BITS  # CRC delimiter, ACK slot, ACK delimiter, EOF
_FIVE = re.compile("00000|11111")


class Encoded(NamedTuple):
    """The bits of one frame, SOF to the last of EOF, as a string of 0 (dominant) and 1 (recessive).

    stuff_bits: dynamic ones; arbitration_end: index after the arbitration field; brs: index of the BRS bit, -1 if the
    bit rate is not switched; delimiter: index of the CRC delimiter; the ACK slot is the bit after it.
    """

    bits: str
    stuff_bits: int
    arbitration_end: int
    brs: int
    delimiter: int

    @property
    def ack(self) -> int:
        """Index of the ACK slot."""
        return self.delimiter + 1


def encode(frame: WireFrame, *, acknowledged: bool = True) -> Encoded:
    """The frame as it is on the wire."""
    body = frame.body()
    if frame.fd:
        front, places = stuffed(body, last=False)
        region = front + _checksum_field(front, len(places), len(frame.data))
    else:
        region, places = stuffed(f"{body}{CRC15.of(body):015b}", last=True)
    arbitration = 33 if frame.extended else 13
    brs = _moved(frame.brs_place, places) if frame.brs else -1
    bits = f"{region}1{'0' if acknowledged else '1'}1{'1' * EOF_BITS}"
    return Encoded(bits, len(places), _moved(arbitration - 1, places) + 1, brs, len(region))


def stuffed(bits: str, *, last: bool) -> tuple[str, list[int]]:
    """The bits with stuff bits, and the places of those. last: five equal bits at the very end are followed by one too.

    >>> stuffed("1000001111", last=True)
    ('100000111110', [6, 11])
    """
    places: list[int] = []
    at = 0
    while found := _FIVE.search(bits, at):
        at = found.end()
        if at == len(bits) and not last:
            break
        bits = f"{bits[:at]}{'1' if bits[at - 1] == '0' else '0'}{bits[at:]}"
        places.append(at)
    return bits, places


def stuff_count(stuff_bits: int) -> str:
    """The stuff count of an FD frame: dynamic stuff bits modulo 8 in Gray code, and an even parity bit."""
    gray = stuff_bits % 8 ^ stuff_bits % 8 >> 1
    return f"{gray:03b}{gray.bit_count() & 1}"


def _checksum_field(front: str, stuff_bits: int, length: int) -> str:
    crc, count = crc_of_length(length), stuff_count(stuff_bits)
    plain = f"{count}{crc.of(front + count):0{crc.width}b}"
    field, before = "", front[-1]
    for at in range(0, len(plain), 4):
        field += ("1" if before == "0" else "0") + plain[at : at + 4]
        before = field[-1]
    return field


def _moved(place: int, stuff_places: list[int]) -> int:
    """The index after stuffing of the bit with the unstuffed index `place`."""
    for at in stuff_places:
        if at > place:
            break
        place += 1
    return place
