"""What v2g-health reports of the battery: its health, its cycles, its throughput, and the review that is due."""

import re

import pytest

from v2g_bench.faults import WornBattery

SOH_PCT, CYCLES = 87.5, 913
ANSWER_S = 2.0


def numbers(text: str) -> list[float]:
    """All numbers in a text."""
    return [float(word) for word in re.findall(r"(?<![\w.])\d+(?:\.\d+)?", text)]


def says(bench, role: str) -> tuple[bool, str]:
    """Whether v2g-health shows soon what the BMS sends in this role, within a step of the signal; and its output."""
    wanted, step, out = bench.bus.signal(role), bench.bus.resolution(role), ""

    def shown() -> bool:
        nonlocal out
        out = bench.controller.must("health").out
        return any(abs(number - wanted) <= step * 1.001 for number in numbers(out))

    return bench.wait_until(shown, within_s=ANSWER_S), f"BMS {wanted:g}; {out}"


@pytest.mark.req("HLT-01")
def test_health_and_cycles_are_those_of_the_bms(bench, judge):
    """v2g-health --status shows the state of health and the cycle count that the BMS sends."""
    bench.bus.needs("soh", "cycle_count")
    with bench.inject(WornBattery(soh_pct=SOH_PCT, cycles=CYCLES)):
        judge.holds("the state of health is shown", *says(bench, "soh"))
        judge.holds("the cycle count is shown", *says(bench, "cycle_count"))


@pytest.mark.req("HLT-02")
def test_health_below_80_pct_asks_for_a_review(bench, judge):
    """At 80 % no review is asked for, one step below it is."""
    bench.bus.needs("soh")
    asked = re.compile(bench.controller.dut.review_told)
    for soh_pct, expected in ((80.0, False), (79.5, True)):
        with bench.inject(WornBattery(soh_pct=soh_pct)):
            fresh, out = says(bench, "soh")
            judge.require(fresh, f"{soh_pct:g} % is not shown")
            name = f"{'a' if expected else 'no'} review at {soh_pct:g} %"
            judge.holds(name, bool(asked.search(out)) == expected, out)


@pytest.mark.req("HLT-03")
def test_throughput_is_tracked(bench, judge):
    """v2g-health --status shows the cumulative energy throughput that the BMS has counted."""
    bench.bus.needs("energy_throughput")
    judge.holds("the throughput is not zero", bench.bus.signal("energy_throughput") > 0)
    judge.holds("the throughput is shown", *says(bench, "energy_throughput"))
