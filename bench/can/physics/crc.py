"""The three checksums of CAN, over bits that need not fill bytes. Polynomials and start values: ISO 11898-1:2015.

The start value of CRC-17 and CRC-21 has its most significant bit set (ISO); the early, non-ISO CAN FD had 0, and leading
zeros then changed nothing.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Crc:
    """One checksum: bits wide, polynomial without its leading term, start value of the register.

    >>> f"{CRC15.of_bytes(b'123456789'):04X}"
    '059E'
    """

    width: int
    polynomial: int
    start: int
    table: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        shift = self.width - 8
        object.__setattr__(self, "table", tuple(self._steps(byte << shift, 0, 8) for byte in range(256)))

    def of(self, bits: str) -> int:
        """The checksum of a string of 0 and 1."""
        odd = len(bits) % 8
        register = self._steps(self.start, int(bits[:odd], 2), odd) if odd else self.start
        rest = len(bits) // 8
        return self.of_bytes(int(bits[odd:], 2).to_bytes(rest, "big"), register) if rest else register

    def of_bytes(self, data: bytes, register: int | None = None) -> int:
        """The checksum of whole bytes, going on from `register`."""
        value, shift, mask, table = self.start if register is None else register, *self._constants()
        for byte in data:
            value = value << 8 & mask ^ table[value >> shift & 0xFF ^ byte]
        return value

    def _constants(self) -> tuple[int, int, tuple[int, ...]]:
        return self.width - 8, (1 << self.width) - 1, self.table

    def _steps(self, register: int, bits: int, count: int) -> int:
        top, mask = self.width - 1, (1 << self.width) - 1
        for place in range(count - 1, -1, -1):
            carry = register >> top & 1 ^ bits >> place & 1
            register = register << 1 & mask ^ (self.polynomial if carry else 0)
        return register


CRC15 = Crc(15, 0x4599, 0)
CRC17 = Crc(17, 0x1685B, 1 << 16)
CRC21 = Crc(21, 0x102899, 1 << 20)


def crc_of_length(length: int) -> Crc:
    """The checksum of an FD frame with this many data bytes."""
    return CRC17 if length <= 16 else CRC21
