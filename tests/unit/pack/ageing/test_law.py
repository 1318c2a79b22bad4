import numpy as np
import pytest

from v2g_bench.pack.ageing.law import YEAR_S, Bounds, Spread, inside, kelvin, lives
from v2g_bench.pack.ageing.series import Series
from v2g_bench.pack.ageing.stress import stress_of


def rest(soc=(0.5, 0.5), days=365.0):
    return stress_of(Series(np.array([0.0, days * 86400.0]), np.array(soc), np.full(2, 20.0), None, 100.0, "NMC"))


def test_how_often_a_history_fits_into_years():
    assert lives(rest(days=73.0), 2.0) == pytest.approx(10.0)
    assert lives(rest(), np.array([1.0, 10.0])).tolist() == pytest.approx([1.0, 10.0])
    assert YEAR_S == 365 * 86400


def test_a_history_of_which_nothing_is_known_is_refused():
    with pytest.raises(ValueError, match="known"):
        lives(rest(soc=(0.5, np.nan)), 1.0)


def test_draws_are_of_median_one_and_repeatable():
    draws = Spread().draws(4001, np.random.default_rng(7))
    for factor in (draws.calendar, draws.cyclic, draws.depth):
        assert np.median(factor) == pytest.approx(1.0, abs=0.02)
        assert factor.min() > 0
    assert np.std(np.log(draws.calendar)) == pytest.approx(0.15, rel=0.05)
    assert np.std(draws.warmer_k) == pytest.approx(1.5, rel=0.05)
    assert Spread().draws(3, np.random.default_rng(7)).depth == pytest.approx(
        Spread().draws(3, np.random.default_rng(7)).depth
    )


def test_a_range_includes_its_ends_and_an_unknown_one_holds_nothing():
    bounds = Bounds(20, 40, "a paper")
    assert bounds.holds(np.array([19.9, 20.0, 40.0, 40.1])).tolist() == [False, True, True, False]
    values = np.array([25.0, 25.0])
    assert inside(((bounds, values),)).tolist() == [True, True]
    assert inside(((bounds, values), (None, values))).tolist() == [False, False]


def test_kelvin():
    assert kelvin(np.array([25.0])).tolist() == [298.15]
