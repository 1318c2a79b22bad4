"""The jobs of the kernel's CAN gateway as plain data: which frames, from where to where, and what is changed in them.

>>> Job(uid(1), "vcan1", "vcan0", exactly(0x100, False), fd=True, change=UNCHANGED.written(b"\\x0f", b"\\x0a")).change(b"\\x30")
b':'
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

EFF = 0x8000_0000  # the flag of an extended identifier
SFF_BITS, EFF_BITS = 11, 29
EXACT_SFF, EXACT_EFF = EFF | 0x7FF, EFF | 0x1FFF_FFFF
MARK = 0x5632_0000  # in the upper half of the number of every job of the bench
PAYLOAD = 64


class Filter(NamedTuple):
    """What a job takes: frames whose identifier, with the flag EFF of extended ones, is can_id in the bits of mask."""

    can_id: int
    mask: int


@dataclass(frozen=True)
class Change:
    """(payload & keep | put) ^ flip. All 64 bytes long; what a frame does not have is not changed."""

    keep: bytes = b"\xff" * PAYLOAD
    put: bytes = bytes(PAYLOAD)
    flip: bytes = bytes(PAYLOAD)

    def written(self, mask: bytes, value: bytes) -> "Change":
        """This, and then the bits of `mask` set to those of `value`, whatever was done to them before."""
        free = bytes(~bit & 0xFF for bit in mask.ljust(PAYLOAD, b"\0"))
        return Change(
            _both(self.keep, free), _either(_both(self.put, free), value.ljust(PAYLOAD, b"\0")), _both(self.flip, free)
        )

    def inverted(self, mask: bytes) -> "Change":
        """This, and then the bits of `mask` inverted."""
        flipped = bytes(a ^ b for a, b in zip(self.flip, mask.ljust(PAYLOAD, b"\0"), strict=True))
        return Change(self.keep, self.put, flipped)

    def __call__(self, data: bytes) -> bytes:
        """What the kernel makes of a payload."""
        return bytes((a & k | p) ^ f for a, k, p, f in zip(data, self.keep, self.put, self.flip, strict=False))


UNCHANGED = Change()


@dataclass(frozen=True)
class Job:
    """One job. uid: its number, see `uid`; fd: it takes FD frames, and only those; else classic ones alone."""

    uid: int
    source: str
    target: str
    filter: Filter
    fd: bool
    change: Change = UNCHANGED


def uid(number: int) -> int:
    """The number of the bench's n-th job (n from 1)."""
    assert 0 < number < 0x10000
    return MARK | number


def everything_but(identifiers: Iterable[tuple[int, bool]]) -> list[Filter]:
    """Filters that take each frame exactly once, save those of these (identifier, extended) pairs.

    The kernel's filters can be inverted, but each job has one: so the rest is cut into blocks of identifiers.
    """
    pairs = set(identifiers)
    standard = {number for number, extended in pairs if not extended}
    extended = {number for number, is_extended in pairs if is_extended}
    return [
        *(Filter(block, EFF | mask) for block, mask in _blocks(standard, SFF_BITS)),
        *(Filter(EFF | block, EFF | mask) for block, mask in _blocks(extended, EFF_BITS)),
    ]


def exactly(identifier: int, extended: bool) -> Filter:
    """The filter of one identifier."""
    return Filter(EFF | identifier, EXACT_EFF) if extended else Filter(identifier, EXACT_SFF)


def _blocks(holes: set[int], bits: int) -> Iterator[tuple[int, int]]:
    """(value, mask) of the largest aligned blocks of numbers of so many bits that hold none of the holes."""
    waiting = [(0, bits, holes)]
    while waiting:
        block, free, inside = waiting.pop()
        if not inside:
            yield block, (1 << bits) - (1 << free)
        elif free:
            upper = block | 1 << (free - 1)
            waiting.append((upper, free - 1, {hole for hole in inside if hole >= upper}))
            waiting.append((block, free - 1, {hole for hole in inside if hole < upper}))


def _both(one: bytes, other: bytes) -> bytes:
    return bytes(a & b for a, b in zip(one, other, strict=True))


def _either(one: bytes, other: bytes) -> bytes:
    return bytes(a | b for a, b in zip(one, other, strict=True))
