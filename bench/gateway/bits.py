"""Values into the bits of a frame."""

from typing import Literal

from v2g_bench.can.codec import SignalCodec


def counted(codec: SignalCodec, value: float) -> int:
    """The count of a value, or of the nearest that the signal can carry."""
    low, high = codec.ends
    return codec.count(min(max(value, low), high))


def put(data: bytearray, length: int, codec: SignalCodec, raw: int) -> None:
    """Write a count into the first `length` bytes of a frame; bits that do not fit the signal are cut off."""
    order: Literal["big", "little"] = "big" if codec.big_endian else "little"
    mask = ((1 << codec.length) - 1) << codec.shift
    whole = int.from_bytes(data[:length], order)
    data[:length] = ((whole & ~mask) | ((raw << codec.shift) & mask)).to_bytes(length, order)
