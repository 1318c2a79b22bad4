"""The emergency shutdown and the fallbacks when something else is under way: start-up, reload, a latch, a second fault."""

import pytest

from v2g_bench.draws.dimensions import Choice
from v2g_bench.faults import BmsSilence, CellImbalance, EmiNoise, OverTemperature, StringVoltageDifference
from v2g_bench.faults.emi_noise import noise

HOT = OverTemperature(cell=1, to_c=45.5)
PULSE_S = 0.055  # one poll of 50 ms and a little
QUIET_PCT = 90
LIMIT_C, LIMIT_MV = 45.0, 300.0
BOTH_W = Choice((-3000, 3000))
WATCHED_S, DAMAGED_S = 1.5, 2.0


@pytest.mark.req("SAF-07")
def test_nothing_flows_before_the_bms_is_heard(bench, judge):
    """A controller that has never received a frame of the BMS moves no power for any request."""
    with bench.controller.starting(BmsSilence()), bench.recording(rate_hz=1000, after_s=WATCHED_S) as trace:
        for power_w in (3000, -3000):
            bench.power.insist(power_w, for_s=(WATCHED_S - 0.3) / 2)
        trace.complete()
    judge.never_flows("before the first frame", trace)


@pytest.mark.req("SAF-07")
def test_nothing_flows_from_a_pack_that_is_in_danger_at_the_start(bench, judge, worlds):
    """The very first frames report a hot cell, or strings apart: nothing flows, and the controller reports a trip."""
    danger = next(worlds.few(fault=worlds.any.trip(LIMIT_C, LIMIT_MV))).fault
    with bench.controller.starting(danger), bench.recording(rate_hz=1000, after_s=WATCHED_S) as trace:
        bench.power.insist(-3000, for_s=WATCHED_S - 0.3)
        judge.never_flows("from the first frame on", trace)
        judge.holds("a trip is reported", bench.controller.latches.tripped())


@pytest.mark.req("SAF-13")
def test_two_dangers_at_once_isolate(bench, trials):
    """A hot cell and diverging strings in the same moment: isolated as fast as by one of them."""
    both = (HOT, StringVoltageDifference(to_mv=320))
    for trial in trials:
        with bench.at_power(-3000), bench.recording() as trace, bench.inject(*both, phase_s=trial.phase_s) as fault:
            latency = trace.isolation(after=fault.on_bus)
        trial.judge(latency, below_ms=50)


@pytest.mark.req("SAF-13")
def test_danger_isolates_in_charge_only_mode(bench, trials):
    """V2G is latched off and the pack is being charged: a hot cell, or strings apart, isolate as fast as ever."""
    with bench.inject(CellImbalance()):
        bench.power.settle()
        for trial in trials:
            danger = trial.draw(fault=trials.any.trip(LIMIT_C, LIMIT_MV)).fault
            with (
                bench.power.asking(3000),
                bench.recording() as trace,
                bench.inject(danger, phase_s=trial.phase_s) as fault,
            ):
                latency = trace.isolation(after=fault.on_bus)
            trial.judge(latency, below_ms=50)
            bench.wait_until(lambda: bench.controller.run("reset_trip").status == 0, within_s=2)


@pytest.mark.req("SAF-13")
def test_danger_isolates_under_noise(bench, judge, worlds):
    """A fourth of the frames is lost and V2G is off for it: a danger in a frame that comes isolates as fast as ever."""
    danger = next(worlds.few(fault=worlds.any.trip(LIMIT_C, LIMIT_MV))).fault
    thresholds = bench.controller.dut.thresholds
    with bench.inject(noise(thresholds.packet_loss_pct, 2.5)):
        noticed = bench.wait_until(lambda: bench.controller.log.find("0x0B22"), thresholds.noticed_within_s)
        judge.require(noticed, "the noise is not noticed")
        with bench.power.asking(3000), bench.recording() as trace, bench.inject(danger) as fault:
            judge.latency("time to isolation", trace.isolation(after=fault.on_bus), below_ms=50)


@pytest.mark.req("SAF-13")
def test_danger_isolates_during_a_reload(bench, trials):
    """The limits are being reloaded when a cell gets hot, or strings diverge: isolated as fast as ever."""
    for trial in trials:
        world = trial.draw(fault=trials.any.trip(LIMIT_C, LIMIT_MV), power_w=BOTH_W)
        with bench.at_power(world.power_w), bench.recording(after_s=0.8) as trace:
            reload = lambda: bench.controller.must("reload")  # noqa: E731
            with bench.inject(world.fault, phase_s=trial.phase_s, meanwhile=reload) as fault:
                latency = trace.isolation(after=fault.on_bus)
        trial.judge(latency, below_ms=50)


@pytest.mark.req("SAF-14")
def test_danger_of_one_poll_is_not_missed(bench, trials, judge):
    """A danger of one poll of 50 ms alone, by heat or by strings: isolated, and it stays so when the danger is over."""
    for trial in trials:
        world = trial.draw(fault=trials.any.trip(LIMIT_C, LIMIT_MV), power_w=BOTH_W)
        with bench.at_power(world.power_w), bench.recording(after_s=0.8) as trace:
            with bench.inject(world.fault, phase_s=trial.phase_s) as fault:
                bench.wait_until(lambda: bench.bus.now_s() >= fault.on_bus.time_s + PULSE_S, within_s=1)
            latency = trace.isolation(after=fault.on_bus)
            judge.holds("the trip is still reported", bench.controller.latches.tripped())
        trial.judge(latency, below_ms=50)


@pytest.mark.req("SAF-15")
def test_damaged_data_are_not_believed(bench, judge):
    """Frames with a wrong checksum, too few to be noise: no trip, and the power stays as before, in both directions.

    Half of what is noise when charging, which noise would not end; a fifth when discharging: so few are noise by no chance.
    """
    bench.bus.needs_protected_frames()
    noise_pct = bench.controller.dut.thresholds.packet_loss_pct
    for power_w, share in ((3000, 0.5), (-3000, 0.2)):
        few = EmiNoise(flip_pct=share * noise_pct)
        with bench.at_power(power_w), bench.recording(rate_hz=1000, after_s=DAMAGED_S) as trace:
            with bench.inject(few) as damaged:
                least = trace.least_share(since=damaged.on_bus)
            judge.at_least(f"least current under damaged frames, {power_w:g} W", least, above=QUIET_PCT)
            judge.holds("the controller reports no trip", not bench.controller.latches.tripped())


@pytest.mark.req("SAF-16")
def test_own_commands_are_protected(bench, judge):
    """Each command frame of the controller carries a checksum that fits and the next counter."""
    with bench.at_power(-3000):
        count, wrong = bench.bus.unprotected_commands(over_s=1.5)
    judge.holds("protected frames of the controller were seen", count >= 10, f"{count} frames")
    judge.holds("every checksum and counter is right", not wrong, "; ".join(wrong[:3]))


@pytest.mark.req("SAF-06")
@pytest.mark.parametrize("power_w", [-3000, 3000], ids=["discharging", "charging"])
def test_silent_inverter_stops_the_transfer(bench, judge, power_w):
    """The inverter stops answering: FAULT_INVERTER_OFFLINE in the log, and the current ends within the rig's time."""
    limit_ms = judge.limits.offline_limit_ms
    with bench.at_power(power_w), bench.recording(rate_hz=5000, after_s=limit_ms / 1000 + 0.5) as trace:
        with bench.power.inverter.silent() as since:
            judge.logged(r"FAULT_INVERTER_OFFLINE", within_s=limit_ms / 1000)
            judge.latency("time to isolation", trace.isolation(after=since), below_ms=limit_ms)
