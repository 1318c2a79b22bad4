"""The window of state of charge (SoC): what limits.conf, a reload and an override make of it."""

import math

import pytest

from v2g_bench.draws.dimensions import Uniform
from v2g_bench.faults import StateOfCharge
from v2g_bench.rig.measuring.bench import RATED_W

WATCHED_S = 1.0
SMALL_AH = 0.5  # of the pack that gives a micro-cycle in seconds
SMALLER_AH = 0.25  # and of the one that comes to its limit in a second
CROSSED_S, BEYOND_PCT = 30.0, 0.5
DEPTH_PCT = 1.0  # what the controller's count may differ from the BMS's
AT_V = 300.0


def small_ah(bench, capacity_ah: float) -> float:
    """The capacity of a small pack: as given at AT_V and above; of fewer volts more, so that it ends no sooner."""
    return capacity_ah * max(1.0, AT_V / bench.bus.signal("pack_voltage"))


@pytest.mark.req("LIM-01")
def test_no_discharge_at_min_soc(bench, judge):
    """At 25 % the pack is not discharged, and can be charged."""
    with bench.controller.starting(StateOfCharge(to_pct=25.0)):
        with bench.power.asking(2000, within_s=bench.controller.dut.ready_s):
            judge.flows("charging at MIN_SOC", bench.readings.ac_power(), is_w=2000)
        judge.never_discharges("at MIN_SOC", *bench.power.watch(-3000, for_s=judge.profile.watch_s))


@pytest.mark.req("LIM-01")
def test_no_discharge_anywhere_below_min_soc(bench, judge, worlds):
    """Below 25 %, by little and by much, the pack is not discharged at any power, and can be charged."""
    beside = {"near_pct": worlds.any.past("soc", 25.0, 2.0), "far_pct": Uniform(16.0, 22.0)}
    for world in worlds.few(**beside, power_w=worlds.any.power_w("discharging")):
        for soc_pct in (world.near_pct, world.far_pct):
            with bench.controller.starting(StateOfCharge(to_pct=soc_pct)):
                with bench.power.asking(2000, within_s=bench.controller.dut.ready_s):
                    judge.flows("charging below MIN_SOC", bench.readings.ac_power(), is_w=2000)
                with bench.power.watch.once(world.power_w, WATCHED_S) as trace:
                    judge.never_discharges(f"at {soc_pct:g} %", trace)


@pytest.mark.req("LIM-02")
def test_no_charge_anywhere_above_max_soc(bench, judge, worlds):
    """Above 75 %, by little and by much, the pack is not charged at any power, and can be discharged."""
    beside = {"near_pct": worlds.any.past("soc", 75.0, 98.0), "far_pct": Uniform(80.0, 98.0)}
    for world in worlds.few(**beside, power_w=worlds.any.power_w("charging")):
        for soc_pct in (world.near_pct, world.far_pct):
            with bench.controller.starting(StateOfCharge(to_pct=soc_pct)):
                with bench.power.asking(-2000, within_s=bench.controller.dut.ready_s):
                    judge.flows("discharge above MAX_SOC", bench.readings.ac_power(), is_w=-2000)
                with bench.power.watch.once(world.power_w, WATCHED_S) as trace:
                    judge.never_charges(f"at {soc_pct:g} %", trace)


@pytest.mark.req("LIM-01")
def test_discharge_ends_at_min_soc(bench, judge):
    """A small pack is discharged from a little above 25 % on: at 25 % it ends."""
    crosses(bench, judge, from_pct=25.6, power_w=-3000, limit_pct=25.0)


@pytest.mark.req("LIM-02")
def test_charge_ends_at_max_soc(bench, judge):
    """A small pack is charged from a little below 75 % on: at 75 % it ends."""
    crosses(bench, judge, from_pct=74.0, power_w=3000, limit_pct=75.0)


def crosses(bench, judge, from_pct: float, power_w: float, limit_pct: float) -> None:
    """The transfer that runs into a limit of the state of charge ends there, within a step of the signal and a half."""
    bench.power.pack.small(capacity_ah=small_ah(bench, SMALLER_AH), soc_pct=from_pct)
    with bench.power.asking(power_w, within_s=bench.controller.dut.ready_s):
        none_w = judge.limits.no_discharge_w
        ended = bench.wait_until(lambda: abs(bench.readings.inverter_power().value) < none_w, within_s=CROSSED_S)
        judge.holds(f"it ends at {limit_pct:g} %", ended)
        beyond_pct = (bench.bus.signal("soc") - limit_pct) * math.copysign(1.0, power_w)
        judge.holds("not beyond it", beyond_pct <= BEYOND_PCT, f"by {beyond_pct:+z.2f} %")
        judge.holds("and not before", beyond_pct >= -BEYOND_PCT, f"by {beyond_pct:+z.2f} %")
        with bench.recording(rate_hz=1000, after_s=WATCHED_S) as trace:
            bench.power.insist(power_w, for_s=WATCHED_S - 0.3)
            (judge.never_discharges if power_w < 0 else judge.never_charges)("beyond the limit", trace)


@pytest.mark.req("LIM-01")
def test_discharge_above_min_soc(bench, judge):
    """One step above 25 % the pack is discharged as asked."""
    ready_s = bench.controller.dut.ready_s
    with bench.controller.starting(StateOfCharge(to_pct=25.5)), bench.power.asking(-3000, within_s=ready_s):
        judge.flows("discharge above MIN_SOC", bench.readings.ac_power(), is_w=-3000)


@pytest.mark.req("LIM-02")
def test_no_charge_at_max_soc(bench, judge):
    """At 75 % the pack is not charged, and can be discharged."""
    with bench.controller.starting(StateOfCharge(to_pct=75.0)):
        with bench.power.asking(-2000, within_s=bench.controller.dut.ready_s):
            judge.flows("discharge at MAX_SOC", bench.readings.ac_power(), is_w=-2000)
        judge.never_charges("at MAX_SOC", *bench.power.watch(3000, for_s=judge.profile.watch_s))


@pytest.mark.req("LIM-02")
def test_charge_below_max_soc(bench, judge):
    """One step below 75 % the pack is charged as asked."""
    with (
        bench.controller.starting(StateOfCharge(to_pct=74.5)),
        bench.power.asking(3000, within_s=bench.controller.dut.ready_s),
    ):
        judge.flows("charging below MAX_SOC", bench.readings.ac_power(), is_w=3000)


@pytest.mark.req("LIM-03")
@pytest.mark.parametrize("direction", ["discharging", "charging"])
def test_reload_puts_new_limits_into_force(bench, judge, worlds, direction):
    """New limits that the pack's SoC is outside of stop the transfer that is under way; the old ones give it back."""
    soc_pct = round(bench.bus.signal("soc"))
    power_w = worlds.any.power_w(direction, most_w=bench.readings.most_ac_w())
    for world in worlds(power_w=power_w, beyond_pct=worlds.any.whole(1, 15)):
        if direction == "discharging":
            new = {"min_soc": soc_pct + world.beyond_pct, "max_soc": soc_pct + 20}
        else:
            new = {"min_soc": soc_pct - 20, "max_soc": soc_pct - world.beyond_pct}
        with bench.at_power(world.power_w):
            with bench.controller.command_line.limits(**new):
                bench.power.settle()
                with bench.recording(rate_hz=1000, after_s=WATCHED_S) as trace:
                    (judge.never_discharges if direction == "discharging" else judge.never_charges)("limited", trace)
            bench.power.settle()
            judge.flows("with the old limits", bench.readings.ac_power(), is_w=world.power_w)


@pytest.mark.req("LIM-03")
def test_broken_limits_are_refused(bench, judge):
    """An invalid file is refused, and what was in force before stays in force: here a MIN_SOC above the pack's SoC."""
    soc_pct = bench.bus.signal("soc")
    with bench.controller.command_line.limits(min_soc=round(soc_pct + 1), max_soc=round(soc_pct + 20)):
        for broken in ("MIN_SOC=25\nMAX_SOC=\n", "MIN_SOC=75\nMAX_SOC=25\n"):
            with bench.controller.command_line.file("limits", broken) as reply:
                judge.holds(f"{broken.split()!r} is refused", reply.status != 0, reply.out + reply.err)
                with bench.power.watch.once(-3000, WATCHED_S) as trace:
                    judge.never_discharges("with the limits from before", trace)


@pytest.mark.req("LIM-12")
def test_override_replaces_the_soc_limit(bench, judge):
    """--force-limit lets the discharge go on below MIN_SOC, or the charge above MAX_SOC, and only as long as in force."""
    soc_pct = bench.bus.signal("soc")
    with (
        bench.at_power(-3000),
        bench.controller.command_line.limits(min_soc=round(soc_pct + 1), max_soc=round(soc_pct + 20)),
    ):
        held = bench.wait_until(lambda: abs(bench.readings.inverter_power().value) < 1000, within_s=CROSSED_S)
        judge.require(held, "the limit to override does not hold")
        with bench.controller.command_line.forced_limit("30"), bench.power.asking(-3000):
            judge.flows("discharge with the limit overridden", bench.readings.ac_power(), is_w=-3000)
        judge.never_discharges("after the override", *bench.power.watch(-3000, for_s=WATCHED_S))
    with bench.controller.command_line.limits(min_soc=round(soc_pct - 20), max_soc=round(soc_pct - 1)):
        with bench.controller.command_line.forced_limit(f"{soc_pct + 20:.0f}"), bench.power.asking(3000):
            judge.flows("charge with the limit overridden", bench.readings.ac_power(), is_w=3000)
        judge.never_charges("after the override", *bench.power.watch(3000, for_s=WATCHED_S))


@pytest.mark.req("LIM-11")
def test_micro_cycles_stay_shallow(bench, judge):
    """Discharged on and on at full power, the pack gives no more than a micro-cycle, far above MIN_SOC."""
    bench.bus.needs("capacity")
    limit_pct = bench.controller.dut.thresholds.micro_cycle_pct
    capacity_ah = small_ah(bench, SMALL_AH)
    bench.power.pack.small(capacity_ah=capacity_ah)
    with bench.power.asking(-RATED_W, within_s=bench.controller.dut.ready_s):
        before_pct, none_w = bench.bus.signal("soc"), -judge.limits.no_discharge_w
        full_s = 3600 * capacity_ah * bench.bus.signal("pack_voltage") * limit_pct / 100 / bench.power.allowed_w()
        ended = bench.wait_until(lambda: bench.readings.inverter_power().value > none_w, within_s=1.5 * full_s)
        judge.holds("the discharge ends", ended)
        given_pct = before_pct - bench.bus.signal("soc")
        judge.holds(f"after {limit_pct:g} % at the most", given_pct <= limit_pct + DEPTH_PCT, f"{given_pct:.1f} %")
        judge.holds("and not at once", given_pct >= limit_pct / 2, f"{given_pct:.1f} %")
        with bench.recording(rate_hz=1000, after_s=WATCHED_S) as trace:
            bench.power.insist(0, -3000, for_s=WATCHED_S - 0.3)  # a pause is no charge
            judge.never_discharges("after the micro-cycle", trace)
