"""The emergency shutdown: what isolates the pack, how fast, and what must not."""

import pytest

from v2g_bench.draws.dimensions import Choice
from v2g_bench.faults import BmsSilence, OverTemperature, StringVoltageDifference

DIRECTIONS = pytest.mark.parametrize("direction", ["discharging", "charging"])

LIMIT_C, LIMIT_MV = 45.0, 300.0
HOTTEST, STRINGS = "cell_temperature_max", "string_voltage_difference"
WATCHED_S = 0.9
NOT_ISOLATED_PCT = 10  # twice of what counts as isolated


@pytest.mark.req("SAF-01")
@DIRECTIONS
def test_hot_cell_isolates(bench, trials, direction):
    """Any cell above 45 °C, by little or much, at any power: the current ends within 50 ms of the frame that reports it."""
    for trial in trials:
        hot = {"fault": trials.any.hot_cell(above_c=LIMIT_C), "alone": trials.any.alone()}
        world = trial.draw(**hot, **trials.any.operating_point(direction))
        with bench.at_power(world), bench.recording(**trials.any.span(world.fault)) as trace:
            with bench.inject(world.fault, phase_s=trial.phase_s, alone=world.alone) as fault:
                latency = trace.isolation(after=fault.on_bus)
        trial.judge(latency, below_ms=50)


@pytest.mark.req("SAF-02")
@DIRECTIONS
def test_diverging_strings_isolate(bench, trials, direction):
    """Strings more than 300 mV apart, by little or much: the current ends within 50 ms of the frame that reports it."""
    for trial in trials:
        apart = {"fault": trials.any.diverging_strings(above_mv=LIMIT_MV), "alone": trials.any.alone()}
        world = trial.draw(**apart, **trials.any.operating_point(direction))
        with bench.at_power(world), bench.recording(**trials.any.span(world.fault)) as trace:
            with bench.inject(world.fault, phase_s=trial.phase_s, alone=world.alone) as fault:
                latency = trace.isolation(after=fault.on_bus)
        trial.judge(latency, below_ms=50)


FIRST = {
    "hot": lambda bench: OverTemperature(cell=1, to_c=bench.bus.signals.above(HOTTEST, LIMIT_C)),
    "strings": lambda bench: StringVoltageDifference(to_mv=1e3 * bench.bus.signals.above(STRINGS, LIMIT_MV / 1e3)),
}


@pytest.mark.parametrize(
    "danger",
    [pytest.param("hot", marks=pytest.mark.req("SAF-01")), pytest.param("strings", marks=pytest.mark.req("SAF-02"))],
)
def test_the_first_value_above_the_limit_isolates(bench, judge, danger):
    """The smallest value above the limit that the BMS can report isolates as fast as any other."""
    with bench.at_power(-3000), bench.recording() as trace, bench.inject(FIRST[danger](bench)) as fault:
        judge.latency("time to isolation", trace.isolation(after=fault.on_bus), below_ms=50)


LAST = {
    "hot": lambda any_: OverTemperature(cell=1, to_c=any_.hottest(above_c=LIMIT_C)),
    "strings": lambda any_: StringVoltageDifference(to_mv=any_.furthest(above_mv=LIMIT_MV)),
}


@pytest.mark.parametrize(
    "danger",
    [pytest.param("hot", marks=pytest.mark.req("SAF-01")), pytest.param("strings", marks=pytest.mark.req("SAF-02"))],
)
def test_the_last_value_of_a_sensor_isolates(bench, judge, worlds, danger):
    """The largest value that a sensor can show isolates as fast as any other: none is too large to be believed."""
    last = bench.inject(LAST[danger](worlds.any), alone=True)
    with bench.at_power(-3000), bench.recording() as trace, last as fault:
        judge.latency("time to isolation", trace.isolation(after=fault.on_bus), below_ms=50)


BELOW = {"at-the-limit": 0, "one-step-below": 1}


@pytest.mark.req("SAF-03")
@pytest.mark.parametrize("steps", BELOW.values(), ids=BELOW)
@pytest.mark.parametrize("danger", ["hot", "strings"])
def test_no_trip_at_the_limit(bench, judge, worlds, danger, steps):
    """At the limit and one step below it the current keeps flowing, at any power, and the controller reports no trip.

    It may flow more slowly: a cell at 45 °C in a pack at 25 °C is a thermal gradient, which derates and does not isolate.
    """
    role, limit = (HOTTEST, LIMIT_C) if danger == "hot" else (STRINGS, LIMIT_MV / 1e3)
    value = bench.bus.signals.above(role, limit, counts=-steps)
    near = worlds.any.held_at(value) if danger == "hot" else Choice((StringVoltageDifference(1e3 * value),))
    for world in worlds(fault=near, **worlds.any.operating_point()):
        with (
            bench.at_power(world),
            bench.recording(after_s=WATCHED_S) as trace,
            bench.inject(world.fault) as active,
        ):
            judge.holds("the bus shows it", abs(bench.bus.signal(role) - value) < 1e-6, f"{bench.bus.signal(role):g}")
            least = trace.least_share(since=active.on_bus)
            judge.at_least("least current after the fault", least, above=NOT_ISOLATED_PCT)
            judge.holds("the controller reports no trip", not bench.controller.latches.tripped())


@pytest.mark.req("SAF-05")
@pytest.mark.parametrize("power_w", [-3000, 3000], ids=["discharging", "charging"])
def test_bms_silence_stops_the_transfer(bench, trials, judge, power_w):
    """The BMS falls silent: ERR_BMS_TIMEOUT in the log, and the current ends within the rig's time."""
    limit_ms = judge.limits.silence_limit_ms
    for trial in trials:
        with bench.at_power(power_w), bench.recording(after_s=0.3 + limit_ms / 1000) as trace:
            with bench.inject(BmsSilence(), phase_s=trial.phase_s) as fault:
                latency = trace.isolation(after=fault.on_bus)
                judge.logged(r"ERR_BMS_TIMEOUT", within_s=2)
        trial.judge(latency, below_ms=limit_ms)
