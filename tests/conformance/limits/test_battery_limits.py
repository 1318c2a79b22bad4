"""What the battery itself can take: cell voltages, current, continuous rating, and less of it when it is nearly empty."""

import pytest

from v2g_bench.faults import CellVoltages, ContinuousRating, OverCurrent, StateOfCharge
from v2g_bench.rig.measuring.bench import RATED_W

STANDS_S = 2.5  # of a flag that goes on


@pytest.mark.req("LIM-05")
@pytest.mark.parametrize("direction", ["discharging", "charging"])
def test_over_current_flag_ends_the_transfer(bench, judge, worlds, direction):
    """The BMS flags over-current at any power: it goes to zero, and stays there while the flag is set, asked for or not."""
    for world in worlds.few(power_w=worlds.any.power_w(direction)):
        with bench.at_power(world.power_w), bench.inject(OverCurrent()):
            bench.power.granted()
            with bench.recording(rate_hz=1000, after_s=STANDS_S) as trace:
                judge.never_flows("while over-current is flagged", trace)
            others = bench.power.watch.commands(of=("reset_trip", "reload"))
            asked = bench.power.watch(world.power_w, -world.power_w, for_s=judge.profile.watch_s, meanwhile=others)
            judge.never_flows("while it is flagged and power is asked for", *asked)


@pytest.mark.req("LIM-06")
def test_discharge_stays_within_the_continuous_rating(bench, judge, worlds):
    """Asked for more than the battery's continuous rating, whatever it is: what flows out does not exceed it."""
    bench.bus.needs("discharge_power_continuous")
    for world in worlds(rating_w=worlds.any.rating_w()):
        with bench.at_power(-RATED_W), bench.inject(ContinuousRating(to_w=world.rating_w)):
            bench.power.settle()
            power = bench.readings.pack_power()
            judge.at_least(f"power out of the pack, rated {world.rating_w:g} W", power, above=-world.rating_w)
            judge.at_most("and it is still discharged", power, below=-0.5 * world.rating_w)


@pytest.mark.req("LIM-07")
def test_no_charge_above_4_1_v(bench, judge, worlds):
    """Cells at 4.09 V are charged; with one of them above 4.1 V, whichever it is, the pack is not, at any power."""
    bench.bus.needs("cell_voltage_max")
    with bench.at_power(3000), bench.inject(CellVoltages(to_v=4.09)):
        bench.power.settle()
        judge.flows("charging at 4.09 V", bench.readings.ac_power(), is_w=3000)
    for world in worlds(fault=worlds.any.cell_beyond(4.1, far_v=4.2), power_w=worlds.any.power_w("charging")):
        with bench.at_power(world.power_w), bench.inject(world.fault):
            bench.power.settle()  # a large power takes its time to go
            watched = bench.power.watch(world.power_w, for_s=judge.profile.watch_s)
            judge.never_charges("above 4.1 V", *watched)


@pytest.mark.req("LIM-08")
def test_no_discharge_below_3_2_v(bench, judge, worlds):
    """Cells at 3.21 V are discharged; with one of them below 3.2 V, whichever it is, the pack is not, at any power."""
    bench.bus.needs("cell_voltage_min")
    with bench.at_power(-3000), bench.inject(CellVoltages(to_v=3.21)):
        bench.power.settle()
        judge.flows("discharge at 3.21 V", bench.readings.ac_power(), is_w=-3000)
    for world in worlds(fault=worlds.any.cell_beyond(3.2, far_v=2.9), power_w=worlds.any.power_w("discharging")):
        with bench.at_power(world.power_w), bench.inject(world.fault):
            bench.power.settle()  # a large power takes its time to go
            watched = bench.power.watch(world.power_w, for_s=judge.profile.watch_s)
            judge.never_discharges("below 3.2 V", *watched)


@pytest.mark.req("LIM-09")
def test_low_soc_derates(bench, judge):
    """Nearly empty, but still above MIN_SOC: the pack is discharged, at less than was asked for."""
    start = StateOfCharge(to_pct=judge.limits.low_soc_pct)
    with bench.controller.starting(start), bench.power.asking(-RATED_W, within_s=bench.controller.dut.ready_s):
        power = bench.readings.pack_power()
        judge.at_least("discharge power", power, above=-bench.power.allowed_w() * judge.limits.derated_below_pct / 100)
        judge.at_most("and it is still discharged", power, below=-judge.limits.no_discharge_w)
