"""Power: what is asked for is what flows at the terminals."""

from contextlib import ExitStack

import pytest


@pytest.mark.req("LIM-04")
@pytest.mark.parametrize("power_w", [-3000, 3000], ids=["discharging", "charging"])
def test_set_power_is_the_power_at_the_terminals(bench, judge, power_w):
    """v2g-ctrl --set-power: the AC meter shows that power, inverter and BMS agree, and no over-current is flagged."""
    with bench.power.asking(power_w):
        flows_as_asked(bench, judge, power_w)


@pytest.mark.req("LIM-04")
@pytest.mark.parametrize("direction", ["discharging", "charging"])
def test_any_set_power_is_the_power_at_the_terminals(bench, judge, worlds, direction):
    """The same at any power, from small ones to the rated one, and from one straight to the next."""
    of_analyzer_w = bench.readings.most_ac_w()
    most_w = bench.readings.most_ac_w(within_pct=judge.limits.power_tolerance_pct)
    with ExitStack() as asked:
        for world in worlds(power_w=worlds.any.power_w(direction, most_w=most_w)):
            asked.enter_context(bench.power.asking(world.power_w))  # taken back when the last one has been seen
            flows_as_asked(bench, judge, world.power_w, by_analyzer=abs(world.power_w) <= of_analyzer_w)


def flows_as_asked(bench, judge, power_w: float, by_analyzer: bool = True) -> None:
    """This power has been asked for: it is there, and all who measure it agree."""
    meter = bench.readings.ac_power() if by_analyzer else bench.readings.inverter_power()
    judge.power(f"AC power at the terminals, {power_w:g} W asked for", meter, is_w=power_w)
    if by_analyzer:
        judge.agree("meter and inverter", meter, bench.readings.inverter_power())
    with bench.recording(before_s=0.01, after_s=0.1) as trace:
        judge.agree("meter and BMS", trace.mean(), bench.readings.bms_current())
    if bench.bus.signals.has("over_current"):
        judge.holds("no over-current flag from the BMS", not bench.bus.signal("over_current"))
