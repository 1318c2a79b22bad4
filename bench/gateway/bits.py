"""Values into the bits of a frame."""

from v2g_bench.can.codec import SignalCodec


def counted(codec: SignalCodec, value: float) -> int:
    """The count of a value, or of the nearest that the signal can carry."""
    low, high = codec.ends
    return codec.count(min(max(value, low), high))


def put(data: bytearray, length: int, codec: SignalCodec, raw: int) -> None:
    """`SignalCodec.put`."""
    codec.put(data, length, raw)
