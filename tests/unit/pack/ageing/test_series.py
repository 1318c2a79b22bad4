import numpy as np
import pytest

from v2g_bench.pack.ageing.series import Series

HOUR = np.array([0.0, 3600.0, 7200.0])


def series(time_s=HOUR, soc=(0.5, 0.6, 0.6), temperature_c=(20.0, 20.0, 20.0), current_a=None, capacity_ah=100.0):
    current = None if current_a is None else np.array(current_a)
    return Series(np.array(time_s), np.array(soc), np.array(temperature_c), current, capacity_ah, "NMC")


def test_c_rate_from_soc_and_from_current():
    assert series().c_rate == pytest.approx([0.1, 0.0])
    assert series(current_a=[10.0, -20.0, 99.0]).c_rate == pytest.approx([0.1, -0.2])


@pytest.mark.parametrize("column", ["soc", "temperature_c", "current_a"])
def test_an_interval_beside_a_nan_is_not_known(column):
    values = {"soc": [0.5, 0.6, np.nan], "temperature_c": [20.0, 20.0, np.nan], "current_a": [10.0, np.nan, 0.0]}
    assert series(**{column: values[column]}).known.tolist() == [True, False]


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_s": [0.0]},
        {"time_s": [0.0], "soc": [0.5], "temperature_c": [20.0]},
        {"time_s": [0.0, 1.0, 1.0]},
        {"time_s": [0.0, 2.0, 1.0]},
        {"time_s": [0.0, np.nan, 1.0]},
        {"soc": [0.5, 1.2, 0.5]},
        {"soc": [50.0, 60.0, 60.0]},
        {"soc": [-0.1, 0.5, 0.5]},
        {"current_a": [1.0]},
        {"capacity_ah": 0.0},
        {"capacity_ah": float("nan")},
    ],
)
def test_what_is_no_history_is_refused(wrong):
    with pytest.raises(ValueError, match="."):
        series(**wrong)
