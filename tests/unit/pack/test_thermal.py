import numpy as np
import pytest

from v2g_bench.pack.thermal import CELL_J_PER_K, COOLANT_J_PER_K, SENSOR_LAG_S, PackThermal

NO_HEAT = np.zeros(96)


def pack(temperature_c=25.0, ambient_c=25.0, seed=1):
    return PackThermal(96, 12, temperature_c, ambient_c, seed)


def run(thermal, seconds, heat_w=NO_HEAT, cooling=False, dt_s=0.5):
    for _ in range(round(seconds / dt_s)):
        thermal.step(dt_s, heat_w * dt_s, cooling)


def test_heat_goes_into_cells_and_coolant_and_nowhere_else():
    thermal = pack()
    thermal.ambient_c = 25.0
    thermal.step(1.0, np.full(96, 100.0), cooling=False)
    stored_j = (thermal.cells_c - 25.0).sum() * CELL_J_PER_K + (thermal.coolant_c - 25.0) * COOLANT_J_PER_K
    assert stored_j == pytest.approx(9600.0)


def test_eleven_kilowatts_warm_the_pack_by_about_a_kelvin_an_hour():
    thermal = pack()
    run(thermal, 3600, heat_w=np.full(96, 83 / 96))
    assert 0.8 < thermal.cells_c.mean() - 25 < 1.2


def test_parked_pack_follows_the_ambient_over_hours():
    thermal = pack(temperature_c=35.0)
    run(thermal, 6.4 * 3600, dt_s=5.0)
    assert 25 + 10 * 0.3 < thermal.cells_c.mean() < 25 + 10 * 0.45


def test_cooling_brings_a_hot_pack_down_and_a_dead_pump_does_not():
    cooled, parked = pack(temperature_c=40.0), pack(temperature_c=40.0)
    run(cooled, 1800, cooling=True)
    run(parked, 1800, cooling=False)
    assert cooled.cells_c.mean() < 25
    assert parked.cells_c.mean() > 38
    assert cooled.cells_c.min() >= 20.0 - 0.5


def test_an_internal_short_heats_one_cell_most():
    thermal, heat_w = pack(), np.zeros(96)
    heat_w[16] = 100.0
    run(thermal, 60, heat_w=heat_w)
    assert int(thermal.cells_c.argmax()) == 16
    assert 1.0 < thermal.cells_c[16] - 25 < 2.2  # 2.1 K/min without the neighbours


def test_sensors_lag():
    thermal = pack()
    before = thermal.sensed_cells_c()
    thermal.cells_c = thermal.cells_c + 10.0
    thermal.step(SENSOR_LAG_S, NO_HEAT, cooling=False)
    assert (thermal.sensed_cells_c() - before).mean() == pytest.approx(10 * (1 - np.exp(-1)), rel=0.01)


@pytest.mark.parametrize("seed", range(20))
def test_healthy_modules_are_close_together(seed):
    assert np.ptp(pack(seed=seed).sensed_modules_c()) < 1.5


def test_long_steps_stay_stable():
    coarse, fine = pack(temperature_c=40.0), pack(temperature_c=40.0)
    coarse.step(600.0, NO_HEAT, cooling=True)
    run(fine, 600, cooling=True, dt_s=0.1)
    assert coarse.cells_c == pytest.approx(fine.cells_c, abs=0.3)
