"""A controller that is not ours: written in C, sharing no code with the bench, certified for what it claims."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from certify import PROJECT, certify, latency, rig_file

from v2g_bench.can.buses import socketcan_problem

pytestmark = pytest.mark.timeout(300)

SOURCE = PROJECT / "tests" / "foreign" / "ems.c"
SAFETY = "tests/conformance/safety"
HOT = f"{SAFETY}/test_emergency_shutdown.py::test_hot_cell_isolates"


def compiled(folder: Path, *defines: str) -> str:
    """The program, built here; skips where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler: apt-get install gcc")
    program = folder / "ems"
    flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O2", *defines]
    subprocess.run([compiler, *flags, "-o", program, SOURCE], check=True)
    return str(program)


def foreign(program: str) -> dict[str, object]:
    """[dut] of the rig file."""
    return {
        "dut.name": "C-EMS",
        "dut.command": [
            *(program, "run", "{interface}", "{channel}", "{inverter_host}", "{inverter_port}"),
            *("{folder}/c-ems.log", "{socket}"),
        ],
        "dut.log": "{folder}/c-ems.log",
        "dut.commands.set_power": [program, "ctl", "{socket}", "set", "{power_w}"],
        "dut.commands.status": [program, "ctl", "{socket}", "status"],
        "dut.commands.reset_trip": [program, "ctl", "{socket}", "reset"],
        "dut.claims": ["SAF-01"],
    }


def test_it_is_certified_for_what_it_claims_and_nothing_else(tmp_path):
    rig = rig_file(tmp_path, foreign(compiled(tmp_path)))
    done = certify(tmp_path, rig, [SAFETY])
    assert done.run is not None, done.out
    verdicts = {one.id: one.verdict for one in done.run.requirements}
    assert verdicts.pop("SAF-01") == "PASS", done.out
    assert set(verdicts.values()) == {"NOT APPLICABLE"}
    assert len(verdicts) >= 6
    for test in done.requirement("SAF-01").tests:
        measured = latency(test)
        assert 1 < measured.value < 50
    assert done.requirement("SAF-02").not_applicable_reason == '[dut] claims = ["SAF-01"]'
    assert (done.run.controller.name, done.run.controller.version) == ("C-EMS", "0.1")
    assert done.status == 0, done.out
    assert "EMERGENCY: a cell above 45 degC" in (done.folder / "c-ems.log").read_text()


def test_it_is_certified_on_real_socketcan(tmp_path):
    """In the user-mode kernel: v2g-bench kernel -- pytest tests/integration/certification/test_foreign_controller.py"""
    if (problem := socketcan_problem("vcan0")) is not None:
        pytest.skip(f"no vcan0 here: {problem.splitlines()[0]}")
    rig = rig_file(tmp_path, foreign(compiled(tmp_path)), base="vcan0")
    done = certify(tmp_path, rig, [HOT], "--rig-strict")
    assert done.tested() == {"SAF-01": "PASS"}, done.out
    assert "ems ready on vcan0" in (done.folder / "c-ems.log").read_text()


def test_one_that_trips_too_late_fails(tmp_path):
    rig = rig_file(tmp_path, foreign(compiled(tmp_path, "-DHESITATES_MS=60")))
    done = certify(tmp_path, rig, [f"{HOT}[discharging]"])
    assert done.verdict("SAF-01") == "FAIL", done.out
    assert latency(done.requirement("SAF-01").tests[0]).value > 60


def test_one_that_runs_by_itself_is_started_and_stopped_by_its_own_commands(tmp_path):
    dut = foreign(compiled(tmp_path))
    begin = '"$@" >/dev/null 2>&1 & echo $! > "$0"'
    dut |= {
        "dut.kind": "external",
        "dut.commands.start": ["sh", "-c", begin, "{folder}/c-ems.pid", *dut["dut.command"]],
        "dut.commands.stop": [
            "sh",
            "-c",
            'kill $(cat "$0"); while kill -0 $(cat "$0"); do sleep 0.01; done',
            "{folder}/c-ems.pid",
        ],
        "dut.command": None,
    }
    done = certify(tmp_path, rig_file(tmp_path, dut), [f"{HOT}[charging]"])
    assert done.verdict("SAF-01") == "NOT TESTED", done.out  # two of its three tests were left out
    assert [test.verdict for test in done.requirement("SAF-01").tests] == ["PASS"], done.out
    assert done.run.controller.kind == "external"
    log = (done.folder / "c-ems.log").read_text()
    assert log.count("ems ready") == log.count("ems ended") >= 2


def test_one_on_another_machine_is_certified_by_ssh(tmp_path, sshd):
    dut = foreign(compiled(tmp_path))
    dut |= {
        "dut.kind": "ssh",
        "dut.host": sshd.host,
        "dut.ssh_options": sshd.options,
        "dut.log": str(tmp_path / "far.log"),
        "dut.command": [str(tmp_path / "far.log") if "c-ems.log" in word else word for word in dut["dut.command"]],
    }
    done = certify(tmp_path, rig_file(tmp_path, dut), [f"{HOT}[charging]"])
    assert [test.verdict for test in done.requirement("SAF-01").tests] == ["PASS"], done.out
    assert (done.run.controller.kind, done.run.controller.version) == ("ssh", "0.1")
    assert "EMERGENCY: a cell above 45 degC" in (done.folder / "dut.log").read_text()  # the copy is in the evidence
