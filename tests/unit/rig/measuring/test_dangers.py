"""Dangers as they are drawn: past the limit by what the signal can carry, near it and far from it."""

from itertools import count

import pytest

from v2g_bench.draws.sequence import even
from v2g_bench.faults import OverTemperature, StringVoltageDifference
from v2g_bench.rig.file.model import Judging, Thresholds
from v2g_bench.rig.measuring.dangers import DANGERS, Chance


def drawn(name: str, step: float, key: str):
    places = count()
    return DANGERS[name].drawn(Chance(lambda: even(f"{key}/{next(places)}", 0), lambda role: step, Thresholds()))


@pytest.mark.parametrize("step", [0.1, 0.5, 1.0])
def test_a_hot_cell_is_past_45_degrees_on_the_counts_of_its_signal(step):
    found = {drawn("hot cell", step, str(key)).to_c for key in range(60)}
    assert min(found) == pytest.approx(45.0 + step)
    assert 50 < max(found) <= 58.0
    assert all(abs(to_c / step - round(to_c / step)) < 1e-6 for to_c in found)


def test_any_cell_can_be_the_hot_one():
    places = count()
    chance = Chance(lambda: even(f"cell/{next(places)}", 0), lambda role: 0.1, Thresholds(), cells=12)
    found = {DANGERS["hot cell"].drawn(chance).cell for _ in range(200)}
    assert found == set(range(1, 13))


def test_strings_are_past_300_mv_also_where_a_count_is_100_mv():
    assert min(drawn("strings apart", 0.1, str(key)).to_mv for key in range(40)) == pytest.approx(400)
    assert min(drawn("strings apart", 0.001, str(key)).to_mv for key in range(40)) == pytest.approx(301)


def test_kinds():
    assert isinstance(drawn("hot cell", 0.1, "a"), OverTemperature)
    assert isinstance(drawn("strings apart", 0.001, "a"), StringVoltageDifference)
    assert DANGERS["inverter silent"].drawn is None


def test_a_divergence_is_past_its_threshold_in_both_directions():
    found = [drawn("SoC diverges", 0.1, str(key)).by_pct for key in range(40)]
    assert min(map(abs, found)) >= 7
    assert min(found) < 0 < max(found)


def test_each_limit_is_the_manuals_or_the_rigs():
    limits = Judging()
    found = {name: danger.limit_ms(limits) for name, danger in DANGERS.items() if danger.limit_ms}
    assert found == {
        "hot cell": 50.0,
        "strings apart": 50.0,
        "over-current": 1e3 * limits.fallback_s,
        "BMS silent": limits.silence_limit_ms,
        "inverter silent": limits.offline_limit_ms,
    }
