"""The latch of a trip or a fallback: it holds until an authorised person releases it, and over a restart as well."""

from contextlib import ExitStack

import pytest

from v2g_bench.faults import BmsSilence, CellImbalance, ImbalanceCode, OverTemperature, StringVoltageDifference

NO_FLOW_S = 1.2
HOT = OverTemperature(cell=1, to_c=45.5)


@pytest.mark.req("SAF-04")
def test_trip_latches_until_an_authorised_reset(bench, judge):
    """A tripped controller moves nothing though the pack is safe again; the reset is refused before, and works after."""
    shown_s = bench.controller.latches.shown_s()
    with bench.at_power(-3000):
        with bench.inject(HOT):
            judge.require(
                bench.wait_until(bench.controller.latches.tripped, 1 + shown_s),
                "no trip is reported",
            )
            bench.power.insist(-3000, for_s=shown_s)
            reply = bench.controller.run("reset_trip")
            judge.holds("the reset is refused while the cell is hot", reply.status != 0, reply.out + reply.err)
        with bench.recording(rate_hz=1000, after_s=NO_FLOW_S) as trace:
            bench.power.insist(-3000, for_s=NO_FLOW_S - 0.3)
            judge.never_flows("with the pack safe again", trace)
        judge.holds("the trip still stands", bench.controller.latches.tripped())
        bench.controller.must("reset_trip")
    with bench.power.asking(-3000):
        judge.flows("discharge after the reset", bench.readings.ac_power(), is_w=-3000)


@pytest.mark.req("SAF-04")
def test_reset_is_refused_while_another_danger_stands(bench, judge):
    """The hot cell that tripped is over, but the strings diverge meanwhile: the reset is refused, the trip remains."""
    shown_s = bench.controller.latches.shown_s()
    with bench.at_power(-3000), ExitStack() as hot:
        hot.enter_context(bench.inject(HOT))
        judge.require(bench.wait_until(bench.controller.latches.tripped, 1 + shown_s), "no trip is reported")
        with bench.inject(StringVoltageDifference(to_mv=320)):
            hot.close()
            bench.power.insist(-3000, for_s=shown_s)
            reply = bench.controller.run("reset_trip")
            judge.holds("the reset is refused while the strings diverge", reply.status != 0, reply.out + reply.err)
            judge.holds("the trip stands", bench.controller.latches.tripped())


@pytest.mark.req("SAF-12")
def test_trip_outlives_another_fault(bench, judge):
    """The pack is safe again after a trip, the BMS falls silent and comes back: the trip still holds."""
    shown_s = bench.controller.latches.shown_s()
    with bench.at_power(-3000):
        with bench.inject(HOT):
            judge.require(
                bench.wait_until(bench.controller.latches.tripped, 1 + shown_s),
                "no trip is reported",
            )
            bench.power.insist(-3000, for_s=shown_s)
        limit_s = judge.limits.silence_limit_ms / 1000
        with bench.inject(BmsSilence()):
            noticed = bench.wait_until(lambda: bench.controller.log.find("ERR_BMS_TIMEOUT"), limit_s + 1.5)
            judge.require(noticed, "the silence is not noticed")
    with bench.recording(rate_hz=1000, after_s=NO_FLOW_S) as trace:
        bench.power.insist(-3000, for_s=NO_FLOW_S - 0.3)
        judge.never_flows("after the silence", trace)
    judge.holds("the trip stands after the silence", bench.controller.latches.tripped())


@pytest.mark.req("SAF-12")
@pytest.mark.parametrize("again", ["restart", "reload"])
def test_trip_outlives(bench, judge, again):
    """Neither a restart nor a reload releases a trip, though the pack is safe meanwhile."""
    shown_s = bench.controller.latches.shown_s()
    with bench.at_power(-3000), bench.inject(HOT):
        judge.require(bench.wait_until(bench.controller.latches.tripped, 1 + shown_s), "no trip is reported")
        bench.power.insist(-3000, for_s=shown_s)
    judge.require(
        not bench.wait_until(lambda: not bench.controller.latches.tripped(), within_s=shown_s),
        "the trip releases itself",
    )
    if again == "restart":
        bench.controller.command_line.restart()
        bench.wait_until(
            lambda: bench.controller.run("set_power", power_w="0").status == 0, bench.controller.dut.ready_s
        )
    else:
        bench.controller.must("reload")
    with bench.recording(rate_hz=1000, after_s=NO_FLOW_S) as trace:
        bench.power.insist(-3000, for_s=NO_FLOW_S - 0.3)
        judge.never_flows(f"after the {again}", trace)
    judge.holds(f"the trip stands after the {again}", bench.controller.latches.tripped())


@pytest.mark.req("SAF-12")
def test_charge_only_outlives_a_restart(bench, judge):
    """A restart does not release the charge-only mode: the pack is not discharged, and it can be charged."""
    shown_s = bench.controller.latches.shown_s()
    with bench.at_power(-3000), bench.inject(CellImbalance()):
        bench.power.settle()
    released = bench.wait_until(lambda: not bench.controller.latches.latched(), within_s=shown_s)
    judge.require(not released, "nothing keeps V2G off")
    bench.controller.command_line.restart()
    with bench.power.asking(2000, within_s=bench.controller.dut.ready_s):
        judge.flows("charging after the restart", bench.readings.ac_power(), is_w=2000)
    with bench.power.asking(-3000), bench.recording(rate_hz=1000, after_s=NO_FLOW_S) as trace:
        judge.never_discharges("after the restart", trace)


@pytest.mark.req("SAF-10")
def test_imbalance_keeps_v2g_off_until_a_balancing_charge(bench, judge):
    """Cells out of balance: no discharge, also when the BMS takes it back; after a charge to 100 % V2G returns."""
    bench.power.pack.nearly_full()
    with bench.at_power(-1000):
        with bench.inject(CellImbalance()):
            bench.power.granted()
            with bench.recording(rate_hz=1000, after_s=NO_FLOW_S) as trace:
                judge.never_discharges("while the BMS reports imbalance", trace)
        with bench.power.asking(-1000), bench.recording(rate_hz=1000, after_s=NO_FLOW_S) as trace:
            judge.never_discharges("before the balancing charge", trace)
    judge.holds("the balancing charge reaches 100 %", bench.power.pack.charge_to_full())
    with bench.power.asking(-3000):
        judge.flows("discharge after the balancing charge", bench.readings.ac_power(), is_w=-3000)


@pytest.mark.req("SAF-17")
def test_trouble_code_alone_keeps_v2g_off(bench, judge):
    """The BMS holds a code for cell imbalance without a flag: it is read in time, and then nothing is discharged."""
    bench.bus.needs("dtc_count")
    with bench.at_power(-3000):
        with bench.inject(ImbalanceCode()):
            none_w = -judge.limits.no_discharge_w
            ended = bench.wait_until(lambda: bench.readings.inverter_power().value > none_w, judge.limits.diagnosis_s)
            judge.holds(f"the discharge ends within {judge.limits.diagnosis_s:g} s", ended)
            with bench.recording(rate_hz=1000, after_s=NO_FLOW_S) as trace:
                bench.power.insist(-3000, for_s=NO_FLOW_S - 0.3)
                judge.never_discharges("while the code is stored", trace)
        with bench.power.asking(-3000), bench.recording(rate_hz=1000, after_s=NO_FLOW_S) as trace:
            judge.never_discharges("before the balancing charge", trace)
