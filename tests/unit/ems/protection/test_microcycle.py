from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.protection.microcycle import MicroCycle

from ..conftest import Driver


def _run(cycle: MicroCycle, current_a: float, minutes: float, start_s: float) -> float:
    pack = PackState()
    pack.update({"pack_current": current_a, "capacity": 100.0})
    steps = round(minutes * 600)
    for step in range(1, steps + 1):
        cycle.update(pack, start_s + step * 0.1)
    return start_s + steps * 0.1


def test_depth_is_bounded_and_comes_back_with_hysteresis() -> None:
    cycle = MicroCycle(10.0)
    at_s = _run(cycle, -60.0, 9.9, 0.0)
    assert not cycle.held
    at_s = _run(cycle, -60.0, 0.2, at_s)
    assert cycle.held
    at_s = _run(cycle, 60.0, 4.9, at_s)
    assert cycle.held, "a little charge is not enough: it would chatter"
    _run(cycle, 60.0, 0.3, at_s)
    assert not cycle.held


def test_top_moves_up_with_the_charge() -> None:
    cycle = MicroCycle(10.0)
    at_s = _run(cycle, 60.0, 30.0, 0.0)
    _run(cycle, -60.0, 9.9, at_s)
    assert not cycle.held


def test_gap_is_not_filled_and_100_switches_it_off() -> None:
    cycle, pack = MicroCycle(10.0), PackState()
    pack.update({"pack_current": -100.0, "capacity": 100.0})
    cycle.update(pack, 0.0)
    cycle.update(pack, 7200.0)
    assert cycle.depth_pct < 0.01
    off = MicroCycle(100.0)
    _run(off, -100.0, 70.0, 0.0)
    assert not off.held


def test_held_cycle_stops_the_discharge_alone(driver: Driver) -> None:
    driver.at_power(-3000)
    driver.ems.parts.micro_cycle.depth_pct = 10.5
    driver.run(0.1)
    assert driver.power_w == 0
    assert "micro-cycle 10.5 % deep" in driver.ems.decision.setpoint.limited_by[0]
