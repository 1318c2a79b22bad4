import numpy as np
import pytest

from v2g_bench.plant.circuit import LINK_TAU_S, Circuit
from v2g_bench.plant.config import PlantConfig
from v2g_bench.plant.current import END, START


def circuit(power_w=-3000.0):
    one = Circuit(PlantConfig(), seed=1, now_s=0.0)
    one.stage.enable(True, 0.0)
    one.stage.set_power(power_w, 0.0)
    one.request_contactors(True, 0.0)
    return one


def test_segments_meet_without_gaps_and_events_have_their_own_borders():
    one = circuit()
    for n in range(1, 101):
        one.step(n * 0.01)
    rows = one.history.rows
    assert np.array_equal(rows[1:, START], rows[:-1, END])
    assert rows[-1, END] == 1.0
    for border_s in (0.120, 0.270):  # contactors closed; ramp ended
        assert np.abs(rows[:, START] - border_s).min() < 1e-9


def test_the_current_is_continuous_but_for_what_cuts_it():
    one = circuit()
    one.step(1.0)
    one.stage.enable(False, 1.0)
    one.step(1.5)
    border_s = one.history.rows[2:, START]
    jump_a = one.history.current_a(border_s) - one.history.current_a(border_s - 1e-9)
    assert np.abs(jump_a).max() < 1e-4


def test_nothing_is_left_of_the_link_voltage_after_a_minute_open():
    one = circuit()
    one.step(1.0)
    one.request_contactors(False, 1.0)
    one.step(1.012 + LINK_TAU_S)
    assert one.link_voltage_v() == pytest.approx(one.pack_voltage_v() / np.e, rel=0.01)
    one.step(71.0)
    assert one.link_voltage_v() < 2.0


def test_losses_warm_the_cells():
    one = circuit(11_000.0)
    one.step(600.0)
    assert 0.1 < one.thermal.cells_c.mean() - 25.0 < 0.3


def test_truth_is_bounded():
    one = circuit()
    for n in range(20_000):
        one.note("tick", float(n))
    assert len(one.truth) == 10_000
    assert one.truth[-1].time_s == 19_999.0
