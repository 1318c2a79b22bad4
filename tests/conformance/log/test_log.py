"""The log and the override audit trail: their entries on a fault and on an override, and none without cause."""

import re

import pytest

from v2g_bench.errors import NotTested
from v2g_bench.faults import SocDivergence, ThermalGradient
from v2g_bench.faults.emi_noise import noise

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
    judge.holds("no fault code in it", not found, ", ".join(found))


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
        judge.holds("no other code", not others, ", ".join(others))


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
    """An override of the SoC limits is in the log, with its value."""
    bench.controller.log.mark()
    with bench.controller.command_line.forced_limit("15"):
        judge.logged(r"(?i)force.?limit\b.*\b15\b", within_s=2)


@pytest.mark.req("LOG-04")
def test_audit_record_is_whole(bench, judge):
    """After overrides the record of them verifies."""
    if "audit" not in bench.controller.dut.commands:
        raise NotTested("the rig names no [dut.commands] audit")
    for value in ("15", "90"):
        with bench.controller.command_line.forced_limit(value):
            pass
    reply = bench.controller.run("audit")
    judge.holds("the record is whole", reply.status == 0, reply.out + reply.err)
    judge.holds("it has an entry for each", any(number >= 4 for number in map(int, re.findall(r"\d+", reply.out))))
