"""The floating window: what a planned departure makes of MIN_SOC and MAX_SOC, and that it narrows as the departure nears."""

from contextlib import ExitStack

import pytest

from v2g_bench.draws.dimensions import LogUniform, Uniform
from v2g_bench.faults import StateOfCharge

WATCHED_S = 1.0
SOON_S, IN_TWO_HOURS_S, LATER_S = (300.0, 3600.0), (60.0, 5400.0), 4 * 3600.0
LOW_PCT, HIGH_PCT, WANTED_PCT = 27.0, 78.0, 88.0  # a little above MIN_SOC, a little above MAX_SOC, at the departure
NEARER = [60.0 * 180.0 ** (step / 7) for step in range(8)]  # 1 minute to 3 hours, in seven even steps of the logarithm


@pytest.mark.req("LIM-10")
def test_nothing_is_discharged_in_the_hours_before_a_departure(bench, judge, worlds):
    """A nearly empty pack, wanted nearly full within two hours: no discharge, at no time of them; and it can be charged."""
    with bench.controller.starting(StateOfCharge(to_pct=LOW_PCT)):
        with bench.power.asking(2000, within_s=bench.controller.dut.ready_s):
            judge.flows("charging", bench.readings.ac_power(), is_w=2000)
        between = [world.in_s for world in worlds.few(in_s=Uniform(*IN_TWO_HOURS_S))]
        for in_s in sorted({*IN_TWO_HOURS_S, *between}, reverse=True):
            with bench.controller.command_line.plan.departure(in_s=in_s, soc_pct=WANTED_PCT):
                watched = bench.power.watch(-3000, for_s=WATCHED_S)
                judge.never_discharges(f"{in_s / 60:.0f} min before the departure", *watched)


@pytest.mark.req("LIM-10")
def test_a_pack_is_charged_to_what_is_wanted_at_a_departure(bench, judge, worlds):
    """Wanted with more than MAX_SOC, the pack is charged beyond it shortly before the departure, and not hours before."""
    with bench.controller.starting(StateOfCharge(to_pct=HIGH_PCT)):
        with bench.power.asking(-2000, within_s=bench.controller.dut.ready_s):
            judge.flows("discharge above MAX_SOC", bench.readings.ac_power(), is_w=-2000)
        with bench.controller.command_line.plan.departure(in_s=LATER_S, soc_pct=WANTED_PCT):
            judge.never_charges("hours before the departure", *bench.power.watch(3000, for_s=WATCHED_S))
        for world in worlds(in_s=LogUniform(*SOON_S)):
            with (
                bench.controller.command_line.plan.departure(in_s=world.in_s, soc_pct=WANTED_PCT),
                bench.power.asking(2000),
            ):
                judge.flows(f"charging {world.in_s / 60:.0f} min before", bench.readings.ac_power(), is_w=2000)


@pytest.mark.req("LIM-10")
def test_the_window_never_widens_towards_a_departure(bench, judge, worlds):
    """Hours before, the discharge is as asked; with the departure nearer and nearer it ends, and does not come back."""
    wanted_pct, none_w = bench.bus.signal("soc") + 30, -judge.limits.no_discharge_w
    steps = {f"in_{step}_s": LogUniform(*NEARER[step : step + 2]) for step in range(7)}
    with bench.at_power(-3000), ExitStack() as plans:
        plan = bench.controller.command_line.plan.departure
        plans.enter_context(plan(in_s=LATER_S, soc_pct=wanted_pct))
        bench.power.settle()
        judge.flows("discharge hours before the departure", bench.readings.ac_power(), is_w=-3000)
        for world in list(worlds(**steps))[:1]:
            discharged = {}
            for in_s in sorted(world.values.values(), reverse=True):
                plans.enter_context(plan(in_s=in_s, soc_pct=wanted_pct))
                bench.power.insist(-3000, for_s=judge.limits.fallback_s)
                discharged[in_s] = bench.readings.inverter_power().value < none_w
            seen = ", ".join(f"{in_s / 60:.0f} min {'yes' if yes else 'no'}" for in_s, yes in discharged.items())
            order = list(discharged.values())
            judge.holds("there is none at the end", not order[-1], seen)
            judge.holds("it does not come back", order == sorted(order, reverse=True), seen)
