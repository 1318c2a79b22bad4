"""What v2g-health reports of the battery: its health, its cycles, its throughput, and the review that is due."""

from contextlib import nullcontext

import pytest

from v2g_bench.draws.dimensions import Past, Uniform
from v2g_bench.faults import WornBattery
from v2g_bench.rig.dut.told import affirmed

ANSWER_S = 2.0
REVIEW_PCT = 80.0  # V2G manual, The Admin Desk, battery health
WORN_PCT, CLEARLY_PCT, NEW_PCT = 40.0, 75.0, 99.0
CYCLES, THROUGHPUT_KWH = Uniform(150, 9000), Uniform(1000.0, 90_000.0)


def differs(bench, soh_pct: float) -> bool:
    """Whether this state of health is another than the battery's own: one that the bus shows already cannot be injected."""
    return abs(soh_pct - bench.bus.signal("soh")) > 0.75 * bench.bus.signals.resolution("soh")


def other_than_now(bench, soh_pct: float) -> int:
    """The whole state of health that is asked for, or the next one below it where the battery has that one already."""
    return round(soh_pct) if differs(bench, round(soh_pct)) else round(soh_pct) - 1


def told(bench, judge, role: str) -> None:
    """v2g-health soon tells in the role's own place what the BMS sends in it, within a step of the signal."""
    wanted, step, found = bench.bus.signal(role), bench.bus.signals.resolution(role), None

    def fits() -> bool:
        nonlocal found
        found = bench.controller.command_line.tells(role)
        return found is not None and abs(found - wanted) <= step * 1.001

    judge.holds(f"{role} is told", bench.wait_until(fits, within_s=ANSWER_S), f"BMS {wanted:g}, told {found}")


@pytest.mark.req("HLT-01")
def test_health_and_cycles_are_those_of_the_bms(bench, judge, worlds):
    """v2g-health --status tells the state of health and the cycle count that the BMS sends, whatever they are."""
    bench.bus.needs("soh", "cycle_count")
    for world in worlds(soh_pct=Uniform(WORN_PCT, NEW_PCT), cycles=CYCLES):
        with bench.inject(WornBattery(soh_pct=other_than_now(bench, world.soh_pct), cycles=round(world.cycles))):
            told(bench, judge, "soh")
            told(bench, judge, "cycle_count")


def review(bench, judge, soh_pct: float) -> None:
    """Whether a review is asked for is right for this state of health."""
    with bench.inject(WornBattery(soh_pct=soh_pct)) if differs(bench, soh_pct) else nullcontext():
        sent_pct, step_pct, answer = bench.bus.signal("soh"), bench.bus.signals.resolution("soh"), ""

        def shown() -> bool:
            nonlocal answer
            answer = bench.controller.must("health").out
            found = bench.controller.command_line.tells("soh")
            return found is not None and abs(found - sent_pct) < 0.75 * step_pct  # not the one before

        judge.require(bench.wait_until(shown, within_s=ANSWER_S), f"{sent_pct:g} % is not told")
        asked = affirmed(bench.controller.must("health").out, bench.controller.dut.review_told)
        due = sent_pct < REVIEW_PCT
        name = f"{'a' if due else 'no'} review at {sent_pct:g} %"
        if asked is None and not due:
            judge.inconclusive(name, f"its health report does not tell {bench.controller.dut.review_told}")
        else:
            judge.holds(name, bool(asked) == due, answer)


@pytest.mark.req("HLT-02")
def test_health_below_80_pct_asks_for_a_review(bench, judge, worlds):
    """At 80 % and anywhere above it no review is asked for; one step below it, and anywhere below, it is."""
    bench.bus.needs("soh")
    step_pct = bench.bus.signals.resolution("soh")
    below = Past(limit=REVIEW_PCT, first=REVIEW_PCT - step_pct, step=-step_pct, far=WORN_PCT)
    above = Past(limit=REVIEW_PCT, first=REVIEW_PCT, step=step_pct, far=NEW_PCT)
    for soh_pct in (REVIEW_PCT, REVIEW_PCT - step_pct):
        review(bench, judge, soh_pct)
    for world in worlds.few(below_pct=below, above_pct=above, worn_pct=Uniform(WORN_PCT, CLEARLY_PCT)):
        for soh_pct in (world.above_pct, world.below_pct, world.worn_pct):
            review(bench, judge, soh_pct)


@pytest.mark.req("HLT-03")
def test_throughput_is_tracked(bench, judge, worlds):
    """v2g-health --status tells the cumulative energy throughput that the BMS has counted, of this pack and of older ones."""
    bench.bus.needs("energy_throughput")
    judge.holds("the throughput is not zero", bench.bus.signal("energy_throughput") > 0)
    told(bench, judge, "energy_throughput")
    for world in worlds(throughput_kwh=THROUGHPUT_KWH, soh_pct=Uniform(REVIEW_PCT + 1, NEW_PCT)):
        with bench.inject(
            WornBattery(soh_pct=other_than_now(bench, world.soh_pct), throughput_kwh=world.throughput_kwh)
        ):
            told(bench, judge, "energy_throughput")
