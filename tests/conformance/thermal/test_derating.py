"""Temperature takes power away: outside the operating window of 20 to 35 °C less flows than was asked for."""

import re

import pytest

from v2g_bench.faults import PackTemperature
from v2g_bench.rig.measuring.bench import RATED_W

UNCHANGED_PCT, SOME_PCT = 95, 5
MILD_C = 10.0  # nothing keeps a pack that is no colder from being charged
# Inside the map, beyond the operating window and short of the emergency shutdown; of each half something is drawn.
WARM_C, HOT_C, COOL_C, COLD_C = (38.0, 41.0), (41.0, 44.0), (MILD_C, 16.0), (3.0, MILD_C)
FROZEN_C = (
    -20.0,
    0.0,
)  # where a temperature that is read without its sign is a warm one; a power that rises slowly shows it
USUAL_C, NEAR_K = 25.0, 5.0  # where nothing derates, and how near to it the pack has to be


def require_cool(bench, judge) -> None:
    """What the power at another temperature is compared with is that of a pack at about 25 °C."""
    found_c = bench.bus.signal("cell_temperature_max")
    judge.require(abs(found_c - USUAL_C) <= NEAR_K, f"the pack is at {found_c:g} °C, not at about {USUAL_C:g} °C")


@pytest.mark.req("THM-03")
@pytest.mark.parametrize("power_w", [-RATED_W, RATED_W], ids=["discharging", "charging"])
def test_hot_pack_derates(bench, judge, worlds, power_w):
    """At 34 °C the rated power flows as at 25 °C; with the hottest cell anywhere from 38 to 44 °C less, and not nothing."""
    require_cool(bench, judge)
    drawn = worlds.few(warm=worlds.any.hot_pack(*WARM_C), hot=worlds.any.hot_pack(*HOT_C))
    faults = [fault for world in drawn for fault in (world.warm, world.hot)]
    with bench.at_power(power_w):
        before = bench.readings.pack_power()
        with bench.inject(PackTemperature(to_c=34.0)):
            bench.power.settle()
            judge.at_least("power at 34 °C", bench.readings.pack_power().share_of(before), above=UNCHANGED_PCT)
        for fault in sorted(faults, key=lambda fault: fault.to_c):  # what one derates, the next derates further
            with bench.inject(fault):
                bench.power.settle()
                share = bench.readings.pack_power().share_of(before)
                judge.at_most(f"power at {fault.to_c:g} °C", share, below=judge.limits.derated_below_pct)
                judge.at_least("and it still flows", share, above=SOME_PCT)


@pytest.mark.req("THM-04")
def test_cold_pack_is_charged_slowly(bench, judge, worlds):
    """At 22 °C the rated power is charged as at 25 °C; with a cell from -20 to 16 °C less, and not nothing at 10 °C."""
    require_cool(bench, judge)
    ranges = {"cool": COOL_C, "cold": COLD_C, "frozen": FROZEN_C}
    drawn = worlds.few(**{name: worlds.any.cold_pack(*range_c) for name, range_c in ranges.items()})
    faults = [fault for world in drawn for fault in (world.cool, world.cold, world.frozen)]
    with bench.at_power(RATED_W):
        before = bench.readings.pack_power()
        with bench.inject(PackTemperature(to_c=22.0)):
            bench.power.settle()
            judge.at_least("charging at 22 °C", bench.readings.pack_power().share_of(before), above=UNCHANGED_PCT)
        for fault in sorted(faults, key=lambda fault: -fault.to_c):
            with bench.inject(fault, alone=True):  # by the temperature, whatever limit a BMS would derive of it
                bench.power.settle()
                share = bench.readings.pack_power().share_of(before)
                judge.at_most(f"charging at {fault.to_c:g} °C", share, below=judge.limits.derated_below_pct)
                if fault.to_c >= MILD_C:
                    judge.at_least("and it is still charged", share, above=SOME_PCT)


@pytest.mark.req("THM-06")
def test_thermal_log_tells_of_derating(bench, judge):
    """The thermal monitor reports why the discharge is lower than requested, and reports nothing of a pack at 25 °C."""
    reported = re.compile(bench.controller.dut.derating_told)
    require_cool(bench, judge)
    with bench.at_power(-RATED_W):
        cool = bench.controller.must("thermal").out
        judge.holds("no derating told at 25 °C", not reported.search(cool), cool)
        with bench.inject(PackTemperature(to_c=42.0)):
            bench.power.settle()
            derated_w = -bench.power.allowed_w() * judge.limits.derated_below_pct / 100
            judge.require(bench.readings.inverter_power().value > derated_w, "the power is not held down at 42 °C")
            hot = bench.controller.must("thermal").out
            judge.holds("derating told at 42 °C", bool(reported.search(hot)), hot)
