"""The emergency shutdown: what isolates the pack, how fast, and what must not."""

import pytest

from v2g_bench.faults import BmsSilence, OverTemperature, StringVoltageDifference

DIRECTIONS = pytest.mark.parametrize("direction", ["discharging", "charging"])

NOT_ISOLATED_PCT = 10  # twice of what counts as isolated


@pytest.mark.req("SAF-01")
@DIRECTIONS
def test_hot_cell_isolates(bench, trials, direction):
    """Any cell above 45 °C, by little or much, at any power: the current ends within 50 ms of the frame that reports it."""
    for trial in trials:
        world = trial.draw(fault=bench.any.hot_cell(above_c=45), **bench.any.operating_point(direction))
        with bench.in_world(world), bench.recording(**bench.any.span(world.fault)) as trace:
            with bench.inject(world.fault, phase_s=trial.phase_s) as fault:
                latency = trace.isolation(after=fault.on_bus)
        trial.judge(latency, below_ms=50)


@pytest.mark.req("SAF-02")
@DIRECTIONS
def test_diverging_strings_isolate(bench, trials, direction):
    """Strings more than 300 mV apart, by little or much: the current ends within 50 ms of the frame that reports it."""
    for trial in trials:
        world = trial.draw(fault=bench.any.diverging_strings(above_mv=300), **bench.any.operating_point(direction))
        with bench.in_world(world), bench.recording(**bench.any.span(world.fault)) as trace:
            with bench.inject(world.fault, phase_s=trial.phase_s) as fault:
                latency = trace.isolation(after=fault.on_bus)
        trial.judge(latency, below_ms=50)


@pytest.mark.req("SAF-03")
@pytest.mark.parametrize(
    "fault",
    [
        OverTemperature(cell=1, to_c=44.9),
        OverTemperature(cell=1, to_c=45.0),
        StringVoltageDifference(to_mv=299),
        StringVoltageDifference(to_mv=300),
    ],
    ids=["44.9C", "45.0C", "299mV", "300mV"],
)
@pytest.mark.parametrize("power_w", [-3000, 3000], ids=["discharging", "charging"])
def test_no_trip_at_the_limit(bench, judge, fault, power_w):
    """At the limit and one step below it the current keeps flowing, and the controller reports no trip.

    It may flow more slowly: a cell at 45 °C in a pack at 25 °C is a thermal gradient, which derates and does not isolate.
    """
    with bench.at_power(power_w), bench.recording(after_s=0.9) as trace, bench.inject(fault) as active:
        judge.at_least("least current after the fault", trace.least_share(since=active.on_bus), above=NOT_ISOLATED_PCT)
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
