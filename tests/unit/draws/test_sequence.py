"""The even sequence: each block of 2^k fills 2^k equal parts, keys are independent, the place alone decides."""

import pytest

from v2g_bench.draws.sequence import even


@pytest.mark.parametrize("first", [0, 16, 48])
def test_each_block_fills_all_parts(first):
    assert sorted(int(16 * even("key", first + place)) for place in range(16)) == list(range(16))


def test_a_prefix_is_even_too():
    for key in ("a", "b", "c"):
        assert sorted(int(4 * even(key, place)) for place in range(4)) == [0, 1, 2, 3]


def test_the_place_alone_decides():
    assert even("key", 41) == even("key", 41)
    assert len({even("key", place) for place in range(200)}) == 200


def test_two_keys_meet_in_all_combinations():
    met = {(int(4 * even("a", place)), int(4 * even("b", place))) for place in range(128)}
    assert len(met) == 16


def test_a_blind_fifth_is_never_missed_by_sixteen():
    for start in range(80):
        low = start / 100
        assert any(low <= even(f"seed {start}", place) < low + 0.2 for place in range(16))
