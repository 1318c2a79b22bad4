from itertools import pairwise

import numpy as np
import pytest

from v2g_bench.life.loop.car import CHEMISTRIES, STEP_S, Battery, Car, dc_w, ocv_v
from v2g_bench.pack.cells import CellChain
from v2g_bench.pack.ocv import ocv_v as table_v
from v2g_bench.pack.thermal import PackThermal


@pytest.mark.parametrize("cooling", [True, False])
def test_heat_agrees_with_the_pack_of_the_rig(cooling: bool) -> None:
    """96 cells in steps of 5 s, and one node in steps of a minute, over two hours with 1 kW of losses."""
    pack = PackThermal(cells=96, modules=12, temperature_c=38.0, ambient_c=30.0, seed=1)
    car = Car(Battery(), 0.5, 38.0)
    for _ in range(120):
        pack.step(STEP_S, np.full(96, 1000.0 / 96 * STEP_S), cooling)
        car.exchange(30.0, cooling, heater_w=1000.0)
    assert car.pack_c == pytest.approx(float(pack.cells_c.mean()), abs=0.1)
    assert car.coolant_c == pytest.approx(pack.coolant_c, abs=0.1)


def test_voltage_and_heat_agree_with_the_cells_of_the_rig() -> None:
    chain = CellChain(cells=96, capacity_ah=Battery().capacity_ah, soc=0.5, seed=1)
    car = Car(Battery(), 0.5, 25.0)
    for _ in range(60):
        current = car.move(10_400.0)
        chain.step(STEP_S, current * STEP_S, current**2 * STEP_S)
    assert car.soc == pytest.approx(chain.mean_soc, abs=1e-3)
    assert car.terminal_v == pytest.approx(float(chain.voltages_v(current).sum()), rel=2e-3)
    assert car.terminal_v * current == pytest.approx(10_400.0, rel=1e-9)


def test_open_circuit_voltage_is_the_table() -> None:
    points = np.array([-0.1, 0.0, 0.123, 0.5, 0.999, 1.0, 1.1])
    assert [ocv_v(float(soc), CHEMISTRIES["NMC"]) for soc in points] == pytest.approx(table_v(points).tolist())


def test_charge_beyond_an_empty_or_full_battery_is_counted() -> None:
    for soc, power_w in ((0.001, -20_000.0), (0.999, 20_000.0)):
        car = Car(Battery(), soc, 25.0)
        for _ in range(5):
            car.move(power_w)
        assert car.soc in (0.0, 1.0)
        assert car.clipped_ah > 1.0


def test_losses_go_the_right_way_and_age_makes_less_of_it() -> None:
    assert dc_w(10_000.0) < 10_000.0 < -dc_w(-10_000.0)
    assert dc_w(0.0) == 0.0
    assert Battery().energy_kwh == pytest.approx(57.6, abs=0.1)
    old = Battery().aged(0.8, 0.5)
    assert (old.capacity_ah, old.resistance) == (pytest.approx(0.8 * Battery().new_ah), 1.5)


def test_lfp_has_its_plateau_and_the_same_energy() -> None:
    lfp, points = Battery(chemistry="LFP"), CHEMISTRIES["LFP"]
    assert lfp.energy_kwh == pytest.approx(57.6)
    assert ocv_v(0.8, points) - ocv_v(0.2, points) == pytest.approx(0.1, abs=0.02)
    assert ocv_v(0.1, points) == 3.2
    assert all(a < b for a, b in pairwise(points))
