"""Certification through the gateway: a BMS on one channel, the controller on the other, every fault injected between."""

import os
import signal
import sys
from pathlib import Path

import can
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from certify import Run, certify, wait_for

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.e2e import check
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.rig.measuring.anything import WARM_C

pytestmark = pytest.mark.timeout(400)

SHUTDOWN = "tests/conformance/safety/test_emergency_shutdown.py::test_"
FALLBACK = "tests/conformance/safety/test_fallbacks.py::test_"
HOT = f"{SHUTDOWN}hot_cell_isolates[discharging]"
THROUGH = [
    HOT,
    f"{SHUTDOWN}diverging_strings_isolate[charging]",
    f"{FALLBACK}emi_leaves_charge_only[lost]",
]  # a sensor's value, a role of the database, frames that are lost; .ci/long runs the whole suite through it


def highest(path, role):
    """The highest value of a role in a capture; damaged frames do not count."""
    db = BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))
    spec = db.message_of(role)
    with can.BLFReader(path) as reader:
        return max(
            db.decode(message)[role]
            for message in reader
            if message.arbitration_id == spec.frame_id and check(bytes(message.data[: spec.length]), spec.e2e.data_id)
        )


def test_the_same_tests_certify_through_the_gateway(tmp_path):
    done = certify(tmp_path, "gateway", THROUGH)
    assert done.tested() == dict.fromkeys(("SAF-01", "SAF-02", "SAF-11"), "PASS"), done.out
    # The BMS itself never said any of it: the faults were made on the way, and t0 is of the controller's channel.
    assert highest(done.folder / "bms.blf", "cell_temperature_max") < WARM_C + 1.0
    assert highest(done.folder / "main.blf", "cell_temperature_max") > 45.0
    assert highest(done.folder / "bms.blf", "string_voltage_difference") < 0.1
    assert highest(done.folder / "main.blf", "string_voltage_difference") > 0.3


def test_a_gateway_that_dies_judges_nobody(tmp_path):
    """Its death is a silent BMS to the controller, which does what it must: no verdict may come of that."""
    run = Run(tmp_path, "gateway", [HOT, f"{SHUTDOWN}bms_silence_stops_the_transfer[discharging]"])
    try:
        gateway = wait_for(
            "the gateway runs",
            lambda: next((pid for pid, words in run.children().items() if "gateway.process" in words), None),
        )
        wait_for("the controller runs", run.controller_runs)
        os.kill(gateway, signal.SIGKILL)
        done = run.end()
    finally:
        if run.process.poll() is None:
            run.kill()
    assert done.status != 0
    assert "gateway" in done.out
    assert done.run is None or set(done.tested().values()) == {"ERROR"}
    assert not run.children()
