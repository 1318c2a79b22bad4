import pytest

from v2g_bench.errors import BenchError
from v2g_bench.faults import BmsSilence, OverTemperature


def test_a_fault_reaches_the_bus_with_the_next_frame(sim_rig):
    asked_s = sim_rig.clock.now_s()
    sim_rig.world.plant.client.inject(OverTemperature(cell=17, to_c=45.5), at_s=asked_s + 0.0033)
    frame = sim_rig.bus.wait_for(lambda seen: seen.get("cell_temperature_max", 0.0) > 45.0, asked_s, 1.0)
    assert 0.0033 < frame.timestamp_s - asked_s < 0.0033 + 0.011


def test_a_silenced_bms_is_silent(sim_rig):
    number = sim_rig.world.plant.client.inject(BmsSilence())
    sim_rig.clock.pause(1.5)
    with pytest.raises(BenchError, match="no frame with it came"):
        sim_rig.bus.latest("soc")
    sim_rig.world.plant.client.clear(number)
    sim_rig.clock.pause(0.5)
    assert sim_rig.bus.latest("soc") == pytest.approx(50.0, abs=1.0)


def test_errors_come_as_they_are(sim_rig):
    with pytest.raises(BenchError, match="no such part"):
        sim_rig.world.plant.client.set_defects("oven", hot=True)


def test_the_truth_says_when_the_pack_was_isolated(sim_rig):
    sim_rig.dut.controller.run("set_power", power_w="-3000")
    sim_rig.clock.pause(1.0)
    sim_rig.world.plant.client.inject(OverTemperature(cell=17, to_c=45.5))
    asked_s = sim_rig.clock.now_s()
    sim_rig.clock.pause(0.2)
    assert 0.0 < sim_rig.world.plant.client.truth_isolation(asked_s) - asked_s < 0.05


def test_closing_twice_is_once(sim_rig):
    sim_rig.world.plant.close()
    sim_rig.world.plant.close()
