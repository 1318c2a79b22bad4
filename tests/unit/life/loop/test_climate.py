import numpy as np
import pytest

from v2g_bench.life.loop.climate import MINUTES_A_DAY, load_climate


@pytest.mark.parametrize(("name", "mean_c"), [("cold", 6.0), ("temperate", 9.5), ("hot", 24.3)])
def test_year_has_the_places_mean_and_a_daily_anomaly(name: str, mean_c: float) -> None:
    years = np.concatenate([load_climate(name).minutes_c(np.random.default_rng(seed), 365) for seed in range(8)])
    assert years.mean() == pytest.approx(mean_c, abs=0.6)
    days = years.reshape(8, 365, MINUTES_A_DAY).mean(axis=2)
    anomaly = days - days.mean(axis=0)
    assert anomaly.std() == pytest.approx(2.9 * (7 / 8) ** 0.5, rel=0.1)
    lag = (anomaly[:, 1:] * anomaly[:, :-1]).mean() / (anomaly**2).mean()
    assert lag == pytest.approx(0.78, abs=0.06)


def test_day_is_coldest_at_five_and_a_warmer_draw_shifts_all() -> None:
    climate = load_climate("temperate")
    first, warmer = (climate.minutes_c(np.random.default_rng(1), 3, kelvin) for kelvin in (0.0, 1.5))
    assert int(first[:MINUTES_A_DAY].argmin()) == 5 * 60
    assert np.allclose(warmer - first, 1.5)
