import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from v2g_bench.can.physics.encode import encode
from v2g_bench.can.physics.frame import WireFrame
from v2g_bench.can.physics.length import frame_bits, worst_bits

# Bits with the intermission. `worst` and `least`: include/linux/can/length.h (for classic frames those of Davis, Burns et
# al., "Controller Area Network schedulability analysis", 2007); `zeros` and `mean`: an independent encoder that was proven
# bit by bit against 10,000 recorded frames (mean of 2000 random payloads; identifiers 0x123 and 0x18FF50E5).
PUBLISHED = [
    (WireFrame(0x123, bytes(8)), 111, 135, 125, 113.7),
    (WireFrame(0x18FF50E5, bytes(8), extended=True), 131, 160, 147, 135.7),
    (WireFrame(0x123, bytes(8), fd=True, brs=True), 126, 147, 139, 128.2),
    (WireFrame(0x123, bytes(64), fd=True, brs=True), None, 712, 681, 596.4),
    (WireFrame(0x18FF50E5, bytes(64), extended=True, fd=True, brs=True), None, 736, 702, 617.4),
]


@given(st.from_type(WireFrame))
@settings(max_examples=100)
def test_the_table_counts_what_the_encoder_makes(frame):
    encoded, counted = encode(frame), frame_bits(frame)
    assert counted.total == len(encoded.bits)
    assert counted.stuff == encoded.stuff_bits
    assert counted.data == (encoded.delimiter - encoded.brs if frame.brs else 0)
    assert counted.total <= worst_bits(frame)


@pytest.mark.parametrize(("frame", "least", "worst", "zeros", "mean"), PUBLISHED)
def test_the_published_lengths(frame, least, worst, zeros, mean):
    rng = random.Random(1)
    found = [frame_bits(frame._replace(data=rng.randbytes(len(frame.data)))).with_intermission for _ in range(4000)]
    assert frame_bits(frame).with_intermission == zeros
    assert worst_bits(frame) + 3 == worst
    assert sum(found) / len(found) == pytest.approx(mean, abs=0.3)
    if least is not None:
        plain = frame_bits(frame)
        assert plain.with_intermission - plain.stuff == least
