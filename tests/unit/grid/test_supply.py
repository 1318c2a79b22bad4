import numpy as np
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.grid.supply import ReplayGrid, SteadyGrid


def test_steady():
    t = np.arange(3.0)
    assert SteadyGrid(60.0, 120.0).frequency_hz(t).tolist() == [60.0] * 3
    assert SteadyGrid(60.0, 120.0).voltage_v(t).tolist() == [120.0] * 3


def test_replay_is_linear_and_held_at_its_ends():
    grid = ReplayGrid([10.0, 20.0], [50.0, 49.0], [230.0, 240.0])
    assert grid.frequency_hz(np.array([0.0, 15.0, 99.0])).tolist() == [50.0, 49.5, 49.0]
    assert grid.voltage_v(np.array([12.0])).tolist() == [232.0]


@pytest.mark.parametrize("table", [([], [], []), ([1.0, 1.0], [50, 50], [230, 230]), ([1.0, 2.0], [50], [230, 230])])
def test_a_broken_table_is_refused(table):
    with pytest.raises(BenchError, match="grid replay"):
        ReplayGrid(*table)
