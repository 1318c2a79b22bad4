"""What comes after a fallback: its cause is over, an operator has released what is latched, and power flows as asked."""

import pytest

from v2g_bench.faults import BmsSilence, EmiNoise, OverCurrent, ThermalGradient
from v2g_bench.faults.emi_noise import above

FAULTS = {
    "bms-silence": lambda limits: BmsSilence(),
    "over-current": lambda limits: OverCurrent(),
    "noise": lambda limits: EmiNoise(loss_pct=above(limits.packet_loss_pct, 2.5)),
}


def released(bench) -> bool:
    """Whether nothing is latched any more; an operator asks for it until the controller agrees."""
    return not bench.controller.latches.latched() or (
        bench.controller.run("reset_trip").status == 0 and not bench.controller.latches.latched()
    )


def flows_again(bench, judge, then) -> None:
    """3 kW of discharge, requested again, within the time that the rig grants a controller after its start.

    then: what is to be seen at that power.
    """
    ready_s = bench.controller.dut.ready_s
    judge.holds("nothing stays latched", bench.wait_until(lambda: released(bench), within_s=ready_s, poll_s=0.1))
    with bench.power.asking(-3000, within_s=ready_s):
        judge.flows("discharge after the fault", bench.readings.ac_power(), is_w=-3000)
        then()


def falls(bench, judge, why: str = "") -> None:
    """The discharge ends in the time that the rig grants. why: it is judged, under this name; else a precondition."""
    none_w, within_s = -judge.limits.no_discharge_w, bench.controller.dut.thresholds.noticed_within_s
    gone = bench.wait_until(lambda: bench.readings.inverter_power().value > none_w, within_s)
    if why:
        judge.holds(why, gone)
    else:
        judge.require(gone, "the fault changes nothing")


@pytest.mark.req("SAF-18")
@pytest.mark.parametrize("fault", FAULTS)
def test_fallback_ends_with_its_cause(bench, judge, fault):
    """The BMS falls silent, flags over-current or is disturbed, and recovers: power flows, and ends when it comes again."""
    cause = FAULTS[fault](bench.controller.dut.thresholds)
    with bench.at_power(-3000), bench.inject(cause):
        falls(bench, judge)

    def comes_again() -> None:
        with bench.inject(cause):
            falls(bench, judge, "the discharge ends when it comes again")

    flows_again(bench, judge, comes_again)


@pytest.mark.req("SAF-18")
def test_derating_ends_with_the_gradient(bench, judge):
    """A thermal gradient is logged and derates, and the pack is even again: power flows, and is derated when it comes again."""
    thresholds = bench.controller.dut.thresholds
    cause = ThermalGradient(to_k=thresholds.gradient_k + 4)
    with bench.at_power(-3000), bench.inject(cause):
        noticed = bench.wait_until(lambda: bench.controller.log.find(r"0x01A2"), thresholds.noticed_within_s)
        judge.require(noticed, "the gradient is not noticed")
        bench.power.settle()

    def comes_again() -> None:
        less_w = 3000 * judge.limits.derated_below_pct / 100
        with bench.inject(cause):
            lower = lambda: abs(bench.readings.inverter_power().value) < less_w  # noqa: E731
            judge.holds("derated when it comes again", bench.wait_until(lower, thresholds.noticed_within_s))

    flows_again(bench, judge, comes_again)


@pytest.mark.req("SAF-18")
def test_an_inverter_that_answers_again_is_used_again(bench, judge):
    """The inverter is silent until the controller has noticed, and answers again: power flows as asked."""
    limit_s = judge.limits.offline_limit_ms / 1000
    with bench.at_power(-3000), bench.power.inverter.silent():
        noticed = bench.wait_until(lambda: bench.controller.log.find(r"FAULT_INVERTER_OFFLINE"), within_s=limit_s)
        judge.require(noticed, "the silence is not noticed")
    flows_again(bench, judge, then=lambda: None)  # again: see `silent_inverter` in every state
