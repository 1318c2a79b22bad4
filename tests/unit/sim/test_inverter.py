import pytest


def test_it_says_what_the_power_stage_does_at_the_registers_resolution(sim_rig):
    controller = sim_rig.dut.controller
    assert controller.run("set_power", power_w="-3000").status == 0
    sim_rig.clock.pause(1.0)
    reading = sim_rig.inverter.reading()
    assert reading.ac_power_w == round(reading.ac_power_w)
    assert reading.ac_power_w == pytest.approx(-3000.0, abs=1.0)
    assert reading.running
    assert str(sim_rig.inverter.identity()).startswith("V2G bench")


def test_an_inverter_that_does_not_stop_is_seen(sim_rig):
    sim_rig.dut.controller.run("set_power", power_w="-3000")
    sim_rig.clock.pause(1.0)
    sim_rig.world.plant.client.set_defects("plant", ignore_stop=True, weld_contactor=True)
    sim_rig.dut.controller.run("set_power", power_w="0")
    sim_rig.clock.pause(0.3)
    assert sim_rig.inverter.reading().ac_power_w != 0.0
