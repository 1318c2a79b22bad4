import numpy as np
import pytest

from v2g_bench.pack.ageing.plating import CURVES, LIMIT_SOC, LIMIT_TEMPERATURE_C, exceedance, exceedance_of
from v2g_bench.pack.ageing.series import Series
from v2g_bench.pack.ageing.stress import stress_of


def charging(c_rate, warm, soc=(0.5, 0.5), hours=2.0):
    time_s = np.array([0.0, hours * 1800.0, hours * 3600.0])
    values = np.array([soc[0], 0.5 * (soc[0] + soc[1]), soc[1]])
    return Series(time_s, values, np.full(3, warm), np.full(3, c_rate * 100.0), 100.0, "NMC")


@pytest.mark.parametrize(("soc", "warm", "limits"), [(0.5, 0.0, (0.05, 0.48, 1.0)), (0.9, 25.0, (0.37, 0.58, 1.08))])
def test_curves_pass_through_their_points(soc, warm, limits):
    for name, limit in zip(("low", "middle", "high"), limits, strict=True):
        assert float(CURVES[name].at(np.array([soc]), np.array([warm]))[0]) == pytest.approx(limit, abs=0.006)


def test_low_is_below_middle_is_below_high_everywhere():
    soc, warm = (grid.ravel() for grid in np.meshgrid(np.linspace(0, 1, 21), np.linspace(-30, 50, 41)))
    low, middle, high = (CURVES[name].at(soc, warm) for name in ("low", "middle", "high"))
    assert (low <= middle + 1e-9).all()
    assert (middle <= high + 1e-9).all()


def test_hours_and_ampere_hours_above_a_limit():
    found = exceedance(charging(0.6, 0.0), CURVES["middle"])
    assert found.hours == pytest.approx(2.0)
    assert found.charged_ah == pytest.approx(120.0)
    assert found.beyond_ah == pytest.approx((0.6 - 0.48) * 100 * 2)
    assert exceedance(charging(0.47, 0.0), CURVES["middle"]).hours == 0.0
    assert exceedance(charging(0.6, 0.0), CURVES["high"]).hours == 0.0


def test_discharge_never_plates():
    assert exceedance(charging(-3.0, -20.0), CURVES["low"]) == exceedance(charging(0.0, -20.0), CURVES["low"])
    assert exceedance(charging(-3.0, -20.0), CURVES["low"]).hours == 0.0


def test_hours_beyond_the_curve_are_counted():
    assert exceedance(charging(0.1, -20.0), CURVES["high"]).outside_h == pytest.approx(2.0)
    assert exceedance(charging(0.1, 20.0, (0.92, 0.98)), CURVES["high"]).outside_h == pytest.approx(2.0)
    assert exceedance(charging(0.1, 20.0), CURVES["high"]).outside_h == 0.0


def test_from_a_stress_nearly_the_same():
    for rate in (0.3, 0.9):
        series = charging(rate, 3.0, (0.3, 0.8))
        exact, binned = exceedance(series, CURVES["middle"]), exceedance_of(stress_of(series), CURVES["middle"])
        assert binned.hours == pytest.approx(exact.hours, abs=0.05)
        assert binned.beyond_ah == pytest.approx(exact.beyond_ah, abs=1.0)


def test_every_curve_states_its_source_and_has_all_points():
    for curve in CURVES.values():
        assert curve.source
        assert curve.c_rate.shape == (len(LIMIT_TEMPERATURE_C), len(LIMIT_SOC))
