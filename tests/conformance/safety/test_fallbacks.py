"""What the controller falls back to when the battery or its data are not to be trusted: less power, or no discharge."""

import re

import pytest

from v2g_bench.faults import EmiNoise, SocDivergence, ThermalGradient
from v2g_bench.faults.emi_noise import above
from v2g_bench.rig.measuring.bench import RATED_W

NO_DISCHARGE_S, AT_SOC_S, RESET_S = 0.8, 1.0, 2.0
BOTH_W = (-3000, 2000)
SOME_PCT = 5  # a power that is reduced is not stopped
WATCHED_S, UNCHANGED_PCT = 2.5, 90
CODES = r"0x01A2|0x09BD|0x0B22"


@pytest.mark.req("SAF-08")
def test_thermal_gradient_derates(bench, judge, worlds):
    """A pack that is warm in one place, any, and hot nowhere: 0x01A2 in the log, and a lower discharge rate, not none.

    Asked for the same power again, it stays so.
    """
    drawn = worlds.any.gradient(above_k=bench.controller.dut.thresholds.gradient_k)
    drawn["power_w"] = worlds.any.power_w("discharging", most_w=bench.readings.most_ac_w())
    for world in worlds.few(**drawn):
        with bench.at_power(world):
            before = bench.readings.ac_power()
            with bench.inject(world.fault):
                judge.logged(r"0x01A2", within_s=5)
                bench.power.settle()
                after = bench.readings.ac_power()
                judge.at_most("discharge power left", after.share_of(before), below=judge.limits.derated_below_pct)
                judge.at_least("and it is still discharged", after.share_of(before), above=SOME_PCT)
                bench.controller.run("set_power", power_w=f"{world.power_w:.0f}")  # which may be refused
                bench.power.settle()
                again = bench.readings.ac_power().share_of(before)
                judge.at_most("discharge power, asked for again", again, below=judge.limits.derated_below_pct)


def refuses_any_discharge(bench, judge, worlds, when: str) -> None:
    """Whatever power is asked for, the rated one among them, nothing flows out of the pack."""
    for power_w in (-RATED_W, *(world.power_w for world in worlds.few(power_w=worlds.any.power_w("discharging")))):
        with bench.power.asking(power_w), bench.recording(rate_hz=1000, after_s=NO_DISCHARGE_S) as trace:
            judge.never_discharges(f"{when}, {power_w:g} W asked for", trace)


def resets(bench):
    """The resets that do not release a divergence: that of a trip, and that of the offset before it is calibrated."""
    return [lambda: bench.controller.run("reset_trip"), lambda: bench.controller.run("reset_soc_offset")]


@pytest.mark.req("SAF-09")
def test_soc_divergence_blocks_v2g(bench, judge, worlds):
    """SoC reported wrong, at once or by a drift: 0x09BD in the log, then no discharge for any request, also when it is over."""
    wrong = worlds.any.wrong_soc(by_pct=bench.controller.dut.thresholds.soc_divergence_pct + 3)
    with bench.at_power(-3000):
        with bench.inject(next(worlds.few(fault=wrong)).fault):
            judge.logged(r"0x09BD", within_s=10)
            bench.power.granted()
            refuses_any_discharge(bench, judge, worlds, "while the SoC diverges")
        bench.power.settle()  # asked in the same instant, a controller that is about to forget would still refuse
        refuses_any_discharge(bench, judge, worlds, "when it is over")
        watched = bench.power.watch(*BOTH_W, for_s=judge.profile.watch_s, meanwhile=resets(bench))
        judge.never_discharges("before it is calibrated", *watched)


@pytest.mark.req("SAF-09")
def test_calibration_charge_gives_v2g_back(bench, judge, partial_charge):
    """After a charge to 100 %, no less, and the reset of the offset, and only then, the pack is discharged again."""
    bench.power.pack.seconds_below_full(partial_charge.from_pct)
    wrong = SocDivergence(by_pct=-bench.controller.dut.thresholds.soc_divergence_pct - 3)
    with bench.at_power(-1000), bench.inject(wrong):
        judge.logged(r"0x09BD", within_s=10)
    for now_pct in (partial_charge.from_pct, partial_charge.to_pct):
        charged = bench.power.pack.charge_to(now_pct)  # a controller that takes less for complete may end it before
        reply = bench.controller.run("reset_soc_offset")
        name = f"the reset is refused before the calibration charge is complete, at {now_pct:g} %"
        judge.holds(name, reply.status != 0, reply.err or reply.out)
        judge.never_discharges(f"at {now_pct:g} %", *bench.power.watch(-1000, for_s=AT_SOC_S))
        judge.require(charged, "the pack cannot be charged")
    judge.holds("the calibration charge reaches 100 %", bench.power.pack.charge_to_full())
    reply = bench.controller.run("reset_soc_offset")
    judge.holds("the reset is done after the calibration charge", reply.status == 0, reply.err or reply.out)
    with bench.power.asking(-1000):
        judge.flows("discharge after the calibration", bench.readings.ac_power(), is_w=-1000)
        none_w, within_s = -judge.limits.no_discharge_w, bench.controller.dut.thresholds.noticed_within_s
        with bench.inject(wrong):
            ended = bench.wait_until(lambda: bench.readings.inverter_power().value > none_w, within_s)
            judge.holds("a second divergence ends it", ended)


NOISES = {  # by the packet loss that the controller is configured to
    "lost": lambda limit_pct: EmiNoise(loss_pct=above(limit_pct, 2.5)),
    "damaged": lambda limit_pct: EmiNoise(flip_pct=above(limit_pct, 2.5)),
    "bursts": lambda limit_pct: EmiNoise(above(limit_pct, 1.5), above(limit_pct, 1.0), burst_frames=4, jitter_ms=5),
}


@pytest.mark.req("SAF-11")
@pytest.mark.parametrize("kind", NOISES)
def test_emi_leaves_charge_only(bench, judge, worlds, kind):
    """Noise on the CAN line: 0x0B22 in the log, never a discharge afterwards, and charging still works."""
    thresholds = bench.controller.dut.thresholds
    noise = NOISES[kind](thresholds.packet_loss_pct)
    if noise.flip_pct:
        bench.bus.needs_protected_frames()
    with bench.at_power(-3000):
        with bench.inject(noise):
            judge.logged(r"0x0B22", within_s=thresholds.noticed_within_s)
            bench.power.granted()
            if kind == "bursts":
                resets = [lambda: bench.controller.run("reset_trip")] * 2  # it is the noise's as well
                watched = bench.power.watch(-3000, for_s=RESET_S, meanwhile=resets)
                judge.never_discharges("under noise, whatever is reset", *watched)
            else:
                refuses_any_discharge(bench, judge, worlds, "under noise")
        bench.power.settle()  # asked in the same instant, a controller that is about to forget would still refuse
        refuses_any_discharge(bench, judge, worlds, "after the noise")
        if kind == "lost":
            watched = bench.power.watch(*BOTH_W, for_s=judge.profile.watch_s)
            judge.never_discharges("for a long time", *watched)
        with bench.power.asking(2000):
            judge.flows("charging still works", bench.readings.ac_power(), is_w=2000)


BELOW = {
    "gradient": lambda limits: ThermalGradient(to_k=limits.gradient_k - 1.0),
    "divergence": lambda limits: SocDivergence(by_pct=limits.soc_divergence_pct - 1.0),
    "noise": lambda limits: EmiNoise(loss_pct=limits.packet_loss_pct / 4),  # by chance never near the limit in a window
}


@pytest.mark.req("SAF-19")
@pytest.mark.parametrize("fault", BELOW)
def test_no_fallback_below_its_threshold(bench, judge, fault):
    """One step below what counts as a fault: no code, no latch, and the discharge continues as before."""
    below = BELOW[fault](bench.controller.dut.thresholds)
    with bench.at_power(-3000), bench.recording(rate_hz=5000, before_s=0.2, after_s=WATCHED_S) as trace:
        with bench.inject(below) as active:
            judge.at_least("least current", trace.least_share(since=active.on_bus), above=UNCHANGED_PCT)
            found = sorted(set(re.findall(CODES, bench.controller.log.since_mark())))
            judge.not_logged("no code in the log", found)
            judge.holds("nothing is latched", not bench.controller.latches.latched())
