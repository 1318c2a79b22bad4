import numpy as np
import pytest

from v2g_bench.reports.history.index import Point, Series
from v2g_bench.reports.history.trend import LEAST, flips_of, line_of, summarize, theil_sen


def points(values, verdicts=None, controllers=None, high=50.0, expanded=0.3):
    n = len(values)
    verdicts, controllers = verdicts or ["PASS"] * n, controllers or ["ems 1.0"] * n
    return [
        Point(
            f"run{i}",
            f"2026-01-{1 + i // 24:02d}T{i % 24:02d}",
            controllers[i],
            True,
            verdicts[i],
            value,
            expanded,
            None,
            high,
            "",
        )
        for i, value in enumerate(values)
    ]


def series(values, **rest):
    return Series("SAF-01", "t.py::test_hot", "time to isolation", "ms", points(values, **rest))


def steady(n, seed=1, slope=0.0):
    return list(20.0 + slope * np.arange(n) + np.random.default_rng(seed).normal(0, 0.5, n))


def test_a_margin_that_is_being_used_up_raises_the_alarm_before_the_limit():
    summary = summarize(series(steady(40, slope=0.5)), within=30)
    assert summary.last.verdict == "PASS"
    assert summary.last.value < 41
    assert "drifts" in summary.alarm
    assert summary.drift.runs_left == pytest.approx((50 - 0.3 - 39.5) / 0.5, rel=0.15)
    assert "ALARM" in line_of(series(steady(40, slope=0.5)), summary)


def test_a_drift_that_is_far_from_the_limit_waits():
    assert summarize(series(steady(40, slope=0.5)), within=10).alarm == ""


def test_a_steady_series_raises_no_alarm():
    alarms = sum(bool(summarize(series(steady(40, seed)), within=10_000).alarm) for seed in range(200))
    assert alarms <= 6, "99 % interval, one-sided: 1 in 200 expected"


def test_a_few_bad_nights_are_no_drift():
    values = steady(40)
    values[35] = values[38] = 48.0
    assert summarize(series(values), within=10_000).alarm == ""


def test_a_drift_away_from_the_limit_is_no_alarm():
    assert summarize(series(steady(40, slope=-0.2)), within=10_000).alarm == ""


def test_a_step_between_two_controllers_is_no_drift():
    values = [20.0] * 10 + [40.0] * 6
    summary = summarize(series(values, controllers=["ems 1.0"] * 10 + ["ems 1.1"] * 6), within=10_000)
    assert summary.drift is None, f"{LEAST} runs of one controller show a trend, 6 do not"
    assert summary.alarm == ""


def test_flips_are_told_apart_from_a_sick_rig_and_from_a_new_controller():
    verdicts = ["PASS", "ERROR", "PASS", "FAIL", "INCONCLUSIVE", "PASS"]
    assert flips_of(points([1.0] * 6, verdicts)) == (2, 2)
    assert flips_of(points([1.0] * 3, ["PASS", "ERROR", "PASS"])) == (0, 1)
    assert flips_of(points([1.0] * 2, ["PASS", "FAIL"], ["ems 1.0", "ems 1.1"])) == (0, 0)
    assert "2 changes between PASS and FAIL" in summarize(series([1.0] * 6, verdicts=verdicts), 30).alarm


def test_the_slope_is_the_median_of_all_pairs():
    values = np.array([1.0, 3.0, 2.0, 5.0, 4.0])
    pairs = [(values[j] - values[i]) / (j - i) for i in range(5) for j in range(i + 1, 5)]
    slope, low, high = theil_sen(values)
    assert slope == pytest.approx(np.median(pairs))
    assert min(pairs) <= low <= slope <= high <= max(pairs)


def test_the_interval_agrees_with_scipy():
    from scipy import stats

    values = np.array(steady(30, seed=4, slope=0.1))
    reference = stats.theilslopes(values, np.arange(30), 0.99)
    assert theil_sen(values) == pytest.approx((reference.slope, reference.low_slope, reference.high_slope), rel=0.05)


def test_margins_to_both_limits():
    point = points([10.0])[0]
    assert point.margin == pytest.approx(39.7)
    assert Point("r", "s", "c", True, "PASS", 10.0, 0.5, 9.0, 50.0, "").margin == pytest.approx(0.5)
    assert Point("r", "s", "c", True, "PASS", None, None, 9.0, 50.0, "").margin is None
    assert Point("r", "s", "c", True, "PASS", 1.0, None, None, None, "").margin is None
