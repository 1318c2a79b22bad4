import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g_bench.pack.limits import PowerLimits, power_limits

MAXIMA = (50_000.0, 60_000.0, 27_000.0)


def limits(soc_pct=50.0, coldest_c=25.0, hottest_c=25.0, highest_cell_v=3.7):
    return power_limits(soc_pct, coldest_c, hottest_c, highest_cell_v, *MAXIMA)


def test_everything_in_the_middle():
    assert limits() == PowerLimits(*MAXIMA)


@pytest.mark.parametrize(
    ("state", "charge_w", "discharge_w"),
    [
        ({"soc_pct": 97.5}, 25_500, 60_000),
        ({"soc_pct": 100.0}, 1_000, 60_000),
        ({"soc_pct": 2.5}, 50_000, 30_000),
        ({"soc_pct": 0.0}, 50_000, 0),
        ({"coldest_c": -10.0}, 0, 60_000),
        ({"coldest_c": -5.0}, 14_000, 60_000),
        ({"hottest_c": 45.0}, 25_000, 30_000),
        ({"hottest_c": 50.0}, 0, 0),
        ({"highest_cell_v": 4.25}, 0, 60_000),
    ],
)
def test_tapers(state, charge_w, discharge_w):
    found = limits(**state)
    assert (found.charge_w, found.discharge_w) == pytest.approx((charge_w, discharge_w))
    assert found.continuous_w == pytest.approx(discharge_w * 0.45)


@given(st.floats(-5, 105), st.floats(-40, 80), st.floats(0, 30), st.floats(2, 5))
def test_never_negative_and_never_above_the_rating(soc_pct, coldest_c, spread_k, volt):
    found = limits(soc_pct, coldest_c, coldest_c + spread_k, volt)
    assert 0 <= found.charge_w <= MAXIMA[0]
    assert 0 <= found.continuous_w <= found.discharge_w <= MAXIMA[1]


@given(st.floats(-20, 60), st.floats(0, 5))
def test_more_heat_never_allows_more_discharge(hottest_c, more_k):
    assert limits(hottest_c=hottest_c + more_k).discharge_w <= limits(hottest_c=hottest_c).discharge_w
