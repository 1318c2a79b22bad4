"""What the controller says, where a test asks it: its status at power, derated, tripped and in charge-only mode.

Whatever else it says is compared with what is seen in every test of the suite; a contradiction there is a result of LOG-06 too.
"""

import pytest

from v2g_bench.faults import CellImbalance, OverTemperature, PackTemperature

POWERS_W = (-3000.0, 2000.0, -4000.0)


def tells(bench, judge, role: str, expected: float, within: float, why: str) -> None:
    """The status command tells this value of the role, as soon as a frame may show it."""
    found = None

    def fits() -> bool:
        nonlocal found
        found = bench.controller.command_line.tells(role)
        return found is not None and abs(found - expected) <= within

    judge.holds(f"status tells {role} {why}", bench.wait_until(fits, bench.controller.latches.shown_s()), f"{found}")


@pytest.mark.req("LOG-06")
def test_status_tells_the_power_that_flows(bench, judge):
    """Discharging, charging and derated: the power in the status command's answer is the one at the terminals."""
    for power_w in POWERS_W:
        with bench.power.asking(power_w, within_s=bench.controller.dut.ready_s):
            meter = bench.readings.ac_power()
            judge.flows(f"power asked for: {power_w:g} W", meter, is_w=power_w)
            tolerance_w = abs(power_w) * judge.limits.power_tolerance_pct / 100 + judge.limits.no_discharge_w
            tells(bench, judge, "power_setpoint", meter.value, tolerance_w, f"at {power_w:g} W")
    with bench.at_power(-bench.power.allowed_w()), bench.inject(PackTemperature(to_c=42.0)):
        bench.power.settle()
        meter = bench.readings.ac_power()
        tolerance_w = abs(meter.value) * judge.limits.power_tolerance_pct / 100 + judge.limits.no_discharge_w
        tells(bench, judge, "power_setpoint", meter.value, tolerance_w, "derated")


@pytest.mark.req("LOG-06")
def test_status_tells_a_trip_and_its_release(bench, judge):
    """No trip, a trip, none after its reset: the status command's answer says so each time."""
    tells(bench, judge, "trip_latched", 0, 0, "before")
    with bench.at_power(-3000), bench.inject(OverTemperature(cell=1, to_c=45.5)):
        bench.power.settle()
        judge.require(abs(bench.readings.inverter_power().value) <= judge.limits.no_discharge_w, "no trip is seen")
        tells(bench, judge, "trip_latched", 1, 0, "after a trip")
        tells(bench, judge, "power_setpoint", 0, judge.limits.no_discharge_w, "after a trip")
    bench.controller.must("reset_trip")
    tells(bench, judge, "trip_latched", 0, 0, "after its reset")


@pytest.mark.req("LOG-06")
def test_status_tells_the_charge_only_mode(bench, judge):
    """V2G open, then latched off by an imbalance: the status command's answer says so."""
    bench.bus.needs("cell_imbalance")
    tells(bench, judge, "charge_only", 0, 0, "before")
    with bench.at_power(-3000), bench.inject(CellImbalance()):
        bench.power.settle()
        judge.require(bench.readings.inverter_power().value >= -judge.limits.no_discharge_w, "the discharge goes on")
        tells(bench, judge, "charge_only", 1, 0, "with V2G latched off")
