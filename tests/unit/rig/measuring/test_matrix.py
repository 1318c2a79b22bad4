"""States x dangers: that all of them meet, in worlds that can be, and what comes first."""

import pytest

from v2g_bench.rig.measuring.dangers import DANGERS
from v2g_bench.rig.measuring.matrix import APART, SHOWN_TOGETHER, matrix, shares
from v2g_bench.rig.measuring.states import STATES


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_state_meets_each_danger_and_each_pair_of_levels_meets(seed):
    rows = matrix(seed)
    assert {(row.state, row.danger) for row in rows} == set(SHOWN_TOGETHER)
    assert shares(rows) == (1.0, 1.0)
    assert len(rows) <= len(SHOWN_TOGETHER) + 10


def test_what_is_apart_is_named_as_it_is_called_elsewhere():
    assert {state for state, _ in APART} <= set(STATES)
    assert {danger for _, danger in APART} <= set(DANGERS)


def test_the_same_seed_brings_the_same_rows_back():
    first = matrix(7)
    matrix.cache_clear()
    assert matrix(7) == first
    assert matrix(8) != first


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_prefix_brings_a_trip_into_each_state_and_all_dangers(seed):
    rows = matrix(seed)[:40]
    assert {row.state for row in rows if DANGERS[row.danger].trips} == set(STATES)
    assert {row.danger for row in rows} == set(DANGERS)


def test_a_state_has_the_direction_the_power_and_the_warmth_that_are_its_own():
    for row in matrix(1):
        state, setting = STATES[row.state], STATES[row.state].fits(row.setting)
        if state.direction != "any":
            assert (setting.power_w > 0) == (state.direction == "charge")
        assert (abs(setting.power_w) == float("inf")) == state.rated
        assert setting.temperature_c is not None
        assert state.temperature_c in (None, setting.temperature_c)
        assert abs(setting.power_w) >= 600
