"""A certification on can0 of a real kernel, whose bus fails in the middle of a test: ERROR with its cause, never a verdict."""

import re
import sys
from pathlib import Path

import can
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "certification"))
from certify import Run, rig_file
from slcan_adapter import ip

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path

pytestmark = pytest.mark.timeout(250)

SILENT = "tests/conformance/safety/test_emergency_shutdown.py::test_bms_silence_stops_the_transfer[discharging]"
POWER_W = -2900.0


@pytest.fixture
def commanded():
    """True for a line to the adapter in which the controller commands the test's power."""
    db = BusDatabase.load(dbc_path("compact_classic"), read_roles(roles_path("compact_classic")))

    def commanded(line):
        match = re.fullmatch(rb"(t[0-9A-F]{3}|T[0-9A-F]{8})[0-8]([0-9A-F]*)", line)
        if match is None:
            return False
        data = bytes.fromhex(match[2].decode())
        message = can.Message(arbitration_id=int(match[1][1:], 16), is_extended_id=match[1].startswith(b"T"), data=data)
        return db.decode(message).get("power_setpoint", 0.0) < POWER_W

    return commanded


@pytest.mark.parametrize("how", ["bus-off", "link down"])
def test_a_bus_that_fails_while_power_flows(adapter, commanded, tmp_path, how):
    """The test is the one about silence: a controller that does what it must must not pass because of it."""
    changes = {"bus.main.interface": "socketcan", "bus.main.channel": "can0", "dut.ready_s": 60.0}
    rig = rig_file(tmp_path, changes, base="classic")
    run = Run(tmp_path, rig, [SILENT], "--rig-strict")
    try:
        assert adapter.wait_for(commanded), run.out
        if how == "bus-off":
            adapter.state("b", tx=255)
        else:
            ip("set", "can0", "down")
        done = run.end(100)
    finally:
        if run.process.poll() is None:
            run.kill()
    assert done.status != 0
    assert done.verdict("SAF-05") == "ERROR", done.out
    if how == "bus-off":
        reason = done.reason("SAF-05")
        assert "bus.main (can0)" in reason
        assert "bus-off" in reason
        assert "can0 is bus-off: mend the wiring, then: sudo ip link set can0 down" in reason
    else:  # the emulated world ends with its interface, so the first to be missed may be the inverter
        assert "Network is down" in (done.folder / "plant.log").read_text()
    with can.BLFReader(str(done.folder / "main.blf")) as before:  # the evidence of what came before is kept
        assert sum(not frame.is_error_frame for frame in before) > 20
    assert not run.children()
