import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g_bench.pack.ocv import OCV_POINTS_V, SOC_POINTS, fitted_ocv_v, ocv_v, soc_at


@pytest.mark.parametrize(
    ("soc", "volt"), [(0.05, 3.441), (0.20, 3.553), (0.50, 3.694), (0.75, 3.861), (0.80, 3.911), (1.00, 4.127)]
)
def test_table_gives_the_published_values(soc, volt):
    assert ocv_v(np.array([soc]))[0] == pytest.approx(volt, abs=0.001)


def test_the_table_rises_everywhere():
    assert np.diff(OCV_POINTS_V).min() > 0


def test_interpolation_stays_within_half_a_millivolt_of_the_fit():
    soc = np.linspace(0, 1, 20_001)
    assert np.abs(ocv_v(soc) - fitted_ocv_v(soc)).max() < 0.0005


@given(st.floats(0, 1))
def test_soc_at_is_the_inverse(soc):
    assert soc_at(float(ocv_v(np.array([soc]))[0])) == pytest.approx(soc, abs=1e-9)


def test_held_at_the_ends():
    assert ocv_v(np.array([-0.1, 1.1])).tolist() == [OCV_POINTS_V[0], OCV_POINTS_V[-1]]
    assert SOC_POINTS[0] == 0
    assert SOC_POINTS[-1] == 1
