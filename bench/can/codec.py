"""One signal of a frame: raw counts to a value in the canonical unit and back, exactly.

The scaling of the database and the conversion of the unit are held as one rational number (`numerator`, `offset`,
`denominator`), so that 450 counts of 0.1 °C are 45.0 and nothing near it:

    value = (raw * numerator + offset) / denominator

A frame is handled as one integer, little- or big-endian as its signals are; `shift` is the place of the signal in it.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Literal

SPARE_BITS = 8


@dataclass(frozen=True)
class SignalCodec:
    """Where a role sits in its frame and how it is scaled.

    key: role, with its index; raw_min, raw_max: the counts that may be sent; no_values: the counts by which the sender
    states that it has no value; top: counts above it have none either. meanings: of a role that the database's value table
    puts into words, each count and what it stands for; every other count has no value. labelled: the counts of a quantity
    that the value table names instead of leaving them a value ("SNA", "invalid", "reserved").
    """

    key: str
    unit: str
    start: int
    length: int
    big_endian: bool
    signed: bool
    shift: int
    numerator: int
    offset: int
    denominator: int
    raw_min: int
    raw_max: int
    no_values: frozenset[int] = frozenset()
    labelled: frozenset[int] = frozenset()
    top: int = 1 << 64
    meanings: tuple[tuple[int, float], ...] = ()

    @cached_property
    def _meaning(self) -> dict[int, float]:
        return dict(self.meanings)

    @property
    def resolution(self) -> float:
        """One count in the canonical unit."""
        return abs(self.numerator) / self.denominator

    def raw(self, frame: int) -> int:
        """The count of this signal in a frame given as an integer of the signal's byte order."""
        raw = (frame >> self.shift) & ((1 << self.length) - 1)
        return raw - (1 << self.length) if self.signed and raw >> (self.length - 1) else raw

    def value(self, raw: int) -> float:
        """The canonical value of a count that has one (see `has_value`)."""
        if self.meanings:
            return self._meaning[raw]
        return (raw * self.numerator + self.offset) / self.denominator

    def has_value(self, raw: int) -> bool:
        """Whether a count stands for a value at all, be it credible or not."""
        if self.meanings:
            return raw in self._meaning
        return raw <= self.top and raw not in self.no_values

    def silences(self) -> tuple[int, ...]:
        """Counts by which a sender states that it has no value: those of the value table, and one of each kind above `top`."""
        highest = (1 << self.length - self.signed) - 1
        if self.top >= highest:
            return tuple(sorted(self.no_values))
        step = 1 << max(0, self.length - 8)  # SAE J1939-71 tells them apart by the highest byte
        return tuple(sorted({*self.no_values, *range(self.top + 1, highest + 1, step), highest}))

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest value that can be sent."""
        values = self._meaning.values() if self.meanings else (self.value(self.raw_min), self.value(self.raw_max))
        return min(values), max(values)

    def credible(self, raw: int) -> bool:
        """Whether a count can be a measured value: inside the signal's range, without a label, and no end of its bits.

        All bits set (for a signed signal: its lowest and its highest count) is what most senders put where they have no
        value, with or without an entry in their database; a signal below 8 bits has no counts to spare for that.
        """
        if not self.raw_min <= raw <= self.raw_max or raw in self.labelled or not self.has_value(raw):
            return False
        if self.length < SPARE_BITS:
            return True
        highest = (1 << self.length - self.signed) - 1
        return raw != highest and not (self.signed and raw == -highest - 1)

    def count(self, value: float) -> int:
        """The nearest count of a value, halves upwards; ValueError if it cannot be sent."""
        if not math.isfinite(value):
            raise ValueError(f"{self.key} = {value} is not a number that can be sent")
        if self.meanings:
            return self._count_of_meaning(value)
        raw = math.floor((value * self.denominator - self.offset) / self.numerator + 0.5)
        if not self.raw_min <= raw <= self.raw_max:
            raise ValueError(f"{self.key} = {value:g} {self.unit} is outside {self._range()}")
        return raw

    def above(self, limit: float, counts: int = 1) -> float:
        """The value `counts` counts beyond `limit`, upwards: 1 is the first above it, 0 the highest that is not above it.

        ValueError where the signal has no such count that can be a measured value.
        """
        bound = self.bound(limit)
        return self._at(math.floor(bound) + counts if self.above_is_up else math.ceil(bound) - counts, limit, counts)

    def below(self, limit: float, counts: int = 1) -> float:
        """As `above`, downwards: 1 is the first value below the limit, 0 the lowest that is not below it."""
        bound = self.bound(limit)
        return self._at(math.ceil(bound) - counts if self.above_is_up else math.floor(bound) + counts, limit, counts)

    def _at(self, raw: int, limit: float, counts: int) -> float:
        if self.meanings or not self.credible(raw):
            what = f"no value {counts} counts of {self.resolution:g} {self.unit} from {limit:g}"
            raise ValueError(f"{self.key} has {what}: it carries {self._range()}")
        return self.value(raw)

    def _range(self) -> str:
        low, high = self.ends
        return f"{low:g} to {high:g} {self.unit}"

    def _count_of_meaning(self, value: float) -> int:
        """The first count of a meaning; of one that the value table has no word for, of the next lower one."""
        known = [meaning for meaning in self._meaning.values() if meaning <= value]
        if not known or value > self.ends[1]:
            raise ValueError(f"{self.key} = {value:g}: the value table has no word for it")
        return next(raw for raw, meaning in self.meanings if meaning == max(known))

    def put(self, data: bytearray, length: int, raw: int) -> None:
        """Write a count into the first `length` bytes of a frame; bits that do not fit the signal are cut off."""
        order: Literal["big", "little"] = "big" if self.big_endian else "little"
        mask = ((1 << self.length) - 1) << self.shift
        whole = int.from_bytes(data[:length], order)
        data[:length] = ((whole & ~mask) | ((raw << self.shift) & mask)).to_bytes(length, order)

    def bound(self, limit: float) -> Fraction:
        """The limit in counts, unrounded; a value is above it if its count is on the far side (see `above_is_up`)."""
        return (Fraction(repr(float(limit))) * self.denominator - self.offset) / self.numerator

    @property
    def above_is_up(self) -> bool:
        """More counts are a higher value (false for an inverted signal)."""
        return self.numerator > 0


def shift_of(start: int, length: int, big_endian: bool, frame_bytes: int) -> int:
    """Place of a signal's lowest bit in the frame as an integer, from the DBC's start bit.

    A DBC gives the lowest bit of an Intel signal and the highest bit of a Motorola one, both counted as
    8 * byte + bit, bit 0 being the lowest of its byte.
    """
    if not big_endian:
        return start
    from_left = 8 * (start // 8) + 7 - start % 8
    return 8 * frame_bytes - from_left - length


def exact(number: float | int | None) -> Fraction:
    """The decimal number that a DBC wrote, without the float's rounding: 0.1 is 1/10."""
    return Fraction(repr(number)) if number is not None else Fraction(0)
