import numpy as np
import pytest

from v2g_bench.pack.ageing.kit import stepped
from v2g_bench.pack.ageing.kit_law import KIT, path
from v2g_bench.pack.ageing.law import YEAR_S, Spread
from v2g_bench.pack.ageing.stress import stress_of
from v2g_bench.pack.ageing.validation import daily


@pytest.mark.parametrize(
    "case", [(0.2, 0.8, 0.45, 25.0), (0.2, 0.8, 0.45, 0.0), (0.1, 0.95, 0.45, 25.0), (0.2, 0.8, 0.39, 3.0)]
)
def test_a_stress_gives_what_the_stepped_series_gives(case):
    series = daily(*case)
    true = stepped(series, repeats=365)
    sei, wear, low, plating = path(stress_of(series), np.array([YEAR_S]))[:, 0]
    assert sei == pytest.approx(true.sei, rel=1e-3)
    assert wear == pytest.approx(true.wear, rel=2e-3)
    assert low == pytest.approx(true.low, abs=1e-6)
    assert plating == pytest.approx(true.plating, rel=5e-3, abs=1e-6)


def test_years_lie_on_one_path():
    stress = stress_of(daily(0.2, 0.8, 0.45, 25.0))
    fade = KIT.fade(stress, np.array([1.0, 10.0]), Spread().draws(3, np.random.default_rng(1)))
    assert fade.capacity.shape == (3, 2)
    assert KIT.fade(stress, np.array([1.0, 10.0])).capacity[0, 0] == pytest.approx(
        KIT.fade(stress, 1.0).capacity[0], rel=1e-9
    )
    assert fade.resistance == pytest.approx(2 * fade.capacity)


def test_it_saturates():
    stress = stress_of(daily(0.2, 0.8, 0.45, 25.0))
    loss = KIT.fade(stress, np.array([5.0, 6.0, 10.0])).capacity[0]
    assert loss[1] - loss[0] < 0.1 * loss[0]
    assert KIT.facts.saturates
    assert KIT.order_matters


def test_current_below_3_2_volts_is_shown():
    (high,) = KIT.clamps(stress_of(daily(0.2, 0.8, 0.45, 25.0))).values()
    (deep,) = KIT.clamps(stress_of(daily(0.0, 0.6, 0.45, 25.0))).values()
    assert high == 0.0
    assert 0.05 < deep < 0.2


def test_the_range_is_that_of_its_tests():
    mild, cold = (KIT.in_range(stress_of(daily(0.2, 0.8, 1.5, warm))) for warm in (20.0, -5.0))
    assert (mild.calendar, mild.cyclic, mild.total) == (1.0, 1.0, pytest.approx(1.0))
    slow = KIT.in_range(stress_of(daily(0.2, 0.8, 0.45, 20.0)))  # 0.15 C: slower than any of its cycling tests
    assert (slow.calendar, slow.cyclic) == (1.0, 0.0)
    assert (cold.calendar, cold.cyclic, cold.total) == (0.0, 0.0, 0.0)
