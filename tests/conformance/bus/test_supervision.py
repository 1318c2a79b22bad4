"""Frames that come and are no news: the controller supervises what the bus brings, not only whether it brings something."""

import pytest

from v2g_bench.draws.dimensions import Choice
from v2g_bench.faults import BmsFrozen, SignalCount, TamperedFrames

ASKED_S, WATCHED_S = 0.5, 0.8
DIRECTIONS = pytest.mark.parametrize("power_w", [-3000, 3000], ids=["discharging", "charging"])


def ends(bench, judge, fault, power_w):
    """The transfer ends within the time that the rig grants a silent BMS, and none begins while the fault lasts."""
    limit_ms = judge.limits.silence_limit_ms
    with bench.at_power(power_w), bench.recording(rate_hz=5000, after_s=0.3 + limit_ms / 1000) as trace:
        with bench.inject(fault) as active:
            judge.latency("time to isolation", trace.isolation(after=active.on_bus), below_ms=limit_ms)
            with bench.recording(rate_hz=1000, after_s=WATCHED_S) as again:
                bench.power.insist(power_w, for_s=ASKED_S)
                judge.never_flows("asked for again", again)


def no_discharge(bench, judge, fault):
    """Within the time that the rig grants for noise to be noticed the discharge ends, and none begins while it lasts."""
    none_w = -judge.limits.no_discharge_w
    with bench.at_power(-3000), bench.inject(fault):
        within_s = bench.controller.dut.thresholds.noticed_within_s
        ended = bench.wait_until(lambda: bench.readings.inverter_power().value > none_w, within_s)
        judge.holds(f"the discharge ends within {within_s:g} s", ended)
        bench.power.granted()
        with bench.recording(rate_hz=1000, after_s=WATCHED_S) as trace:
            bench.power.insist(-3000, for_s=ASKED_S)
            judge.never_discharges("asked for again", trace)


@pytest.mark.req("BUS-01")
@DIRECTIONS
def test_frozen_frames_end_the_transfer(bench, judge, power_w):
    """The BMS repeats its last frames for ever: the transfer ends as if it were silent, and none begins."""
    bench.bus.needs_protected_frames()
    ends(bench, judge, BmsFrozen(), power_w)


@pytest.mark.req("BUS-02")
@pytest.mark.parametrize(("beyond", "power_w"), [(1, -3000), (None, 3000)], ids=["too-far", "backwards"])
def test_counters_out_of_sequence_end_the_transfer(bench, judge, beyond, power_w):
    """Every counter is further than lost frames explain, or runs backwards: the transfer ends, and none begins."""
    bench.bus.needs_protected_frames()
    step = 255 if beyond is None else bench.controller.dut.thresholds.counter_max_delta + beyond
    ends(bench, judge, TamperedFrames("stride", step=step), power_w)


@pytest.mark.req("BUS-03")
@pytest.mark.parametrize(
    "fault",
    [
        TamperedFrames("freeze", good_of=2),
        TamperedFrames("freeze", good_of=4),
        TamperedFrames("damage", good_of=2),
        TamperedFrames("swap"),
    ],
    ids=["each-second-frozen", "one-of-four-new", "each-second-damaged", "out-of-order"],
)
def test_a_stream_that_is_half_noise_gives_no_discharge(bench, judge, fault):
    """Good frames come between the bad ones, regularly: the discharge ends, and none begins."""
    bench.bus.needs_protected_frames()
    no_discharge(bench, judge, fault)


@pytest.mark.req("BUS-04")
@pytest.mark.parametrize(
    ("fault", "power_w"),
    [
        (TamperedFrames("drop", scope="all but heartbeat"), 3000),
        (TamperedFrames("drop", scope="safety"), 3000),
    ],
    ids=["heartbeat-alone", "safety-message-missing"],
)
def test_each_safety_message_is_watched(bench, judge, fault, power_w):
    """Other frames come, and the one with the safety values does not: the transfer ends, and none begins."""
    ends(bench, judge, fault, power_w)


@pytest.mark.req("BUS-04")
def test_a_safety_message_that_comes_too_seldom(bench, judge):
    """Each frame with the safety values is good, and far later than the rig allows: the transfer has ended before it."""
    limit_ms, cycle_s = judge.limits.silence_limit_ms, bench.bus.signals.cycle_s("cell_temperature_max")
    seldom = TamperedFrames("drop", scope="safety", good_of=round(2 * limit_ms / 1000 / cycle_s))
    with bench.at_power(-3000), bench.recording(rate_hz=5000, after_s=0.1 + limit_ms / 1000) as trace:
        with bench.inject(seldom) as active:
            judge.latency("time to isolation", trace.isolation(after=active.on_bus), below_ms=limit_ms)


@pytest.mark.req("BUS-05")
def test_frames_that_are_too_short_are_not_used(bench, judge, worlds):
    """Every frame lacks its last bytes, its checksum is right: the transfer ends, and none begins, in whatever direction."""
    for world in worlds.few(power_w=Choice((3000, -3000))):
        ends(bench, judge, TamperedFrames("shorten"), world.power_w)


@pytest.mark.req("BUS-06")
def test_two_senders_give_no_discharge(bench, judge):
    """A second sender uses the BMS's identifiers, with old values: the discharge ends, and none begins."""
    bench.bus.needs_protected_frames()
    no_discharge(bench, judge, TamperedFrames("second"))


@pytest.mark.req("BUS-07")
@pytest.mark.parametrize(
    ("role", "power_w"),
    [("cell_temperature_max", -3000), ("string_voltage_difference", 3000), ("soc", -3000)],
)
def test_no_power_without_a_value(bench, judge, role, power_w):
    """Each count that says "not available", "error" or "reserved" of a needed value: the transfer ends, and none begins."""
    for count in bench.bus.signals.silences(role):
        ends(bench, judge, SignalCount(role, count), power_w)
