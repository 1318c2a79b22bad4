import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g_bench.can.physics.encode import encode
from v2g_bench.can.physics.frame import WireFrame
from v2g_bench.can.physics.length import frame_bits
from v2g_bench.can.physics.timing import BitTiming

FAST = BitTiming(500_000, 2_000_000)


@given(st.from_type(WireFrame))
def test_the_last_bit_ends_when_the_frame_does(frame):
    encoded, bits = encode(frame), frame_bits(frame)
    for timing in (FAST, BitTiming(250_000, 5_000_000, 0.875, 0.7)):
        ends_s = [timing.end_s(encoded, at) for at in range(len(encoded.bits))]
        assert ends_s[-1] == pytest.approx(timing.duration_s(bits.nominal, bits.data), rel=1e-12)
        assert all(one < other for one, other in itertools.pairwise(ends_s))
        for at, end_s in enumerate(ends_s):
            begin_s = ends_s[at - 1] if at else 0.0
            assert begin_s < timing.sample_s(encoded, at) < end_s


@pytest.mark.parametrize(
    ("frame", "us"),
    [
        (WireFrame(0x123, bytes(64), fd=True, brs=True), 384.0),  # published: 384 us, 2,604 frames/s with intermission
        (WireFrame(0x555, bytes([0x55] * 8)), 222.0),  # without a stuff bit: 111 bits
    ],
)
def test_the_published_durations(frame, us):
    bits = frame_bits(frame)
    if frame.fd:
        assert FAST.duration_s(bits.nominal + 3, bits.data) * 1e6 == pytest.approx(us, abs=0.5)
    else:
        assert FAST.duration_s(bits.nominal - bits.stuff + 3, 0) * 1e6 == pytest.approx(us, abs=0.01)


def test_the_rate_is_switched_at_the_sample_points():
    encoded = encode(WireFrame(0x555, bytes(8), fd=True, brs=True))
    timing = BitTiming(500_000, 2_000_000, 0.75, 0.5)
    at = encoded.brs
    assert timing.end_s(encoded, at) - timing.end_s(encoded, at - 1) == pytest.approx(0.75 * 2e-6 + 0.5 * 0.5e-6)
    assert timing.end_s(encoded, at + 1) - timing.end_s(encoded, at) == pytest.approx(0.5e-6)
    last = encoded.delimiter
    assert timing.end_s(encoded, last) - timing.end_s(encoded, last - 1) == pytest.approx(0.5 * 0.5e-6 + 0.25 * 2e-6)


@pytest.mark.parametrize("wrong", [{"bitrate": 0}, {"data_bitrate": 100}, {"sample_point": 1.0}])
def test_a_timing_that_no_bus_has(wrong):
    with pytest.raises(ValueError, match=r"bit"):
        BitTiming(**wrong)
