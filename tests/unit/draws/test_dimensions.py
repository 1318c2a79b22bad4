"""Dimensions: their ends are reached, nothing lies outside, half of what is past a limit lies beside it."""

import pytest

from v2g_bench.draws.dimensions import Choice, LogUniform, Past, Uniform, drawn

HOT = Past(limit=45.0, first=45.1, step=0.1, far=150.0)
LOW = Past(limit=3.2, first=3.199, step=-0.001, far=0.0)
SHARES = [place / 1000 for place in range(1000)]


@pytest.mark.parametrize("past", [HOT, LOW])
def test_half_within_three_counts_and_none_at_the_limit(past):
    counts = [round((past.at(share) - past.limit) / past.step) for share in SHARES]
    assert min(counts) == 1
    assert sum(count <= 3 for count in counts) == 500
    assert max(counts) == past.counts or past.at(0.999999) == pytest.approx(past.far)


def test_far_past_the_limit_is_drawn():
    assert sum(HOT.at(share) > 60 for share in SHARES) > 150
    assert HOT.at(0.99999) == 150.0


@pytest.mark.parametrize(("counts", "values"), [(1, {10.0}), (2, {10.0, 11.0}), (4, {10.0, 11.0, 12.0, 13.0})])
def test_few_counts_past_a_limit(counts, values):
    past = Past(limit=9.0, first=10.0, step=1.0, far=9.0 + counts)
    assert {past.at(share) for share in SHARES} == values


def test_ends_of_a_range():
    assert (Uniform(30, 70).at(0.0), Uniform(30, 70).at(0.99999)) == (30.0, 70.0)
    power_w = LogUniform(500, 11_000, at_high=0.125)
    assert (power_w.at(0.0), power_w.at(0.875), power_w.at(0.99)) == (500.0, 11_000, 11_000)
    assert power_w.at(0.87) < 11_000


def test_each_choice_as_often():
    chosen = [Choice("abc").at(share) for share in SHARES]
    assert {one: chosen.count(one) for one in "abc"} == {"a": 334, "b": 333, "c": 333}


def test_a_draw_depends_on_key_name_and_place():
    world = {"to_c": HOT, "power_w": LogUniform(500, 11_000)}
    assert drawn(world, "1 test", 3) == drawn(world, "1 test", 3)
    assert drawn(world, "1 test", 3) != drawn(world, "2 test", 3)
    assert drawn({"to_c": HOT}, "1 test", 3)["to_c"] == drawn(world, "1 test", 3)["to_c"]
