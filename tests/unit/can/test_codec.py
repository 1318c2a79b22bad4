"""Counts beside a limit: exactly on the side that is meant, whatever the scaling."""

import pytest

from v2g_bench.can.codec import SignalCodec


def codec(numerator=1, offset=0, denominator=10, *, low=0, high=1000, labelled=frozenset()):
    return SignalCodec("x", "V", 0, 16, False, False, 0, numerator, offset, denominator, low, high, labelled=labelled)


@pytest.mark.parametrize(
    ("scaled", "limit", "above", "below"),
    [
        (codec(), 30.0, [30.0, 30.1, 30.2], [30.0, 29.9, 29.8]),
        (codec(), 30.05, [30.0, 30.1, 30.2], [30.1, 30.0, 29.9]),
        (codec(-1, 900), 30.0, [30.0, 30.1, 30.2], [30.0, 29.9, 29.8]),
        (codec(-1, 900), 30.05, [30.0, 30.1, 30.2], [30.1, 30.0, 29.9]),
        (codec(1, 0, 1), 45.0, [45.0, 46.0, 47.0], [45.0, 44.0, 43.0]),
    ],
)
def test_counts_beside_a_limit(scaled, limit, above, below):
    assert [scaled.above(limit, counts) for counts in range(3)] == above
    assert [scaled.below(limit, counts) for counts in range(3)] == below


def test_no_count_is_left_beyond_the_range_or_under_a_label():
    with pytest.raises(ValueError, match="carries 0 to 100 V"):
        codec().above(100.0)
    with pytest.raises(ValueError, match="carries"):
        codec().below(0.0)
    with pytest.raises(ValueError, match="carries"):
        codec(labelled=frozenset({301})).above(30.0)
