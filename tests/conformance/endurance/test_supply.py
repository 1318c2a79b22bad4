"""The controller's supply fails while a latch holds."""

import pytest

from v2g_bench.faults import CellImbalance, SocDivergence
from v2g_bench.faults.emi_noise import noise

WATCHED_S = 1.5
FAULTS = {
    "trip": lambda limits, worlds: next(worlds.few(fault=worlds.any.trip(above_c=45, above_mv=300))).fault,
    "noise": lambda limits, worlds: noise(limits.packet_loss_pct, 2.5),
    "divergence": lambda limits, worlds: SocDivergence(by_pct=limits.soc_divergence_pct + 3),
    "imbalance": lambda limits, worlds: CellImbalance(),
}


@pytest.mark.req("END-02")
@pytest.mark.parametrize("fault", FAULTS)
def test_latch_outlives_a_loss_of_power(bench, judge, worlds, fault):
    """The supply is switched off and on after the pack is safe again: what was latched is latched."""
    thresholds, none_w = bench.controller.dut.thresholds, -judge.limits.no_discharge_w
    with bench.at_power(-3000), bench.inject(FAULTS[fault](thresholds, worlds)):
        ended = bench.wait_until(lambda: bench.readings.inverter_power().value > none_w, thresholds.noticed_within_s)
        judge.require(ended, "the fault changes nothing")
        bench.power.granted()
    bench.controller.command_line.restart("power_cycle")
    if fault == "trip":
        judge.never_flows("after the loss of power", *bench.power.watch(-3000, 3000, for_s=WATCHED_S))
        judge.holds("the trip stands", bench.controller.latches.tripped())
    else:
        with bench.power.asking(2000, within_s=bench.controller.dut.ready_s):
            judge.flows("charging after the loss of power", bench.readings.ac_power(), is_w=2000)
        judge.never_discharges("after the loss of power", *bench.power.watch(-3000, for_s=WATCHED_S))
