import pytest

from v2g_bench.bms.disturbance import QUIET, Disturbance, DisturbanceSettings
from v2g_bench.errors import BenchError
from v2g_bench.faults import (
    BmsSilence,
    CellImbalance,
    CellVoltage,
    CellVoltages,
    EmiNoise,
    OverTemperature,
    SocDivergence,
)
from v2g_bench.plant.injector import Injector
from v2g_bench.plant.sensors import SensorOverrides


class Bench:
    def __init__(self) -> None:
        self.overrides = SensorOverrides(cells=96, modules=12)
        self.path = Disturbance(seed=1)
        self.seen = {"cell_temperature_max": 30.0}
        self.injector = Injector(self.overrides, self.path, seen=lambda: self.seen)

    def cell_c(self, cell: int) -> float | None:
        return dict(self.overrides.indexed("cell_temperature")).get(cell - 1)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_an_injection_acts_from_its_time_until_it_is_cleared(bench):
    number = bench.injector.inject(OverTemperature(cell=17, to_c=46), at_s=5.0, now_s=1.0)
    assert bench.injector.next_due_s == 5.0
    bench.injector.update(4.999)
    assert bench.cell_c(17) is None
    bench.injector.update(5.0)
    assert bench.cell_c(17) == 46.0
    assert bench.injector.next_due_s == float("inf")
    bench.injector.clear(number, 6.0)
    assert len(bench.overrides) == 0


def test_one_that_is_due_acts_at_once(bench):
    bench.injector.inject(OverTemperature(cell=1, to_c=46), at_s=0.5, now_s=1.0)
    assert bench.cell_c(1) == 46.0


def test_a_pending_one_can_be_cleared(bench):
    number = bench.injector.inject(OverTemperature(cell=1, to_c=46), at_s=5.0, now_s=1.0)
    bench.injector.clear(number, 2.0)
    bench.injector.update(6.0)
    assert len(bench.overrides) == 0


def test_a_ramp_moves_from_what_was_seen_and_then_rests(bench):
    bench.injector.inject(OverTemperature(cell=1, to_c=40, ramp_k_per_s=10), at_s=0.0, now_s=0.0)
    values, now_s = [], 0.0
    while (due_s := bench.injector.next_due_s) != float("inf"):
        assert due_s > now_s, "time must go on"
        now_s = due_s
        bench.injector.update(now_s)
        values.append(bench.cell_c(1))
    assert values[0] == pytest.approx(30.1)
    assert values == sorted(values)
    assert values[-1] == 40.0
    assert now_s == pytest.approx(1.0, abs=0.02)


def test_the_younger_wins_and_clearing_it_brings_the_older_back(bench):
    bench.injector.inject(OverTemperature(cell=3, to_c=40), 0.0, 0.0)
    younger = bench.injector.inject(OverTemperature(cell=3, to_c=50), 0.0, 0.0)
    assert bench.cell_c(3) == 50.0
    bench.injector.clear(younger, 1.0)
    assert bench.cell_c(3) == 40.0


def test_faults_of_the_path_combine_and_go(bench):
    bench.injector.inject(EmiNoise(loss_pct=50), 0.0, 0.0)
    silence = bench.injector.inject(BmsSilence(), 0.0, 0.0)
    assert bench.path.settings == DisturbanceSettings(loss_pct=50, silent=True)
    bench.injector.clear(silence, 1.0)
    assert bench.path.settings == DisturbanceSettings(loss_pct=50)
    bench.injector.clear_all(2.0)
    assert bench.path.settings is QUIET


def test_clear_all_takes_everything_back(bench):
    bench.injector.inject(SocDivergence(by_pct=5), 0.0, 0.0)
    bench.injector.inject(CellVoltage(cell=2, to_v=4.3), 9.0, 0.0)
    assert [one["active"] for one in bench.injector.active()] == [True, False]
    bench.injector.clear_all(1.0)
    assert bench.injector.active() == []
    assert len(bench.overrides) == 0


def test_a_cell_that_the_pack_has_not_is_refused_before_it_is_due(bench):
    small = Injector(SensorOverrides(cells=24, modules=3), bench.path, seen=dict)
    with pytest.raises(BenchError, match=r"outside 1\.\.24"):
        small.inject(OverTemperature(cell=25, to_c=46), at_s=9.0, now_s=0.0)
    assert small.active() == []


@pytest.mark.parametrize("cells", [24, 96, 108])
def test_a_fault_of_the_whole_pack_reaches_each_of_its_cells(bench, cells):
    overrides = SensorOverrides(cells=cells, modules=3)
    injector = Injector(overrides, bench.path, seen=dict)
    number = injector.inject(CellVoltages(to_v=4.11), 0.0, 0.0)
    assert overrides.indexed("cell_voltage") == [(place, 4.11) for place in range(cells)]
    injector.clear(number, 1.0)
    assert len(overrides) == 0


def test_one_cell_of_a_pack_that_is_wrong_as_a_whole_is_the_younger_fault_s(bench):
    bench.injector.inject(CellVoltages(to_v=4.11), 0.0, 0.0)
    younger = bench.injector.inject(CellVoltage(cell=5, to_v=3.5), 0.0, 0.0)
    assert dict(bench.overrides.indexed("cell_voltage")) == dict.fromkeys(range(96), 4.11) | {4: 3.5}
    bench.injector.clear(younger, 1.0)
    assert dict(bench.overrides.indexed("cell_voltage")) == dict.fromkeys(range(96), 4.11)


def test_an_unknown_number_is_named(bench):
    with pytest.raises(BenchError, match="there is no number 4"):
        bench.injector.clear(4, 0.0)


def test_alone_the_bms_derives_no_flag_and_no_limit_of_it(bench):
    bench.seen |= {"over_current": 0.0, "cell_imbalance": 0.0, "discharge_power_limit": 60_000.0}
    number = bench.injector.inject(OverTemperature(cell=1, to_c=55), at_s=0.0, now_s=0.0, alone=True)
    assert bench.overrides.get("over_current", 1.0) == 0.0
    assert bench.overrides.get("discharge_power_limit", 0.0) == 60_000.0
    bench.injector.clear(number, 1.0)
    assert len(bench.overrides) == 0


def test_one_that_is_not_alone_leaves_them_to_the_bms(bench):
    bench.seen |= {"over_current": 0.0}
    bench.injector.inject(OverTemperature(cell=1, to_c=55), at_s=0.0, now_s=0.0)
    assert bench.overrides.get("over_current", 1.0) == 1.0


@pytest.mark.parametrize("alone", [(True, False), (False, True)])
def test_a_fault_that_is_such_a_flag_shows_it_beside_one_that_is_alone(bench, alone):
    bench.seen |= {"cell_imbalance": 0.0}
    for fault, only in zip((CellImbalance(), OverTemperature(cell=1, to_c=55)), alone, strict=True):
        bench.injector.inject(fault, at_s=0.0, now_s=0.0, alone=only)
    assert bench.overrides.get("cell_imbalance", 0.0) == 1.0
