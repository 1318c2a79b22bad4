"""What the BMS states, and what a sound bus may do: every source of a danger counts, and the BMS's own limits are kept."""

import pytest

from v2g_bench.draws.dimensions import Choice
from v2g_bench.evidence.reading import Reading
from v2g_bench.evidence.record import stated
from v2g_bench.faults import PowerLimit, SignalCount, StringVoltageDifference, TamperedFrames
from v2g_bench.metrology.budget import Budget, Component

HOT_C, APART_V, COUNTS = 45.0, 0.3, 3  # the manual's limits, and counts beyond them
UNCHANGED_PCT = 90
BOTH_W = Choice((-3000, 3000))
SOME_SHARE = 0.3  # of the BMS's limit still flows
MARGIN = 1.02  # of the BMS's limit: the current sensors' own accuracy
WATCHED_S = 0.4


@pytest.mark.req("BUS-08")
@pytest.mark.parametrize("source", ["module", "lowest"])
def test_a_danger_in_any_source_isolates(bench, judge, worlds, source):
    """One signal, of any module, says above 45 °C and the highest cell temperature cool: isolated within 50 ms of it."""
    role = worlds.any.module_temperature() if source == "module" else Choice(("cell_temperature_min",))
    for world in worlds.few(role=role, power_w=BOTH_W):
        hot = bench.bus.signals.count(world.role, bench.bus.signals.above(world.role, HOT_C, COUNTS))
        shown = bench.inject(SignalCount(world.role, hot))
        with bench.at_power(world.power_w), bench.recording() as trace, shown as fault:
            judge.latency("time to isolation", trace.isolation(after=fault.on_bus), below_ms=50)


@pytest.mark.req("BUS-09")
def test_a_counter_may_jump_within_its_step(bench, judge):
    """Two frames of each message are lost, by their counters: the power stays as before."""
    bench.bus.needs_protected_frames()
    jump = TamperedFrames("jump", step=bench.controller.dut.thresholds.counter_max_delta)
    with bench.at_power(-3000), bench.recording(rate_hz=5000, before_s=0.2, after_s=1.5) as trace:
        with bench.inject(jump) as active:
            judge.at_least("least current", trace.least_share(since=active.on_bus), above=UNCHANGED_PCT)
            judge.holds("nothing is latched", not bench.controller.latches.latched())


@pytest.mark.req("BUS-09")
def test_a_bms_that_restarts_makes_no_trip(bench, judge):
    """The BMS starts anew, with counter 0 and without values at first: no trip, and the power flows as asked."""
    bench.bus.needs_protected_frames()
    with bench.at_power(-3000), bench.inject(TamperedFrames("restart")):
        bench.power.settle()
        judge.holds("the controller reports no trip", not bench.controller.latches.tripped())
        with bench.power.asking(-3000, within_s=bench.controller.dut.ready_s):
            judge.flows("discharge after the restart", bench.readings.ac_power(), is_w=-3000)


@pytest.mark.req("BUS-10")
@pytest.mark.parametrize("direction", ["discharge", "charge"])
def test_the_limits_of_the_bms_are_kept(bench, judge, worlds, direction):
    """The BMS allows less than what flows, however much, then nothing: not more than that flows within the rig's time."""
    bench.bus.needs(f"{direction}_power_limit")
    way, none_flows = (-1, judge.never_discharges) if direction == "discharge" else (1, judge.never_charges)
    for world in worlds.few(high_w=worlds.any.rating_w(0.4, 0.8), low_w=worlds.any.rating_w(0.1, 0.2)):
        with bench.at_power(way * bench.power.allowed_w()):
            for limit_w in (world.high_w, world.low_w):
                with bench.inject(PowerLimit(direction, to_w=round(limit_w))) as limited:
                    bench.power.granted()
                    limit_a = limited.fault.to_w / bench.bus.signal("pack_voltage")
                    with bench.recording(rate_hz=1000, after_s=WATCHED_S) as trace:
                        worst = trace.worst_discharge() if way < 0 else trace.worst_charge()
                    judge.at_most(f"with {limit_w:.0f} W allowed", worst, below=MARGIN * limit_a)
                    judge.at_least("and something still flows", worst, above=SOME_SHARE * limit_a)
            with bench.inject(PowerLimit(direction, to_w=0.0)):
                bench.power.granted()
                with bench.recording(rate_hz=1000, after_s=WATCHED_S) as trace:
                    none_flows("with no limit left", trace)


@pytest.mark.req("BUS-11")
def test_from_the_sensor_to_isolation(bench, judge):
    """A danger may wait for the next frame: the longest wait and the reaction together are within the rig's limit."""
    role, began_s = "string_voltage_difference", bench.bus.now_s()
    with bench.at_power(-3000), bench.recording() as trace:
        with bench.inject(StringVoltageDifference(to_mv=1000 * bench.bus.signals.above(role, APART_V))) as fault:
            reaction = trace.isolation(after=fault.on_bus)
            wait_ms = 1000 * bench.bus.signals.longest_gap_s(role, began_s, fault.on_bus.time_s)
    judge.require(reaction.value is not None, "no isolation is seen")
    parts = [
        Component("reaction", "normal", reaction.uncertainty.u, source="time to isolation", unit="ms"),
        Component.rectangular("wait", 2e3 * fault.on_bus.half_width_s, source=fault.on_bus.source, unit="ms"),
    ]
    name, worst_ms = "from the sensor to isolation", wait_ms + reaction.value
    worst = Reading(name, worst_ms, "ms", Budget(name, "ms", parts), evidence=stated(worst_ms, parts))
    judge.at_most("longest wait for a frame, and the reaction", worst, below=judge.limits.sensor_to_isolation_ms)
