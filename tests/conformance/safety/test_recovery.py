"""What comes after a fallback: its cause is over, an operator has released what is latched, and power flows as asked."""

import pytest

from v2g_bench.faults import BmsSilence, EmiNoise, OverCurrent
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


def flows_again(bench, judge) -> None:
    """3 kW of discharge, requested again, within the time that the rig grants a controller after its start."""
    ready_s = bench.controller.dut.ready_s
    judge.holds("nothing stays latched", bench.wait_until(lambda: released(bench), within_s=ready_s, poll_s=0.1))
    with bench.power.asking(-3000, within_s=ready_s):
        judge.flows("discharge after the fault", bench.readings.ac_power(), is_w=-3000)


@pytest.mark.req("SAF-18")
@pytest.mark.parametrize("fault", FAULTS)
def test_fallback_ends_with_its_cause(bench, judge, fault):
    """The BMS falls silent, flags over-current or is disturbed, and recovers: power flows as requested."""
    thresholds = bench.controller.dut.thresholds
    with bench.at_power(-3000), bench.inject(FAULTS[fault](thresholds)):
        none_w = -judge.limits.no_discharge_w
        gone = bench.wait_until(lambda: bench.readings.inverter_power().value > none_w, thresholds.noticed_within_s)
        judge.require(gone, "the fault changes nothing")
    flows_again(bench, judge)


@pytest.mark.req("SAF-18")
def test_an_inverter_that_answers_again_is_used_again(bench, judge):
    """The inverter is silent until the controller has noticed, and answers again: power flows as asked."""
    limit_s = judge.limits.offline_limit_ms / 1000
    with bench.at_power(-3000), bench.power.silent_inverter():
        noticed = bench.wait_until(lambda: bench.controller.log.find(r"FAULT_INVERTER_OFFLINE"), within_s=limit_s)
        judge.require(noticed, "the silence is not noticed")
    flows_again(bench, judge)
