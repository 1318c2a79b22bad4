import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g_bench.ems.model.setpoint import Ceiling
from v2g_bench.ems.protection.derating import DeratingMap, SlowRise, taper_at

MAP = DeratingMap()
RATED_W = 11000.0


@pytest.mark.parametrize(
    ("hottest_c", "coldest_c", "soc_pct", "charge", "discharge"),
    [
        (25.0, 25.0, 50.0, 1.0, 1.0),
        (35.0, 20.0, 50.0, 1.0, 1.0),
        (45.0, 40.0, 50.0, 0.3, 0.3),
        (50.0, 45.0, 50.0, 0.0, 0.0),
        (80.0, 45.0, 50.0, 0.0, 0.0),
        (10.0, 10.0, 50.0, 0.5, 1.0),
        (0.0, 0.0, 50.0, 0.0, 1.0),
        (-20.0, -20.0, 50.0, 0.0, 0.0),
        (25.0, 25.0, 22.5, 1.0, 0.5),
        (25.0, 25.0, 15.0, 1.0, 0.0),
        (25.0, 25.0, 100.0, 0.1, 1.0),
    ],
)
def test_map(hottest_c: float, coldest_c: float, soc_pct: float, charge: float, discharge: float) -> None:
    ceiling = MAP.ceiling(RATED_W, hottest_c=hottest_c, coldest_c=coldest_c, soc_pct=soc_pct)
    assert ceiling.charge_w == pytest.approx(charge * RATED_W)
    assert ceiling.discharge_w == pytest.approx(discharge * RATED_W)


TEMPERATURES = st.floats(-60, 120)
SOCS = st.floats(0, 100)


@given(TEMPERATURES, TEMPERATURES, SOCS)
def test_never_raises_and_never_negative(hottest_c: float, coldest_c: float, soc_pct: float) -> None:
    ceiling = MAP.ceiling(RATED_W, hottest_c=hottest_c, coldest_c=coldest_c, soc_pct=soc_pct)
    assert 0 <= ceiling.charge_w <= RATED_W
    assert 0 <= ceiling.discharge_w <= RATED_W


@given(TEMPERATURES, st.floats(0, 5), SOCS)
def test_hotter_never_gives_more(hottest_c: float, more_k: float, soc_pct: float) -> None:
    cool = MAP.ceiling(RATED_W, hottest_c=hottest_c, coldest_c=20.0, soc_pct=soc_pct)
    warm = MAP.ceiling(RATED_W, hottest_c=hottest_c + more_k, coldest_c=20.0, soc_pct=soc_pct)
    assert warm.charge_w <= cool.charge_w + 1e-9
    assert warm.discharge_w <= cool.discharge_w + 1e-9


@given(TEMPERATURES, st.sampled_from([MAP.hot, MAP.cold_charge, MAP.cold_discharge]))
def test_continuous(x: float, taper: tuple[tuple[float, float], ...]) -> None:
    assert taper_at(taper, x) == pytest.approx(taper_at(taper, x + 1e-6), abs=1e-5)


def test_drops_at_once_and_rises_slowly() -> None:
    slow = SlowRise(10_000.0, pct_per_s=10.0)
    follow = [
        slow.limited(Ceiling("map", 10_000.0, allowed_w), at_s).discharge_w
        for at_s, allowed_w in ((0.0, 10_000), (1.0, 3000), (1.5, 10_000), (2.5, 10_000), (3.5, 2000), (30.0, 2500))
    ]
    assert follow == [10_000, 3000, 3500, 4500, 2000, 2500]


def test_noise_on_the_map_does_not_chatter() -> None:
    slow, changes, last = SlowRise(10_000.0), 0, None
    for step in range(1000):
        allowed = Ceiling("map", 5000.0 + 150.0 * (step % 2), 10_000.0)
        now = slow.limited(allowed, step * 0.1).charge_w
        changes += last is not None and now != last
        last = now
    assert changes <= 1


@given(st.lists(st.floats(0, 11000), min_size=1, max_size=60), st.floats(0.001, 2))
def test_slow_rise_never_exceeds_the_map(allowed: list[float], step_s: float) -> None:
    slow = SlowRise(11_000.0)
    for place, allowed_w in enumerate(allowed):
        assert slow.limited(Ceiling("map", allowed_w, 0.0), place * step_s).charge_w <= allowed_w


def test_everything_allowed_comes_back_whole() -> None:
    slow = SlowRise(11_000.0)
    for step, allowed_w in enumerate([11_000.0, 10_900.0, *[11_000.0] * 10]):
        held_w = slow.limited(Ceiling("map", allowed_w, 0.0), float(step)).charge_w
    assert held_w == 11_000.0
