"""What only a bus with physics can show: interference on the wires, error confinement, and a full bus."""

import math

import pytest

from v2g_bench.faults import (
    BabblingNode,
    MissingTerminator,
    OverTemperature,
    SickTransceiver,
    SwitchingNoise,
    WireBitErrors,
)

NO_DISCHARGE_S = 3.0
LEVEL_S = 3.0
LEVELS = [1e-5, 1e-4, 3e-4, 6e-4, 1e-3, 1.5e-3, 2e-3, 3e-3, 5e-3]  # bit error rates
FALLEN = r"0x0B22|ERR_BMS_TIMEOUT"

pytestmark = pytest.mark.usefixtures("wire")


@pytest.mark.req("EMC-01")
def test_rising_emi_leaves_charge_only(wire, bench, judge):
    """Bit errors on the wire, more and more: discharge while frames come through, charge-only before too many are lost."""
    limit_pct = bench.controller.dut.thresholds.packet_loss_pct
    curve, found = ["bit_error_rate,destroyed_per_s,bms_lost_pct,load_pct,bms_tec,bms_restarts,fallback"], []
    with bench.at_power(-3000):
        for rate in LEVELS:
            with bench.inject(WireBitErrors(rate)):
                before, from_s = bench.bus.wire(), bench.bus.now_s()
                bench.wait_until(lambda from_s=from_s: bench.bus.now_s() >= from_s + LEVEL_S, LEVEL_S + 1)
                after, to_s = bench.bus.wire(), bench.bus.now_s()
                fallen = bool(bench.controller.log.find(FALLEN))
                lost_pct = bench.bus.traffic(from_s, to_s).lost_pct()
            destroyed = (after["destroyed"] - before["destroyed"]) / (to_s - from_s)
            bms = after["nodes"]["bms"]
            found.append((rate, lost_pct, destroyed, fallen))
            curve.append(
                f"{rate:g},{destroyed:.1f},{lost_pct:.2f},{after['load_pct']:.1f},{bms['tec']},{bms['restarts']},{fallen:d}"
            )
            if fallen:
                break
        judge.kept("fallback_curve.csv", "\n".join(curve) + "\n")
        level = next((rate for rate, _, _, fallen in found if fallen), math.nan)
        shown = ", ".join(f"{rate:g}: {lost_pct:.1f} %" for rate, lost_pct, _, _ in found)
        message = f"at a bit error rate of {level:g}; BMS frames lost at {shown}"
        judge.holds("the fallback comes", level == level, message)
        through = [rate for rate, lost_pct, destroyed, fallen in found if destroyed > 1 and lost_pct < 1 and not fallen]
        judge.holds(
            "V2G goes on while the wire repairs what noise destroys", bool(through), f"up to {max(through or [0]):g}"
        )
        late = [rate for rate, lost_pct, _, fallen in found if lost_pct > 1.5 * limit_pct and not fallen]
        judge.holds(
            f"no level with more than {1.5 * limit_pct:g} % lost without the fallback", not late, f"{late or ''}"
        )
    with bench.power.asking(-3000), bench.recording(rate_hz=1000, after_s=NO_DISCHARGE_S) as trace:
        judge.never_discharges("after the noise", trace)
    if not bench.controller.latches.tripped():
        with bench.power.asking(2000):
            judge.power("charging still works", bench.readings.ac_power(), is_w=2000)


@pytest.mark.req("EMC-02")
def test_bus_off_of_the_bms_stops_the_transfer(wire, bench, trials, judge):
    """The BMS's transceiver destroys its own frames until it is bus off: the current ends within the rig's time."""
    limit_ms = judge.limits.silence_limit_ms
    for trial in trials:
        with bench.at_power(-3000), bench.recording(after_s=0.3 + limit_ms / 1000) as trace:
            with bench.inject(SickTransceiver(), phase_s=trial.phase_s) as fault:
                latency = trace.isolation(after=fault.on_bus)
                judge.logged(r"ERR_BMS_TIMEOUT", within_s=2)
                sick = bench.bus.wire()["nodes"]["bms"]
        trial.judge(latency, below_ms=limit_ms)
        judge.holds("the BMS has been bus off", sick["state"] == "off" or sick["restarts"] > 0, f"{sick}")
    sound = bench.wait_until(lambda: bench.bus.wire()["nodes"]["bms"]["state"] == "active", 2)
    judge.holds(
        "the BMS is error-active again after 128 times 11 recessive bits", sound, f"{bench.bus.wire()['nodes']['bms']}"
    )
    with bench.at_power(-3000):
        judge.power("discharge after the recovery and a reset", bench.readings.ac_power(), is_w=-3000)


@pytest.mark.req("EMC-03")
def test_babbling_node_stops_the_transfer(wire, bench, trials, judge):
    """A node that sends identifier 0 without a pause: no other node gets through, and the current ends in time."""
    limit_ms = judge.limits.silence_limit_ms
    for trial in trials:
        with bench.at_power(-3000), bench.recording(after_s=0.4 + limit_ms / 1000) as trace:
            with bench.inject(BabblingNode(), phase_s=trial.phase_s) as fault:
                latency = trace.isolation(after=fault.on_bus)
                judge.logged(r"ERR_BMS_TIMEOUT", within_s=2)
        trial.judge(latency, below_ms=limit_ms)


@pytest.mark.req("EMC-04")
def test_a_missing_terminator_and_the_corrective_action(wire, bench, judge):
    """Bridge noise that a good line tolerates; without one 120-ohm resistor V2G ends, with it installed again it is back."""
    with bench.at_power(-3000), bench.inject(SwitchingNoise(volts=0.6)):
        bench.power.settle()
        judge.power("discharge under noise on a sound line", bench.readings.ac_power(), is_w=-3000)
        with bench.inject(MissingTerminator(missing=1, length_m=wire.cable_m)):
            judge.logged(FALLEN, within_s=10)
            bench.power.settle()
            with bench.power.asking(-3000), bench.recording(rate_hz=1000, after_s=NO_DISCHARGE_S) as trace:
                judge.never_discharges("without the terminator", trace)
        with bench.at_power(-3000):
            judge.power("discharge with the terminator back, after a reset", bench.readings.ac_power(), is_w=-3000)


@pytest.mark.req("EMC-05")
@pytest.mark.parametrize("frame_id", [0x001, 0x7FF], ids=["before-all", "after-all"])
def test_shutdown_on_a_full_bus(wire, bench, trials, judge, frame_id):
    """95 % load, of higher or of lower priority than the BMS: a hot cell still isolates inside 50 ms."""
    for trial in trials:
        with bench.inject(BabblingNode(load_pct=88, frame_id=frame_id, length=64)):
            with bench.at_power(-3000), bench.recording() as trace:
                with bench.inject(OverTemperature(cell=1, to_c=45.5), phase_s=trial.phase_s) as fault:
                    latency = trace.isolation(after=fault.on_bus)
                    load_pct = bench.bus.wire()["load_pct"]
        trial.judge(latency, below_ms=50)
        judge.holds("the bus is loaded to at least 95 %", load_pct >= 95, f"{load_pct:.1f} %")
