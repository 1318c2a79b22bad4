"""Cooling: when it is asked for, that its trigger is the operator's, and that it comes before a planned V2G window."""

import pytest

from v2g_bench.errors import NotTested
from v2g_bench.faults import OverTemperature, PackTemperature

ANSWER_S, QUIET_S = 2.0, 0.6
MANUAL_TRIGGER_C, OWN_TRIGGER_C = 32.0, 29.0
WARM_C, NEAR_K, COOLER_K, LEAST_LEAD_S = 30.0, 2.0, 1.0, 180.0


def cools(bench, *, expected: bool) -> bool:
    """Whether the controller asks for cooling, watched for ANSWER_S if it should and for QUIET_S if it should not."""
    return bench.wait_until(
        lambda: bool(bench.bus.signal("cooling_request")), within_s=ANSWER_S if expected else QUIET_S
    )


@pytest.mark.req("THM-01")
def test_cooling_starts_at_its_trigger(bench, judge, worlds):
    """One step below 32 °C no cooling is asked for; with any cell at 32 °C it is, under power too, as long as it is warm."""
    bench.bus.needs("cooling_request")
    cell = next(worlds.few(cell=worlds.any.cell())).cell
    with bench.inject(OverTemperature(cell, to_c=MANUAL_TRIGGER_C - 0.5)):
        judge.holds("no cooling at 31.5 °C", not cools(bench, expected=False))
    with bench.at_power(3000), bench.inject(OverTemperature(cell, to_c=MANUAL_TRIGGER_C)):
        judge.holds("cooling at 32 °C", cools(bench, expected=True))
        ended = bench.wait_until(lambda: not bench.bus.signal("cooling_request"), judge.profile.watch_s)
        judge.holds("and it goes on", not ended)


@pytest.mark.req("THM-02")
def test_trigger_outlives_a_restart(bench, judge):
    """A trigger of 29 °C in thermal-policy.json acts after a restart as well."""
    bench.bus.needs("cooling_request")
    with bench.controller.command_line.cooling_trigger(OWN_TRIGGER_C):
        bench.controller.command_line.restart()
        judge.holds("no cooling before", not cools(bench, expected=False))
        with bench.inject(OverTemperature(cell=1, to_c=OWN_TRIGGER_C)):
            judge.holds("cooling at 29 °C", cools(bench, expected=True))


@pytest.mark.req("THM-05")
def test_pack_is_cooled_before_a_v2g_window(bench, judge):
    """Warm, but below the trigger: no cooling without a plan; with a V2G window ahead the pack is cooled before it."""
    bench.bus.needs("cooling_request")
    with bench.inject(PackTemperature(to_c=30.0)):
        judge.holds("no cooling without a plan", not cools(bench, expected=False))
        with bench.controller.command_line.plan.v2g_window(in_s=600.0, for_s=3600.0):
            judge.holds("cooling before the window", cools(bench, expected=True))


@pytest.mark.req("THM-07")
def test_pack_is_cooler_when_the_window_begins(bench, judge):
    """A pack that really is at 30 °C, a V2G window minutes ahead: when it begins the hottest cell is cooler by 1 K or more."""
    bench.bus.needs("cooling_request")
    lead_s = judge.profile.watch_s
    if lead_s < LEAST_LEAD_S:
        raise NotTested(f"a pack takes minutes to cool, and the profile lets a test wait for {lead_s:g} s")
    bench.power.pack.brought(soc_pct=None, temperature_c=WARM_C)  # where the rig emulates it
    before_c, begins_s = bench.readings.hottest().value, bench.bus.now_s() + lead_s
    if before_c < WARM_C - NEAR_K:
        raise NotTested(f"the pack is at {before_c:g} °C, and not at {WARM_C:g} °C")
    with bench.controller.command_line.plan.v2g_window(in_s=lead_s, for_s=3600.0):
        bench.wait_until(lambda: bench.bus.now_s() >= begins_s, lead_s, poll_s=1.0)
        judge.at_most("hottest cell when the window begins", bench.readings.hottest(), below=before_c - COOLER_K)
