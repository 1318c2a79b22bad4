import numpy as np
import pytest

from v2g_bench.pack.ageing.wang import b_2011, k_2014


def test_b_is_held_outside_its_points():
    assert b_2011(np.array([0.1, 0.5, 2.0, 6.0])).tolist() == pytest.approx([31630, 31630, 21681, 21681])


def test_the_2014_law_is_positive_and_least_at_24_degrees():
    warm = np.linspace(-30, 60, 901)
    rate = k_2014(warm + 273.15, np.full(901, 0.2))
    assert rate.min() > 0
    assert warm[rate.argmin()] == pytest.approx(24.3, abs=0.5)
