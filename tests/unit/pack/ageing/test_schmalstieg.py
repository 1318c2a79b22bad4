import numpy as np
import pytest

from v2g_bench.pack.ageing.rainflow import close, halves, values_only
from v2g_bench.pack.ageing.schmalstieg import a_cap, a_res, b_res, ocv_v, quadratic_mean_v


def test_the_clamps_hold_at_zero_and_only_there():
    warm = np.full(2, 298.15)
    assert a_cap(np.array([3.14, 3.15]), warm).tolist() == [0.0, pytest.approx(a_cap(np.array([3.15]), warm[:1])[0])]
    assert a_cap(np.array([3.14, 3.15]), warm)[1] > 0
    assert a_res(np.array([3.09, 3.10]), warm)[0] == 0.0
    assert a_res(np.array([3.09, 3.10]), warm)[1] > 0
    shrunk = b_res(np.full(2, 3.725), np.array([0.01, 0.06]))
    assert shrunk[0] == 0.0
    assert shrunk[1] > 0


def test_the_quadratic_mean_voltage_of_a_window():
    closed, turns = close(values_only(np.array([0.2, 0.8])))
    soc = np.linspace(0.2, 0.8, 10_001)
    assert quadratic_mean_v(closed + halves(turns))[0] == pytest.approx(np.sqrt((ocv_v(soc) ** 2).mean()), abs=1e-4)
    closed, turns = close(values_only(np.array([0.5, 0.5001])))
    assert quadratic_mean_v(closed + halves(turns))[0] == pytest.approx(float(ocv_v(np.array([0.5]))[0]), abs=1e-3)


@pytest.mark.parametrize(("soc", "volt"), [(0.10, 3.491), (0.20, 3.581), (0.50, 3.697), (0.80, 3.965), (1.0, 4.162)])
def test_ocv_of_the_cell(soc, volt):
    assert float(ocv_v(np.array([soc]))[0]) == pytest.approx(volt, abs=6e-4)
