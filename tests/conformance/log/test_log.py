"""The log and the override audit trail: their entries on a fault and on an override, and none without cause."""

import re

import pytest

from v2g_bench.errors import NotTested
from v2g_bench.faults import SocDivergence, ThermalGradient
from v2g_bench.faults.emi_noise import noise
from v2g_bench.rig.dut.told import told

OVERRIDES = ("15", "90", "20", "15")
CODES = r"ERR_BMS_TIMEOUT|FAULT_INVERTER_OFFLINE|0x01A2|0x05F1|0x09BD|0x0B22"

# Just above what the controller is configured to; of the packet loss half as much again, because it comes by chance.
ABOVE = {
    "0x01A2": lambda limits: ThermalGradient(to_k=limits.gradient_k + 1.0),
    "0x09BD": lambda limits: SocDivergence(by_pct=limits.soc_divergence_pct + 1.0),
    "0x0B22": lambda limits: noise(limits.packet_loss_pct, 1.5),
}


@pytest.mark.req("LOG-01")
def test_no_code_without_a_fault(bench, judge):
    """Started, charged and discharged in good health: none of the fault codes is in the log."""
    for power_w in (-3000, 3000):
        with bench.at_power(power_w):
            judge.flows("power", bench.readings.ac_power(), is_w=power_w)
    log = bench.controller.log.since_mark()
    found = sorted(set(re.findall(CODES, log)))
    judge.holds("the log was written", bool(log.strip()))
    judge.not_logged("no fault code in it", found)


@pytest.mark.req("LOG-02")
@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("0x01A2", r"0x01A2.*(?i:High Thermal Gradient)"),
        ("0x09BD", r"0x09BD.*(?i:SoC Divergence)"),
        ("0x0B22", r"0x0B22.*(?i:Signal Noise)"),
    ],
    ids=["0x01A2", "0x09BD", "0x0B22"],
)
def test_code_stands_beside_its_description(bench, judge, fault, line):
    """A little above its threshold: the line with the code describes it in words, and no other code is logged."""
    bench.power.granted()  # until the controller knows the healthy pack
    with bench.inject(ABOVE[fault](bench.controller.dut.thresholds)):
        judge.logged(line, within_s=bench.controller.dut.thresholds.noticed_within_s)
        code = line[:6]
        others = sorted(set(re.findall(CODES, bench.controller.log.since_mark())) - {code})
        judge.not_logged("no other code", others)


@pytest.mark.req("LOG-05")
@pytest.mark.parametrize(
    ("code", "remedies"),
    [
        ("0x01A2", [r"set-power|discharge (power|rate)", r"coolant"]),
        ("0x09BD", [r"100 ?(%|percent)", r"offset"]),
        ("0x0B22", [r"shield", r"120.?ohm|120 Ω|terminat"]),
    ],
    ids=["0x01A2", "0x09BD", "0x0B22"],
)
def test_code_stands_beside_its_corrective_action(bench, judge, code, remedies):
    """The line with the code states what to do about it."""
    bench.power.granted()  # until the controller knows the healthy pack
    with bench.inject(ABOVE[code](bench.controller.dut.thresholds)):
        for remedy in remedies:
            judge.logged(rf"{code}.*(?i:{remedy})", within_s=bench.controller.dut.thresholds.noticed_within_s)


@pytest.mark.req("LOG-03")
def test_override_is_logged(bench, judge):
    """Each of several overrides of the SoC limits is in the log, with its value."""
    for value in OVERRIDES:
        bench.controller.log.mark()
        with bench.controller.command_line.forced_limit(value):
            judge.logged(rf"(?i)force.?limit\b.*\b{value}\b", within_s=2)


@pytest.mark.req("LOG-04")
def test_audit_record_is_whole(bench, judge):
    """With each override the record of them grows, by one entry for it and one for its end at the most; and it verifies."""
    told_by = bench.controller.dut.audit_told
    if "audit" not in bench.controller.dut.commands or not told_by:
        raise NotTested("the rig names no [dut.commands] audit, or not how it tells the number of entries")
    entries = told(bench.controller.run("audit").out, told_by) or 0.0  # it may have no record before the first
    for value in OVERRIDES:
        with bench.controller.command_line.forced_limit(value):
            pass
        reply, before = bench.controller.run("audit"), entries
        judge.holds(f"the record is whole after {value}", reply.status == 0, reply.out + reply.err)
        entries = told(reply.out, told_by)
        grown = None if before is None or entries is None else entries - before
        judge.holds(f"it has an entry for {value}", grown is not None and 1 <= grown <= 2, f"{grown} more: {reply.out}")
