"""A certification whose bench reaches the inverter by Modbus RTU and its maker's registers: the rig `rtu`."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from certify import PROJECT, Run, certify, wait_for

pytestmark = pytest.mark.timeout(300)

SHUTDOWN = "tests/conformance/safety/test_emergency_shutdown.py::test_"
SOME = [f"{SHUTDOWN}hot_cell_isolates[charging]", f"{SHUTDOWN}bms_silence_stops_the_transfer[discharging]"]
MAP = "inverter/nordwerk-pcs30.toml"


def verify(folder):
    done = subprocess.run(
        [sys.executable, "-m", "v2g_bench.commands.main", "verify", str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_it_certifies_and_its_register_map_is_evidence(tmp_path):
    done = certify(tmp_path, "rtu", SOME)
    assert set(done.tested().values()) == {"PASS"}, done.out
    assert (done.folder / MAP).read_bytes() == (PROJECT / "rigs/registers/nordwerk-pcs30.toml").read_bytes()
    message = [json.loads(line) for line in (done.folder / "exchanges.jsonl").read_text().splitlines()]
    assert any("0104" in str(one.values()) for one in message)  # unit 1, input registers: SunSpec has none
    status, words = verify(done.folder)
    assert status == 3, words  # all fits together; nobody has sealed it
    with (done.folder / MAP).open("a") as file:
        file.write("# later\n")
    status, words = verify(done.folder)
    assert status == 1
    assert MAP in words


def test_a_killed_bench_leaves_the_line_to_the_supervisor(tmp_path):
    """A serial line has one master: the supervisor opens it when the bench is gone, and the current is zero in time."""
    run = Run(tmp_path, "rtu", SOME)
    try:
        wait_for("the controller runs", run.controller_runs)
        os.kill(run.process.pid, signal.SIGKILL)  # and not its group: the emulated world lives on for a while
        run.process.wait()
    finally:
        if run.process.poll() is None:
            run.kill()
    wait_for("all that it started has ended", lambda: not run.children())
    records = [json.loads(line) for line in (run.folder() / "supervisor.jsonl").read_text().splitlines()]
    assert "the bench has ended" in records[-1]["why"], records
    assert records[-1]["safe"], records
    assert "inverter: stopped, 0 W" in records[-1]["text"], records
