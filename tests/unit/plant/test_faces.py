"""What inverter and meters see of the plant: this moment's grid, and the sync line on top of the current."""

import dataclasses

import numpy as np
import pytest

from v2g_bench.clock import SimClock
from v2g_bench.grid.supply import ReplayGrid
from v2g_bench.plant.config import PlantConfig
from v2g_bench.plant.faces import MARK_S, MOST_MARKS, PlantProbe, PlantStage
from v2g_bench.plant.model import Plant


@pytest.fixture
def clock():
    return SimClock(100.0)


@pytest.fixture
def plant():
    return Plant(PlantConfig(), seed=1, now_s=100.0)


def test_the_inverter_measures_the_grid_of_this_moment(plant, clock):
    plant.grid = ReplayGrid([100.0, 110.0], [50.0, 49.0], [230.0, 207.0])
    stage = PlantStage(plant, clock)
    clock.advance(5.0)
    seen = stage.measure()
    assert (seen.frequency_hz, seen.ac_voltage_v) == (pytest.approx(49.5), pytest.approx(218.5))


def test_each_edge_of_the_sync_line_is_a_step_of_its_height(plant, clock):
    probe = PlantProbe(plant, clock)
    clock.advance(1.0)
    times_s = 100.0 + np.arange(0, 1.0, 1e-3)
    quiet = probe.dc_current(times_s)
    probe.mark(100.2, 40.0)
    probe.mark(100.5, 20.0)
    added = probe.dc_current(times_s) - quiet
    for at_s, height_a in ((100.2, 40.0), (100.5, 20.0)):
        inside = (times_s >= at_s) & (times_s < at_s + MARK_S)
        assert inside.sum() == pytest.approx(1e3 * MARK_S, abs=1)
        assert added[inside] == pytest.approx(height_a)
        added[inside] = 0.0
    assert not added.any()


def test_old_edges_are_forgotten(plant, clock):
    probe = PlantProbe(plant, clock)
    clock.advance(1.0)
    for number in range(MOST_MARKS + 1):
        probe.mark(100.0 + 0.01 * number, 40.0)
    first = np.array([100.001])
    assert probe.dc_current(first)[0] == pytest.approx(plant.dc_current(first)[0])


def test_an_inverter_and_a_bms_that_are_off_do_not_move_the_pack(plant, clock):
    stage = PlantStage(plant, clock)
    plant.request_contactors(True, clock.now_s())
    clock.advance(1.0)
    stage.enable_bridge(True, clock.now_s())
    stage.set_ac_power(-3000.0, clock.now_s())
    clock.advance(1.0)
    sound, flowing_a = stage.measure(), plant.dc_current_a
    assert sound.ac_power_w == -3000.0
    plant.defects = dataclasses.replace(plant.defects, inverter_scale=1.05, bms_current_scale=0.9)
    clock.advance(0.1)
    off = stage.measure()
    assert off.ac_power_w == pytest.approx(1.05 * -3000.0)
    assert off.dc_current_a == pytest.approx(1.05 * sound.dc_current_a, rel=1e-3)
    assert plant.dc_current_a == pytest.approx(flowing_a, rel=1e-3)
    assert plant.sensors.pack_current_a == pytest.approx(0.9 * flowing_a, abs=0.1)
