"""One rig, one user: the second run is told who holds what, touches nothing, and takes over what nobody holds any more."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from certify import PROJECT, certify, rig_file

from v2g_bench.rig.lock import FOLDER, take

pytestmark = pytest.mark.timeout(120)

HOT = "tests/conformance/safety/test_emergency_shutdown.py::test_hot_cell_isolates[discharging-3kW]"
METER = "TCPIP::127.0.0.1::1::SOCKET"  # nothing is there
RESOURCE = f"VISA {METER}"


@pytest.fixture
def shared_rig(tmp_path):
    return rig_file(tmp_path, {"meters.ac_power.resource": METER})


def test_a_second_run_is_told_who_holds_it_and_writes_nothing(tmp_path, shared_rig):
    holding, _ = take([RESOURCE], "bench-3", os.getpid(), tmp_path / "locks")
    done = certify(tmp_path, shared_rig, [HOT], env={FOLDER: str(tmp_path / "locks")})
    assert done.status == pytest.ExitCode.USAGE_ERROR
    assert f"{RESOURCE}: is in use, held by " in done.out
    assert f"(process {os.getpid()}, rig bench-3) since 2" in done.out
    assert not done.reports.exists()
    holding.release()


def test_check_says_who_holds_it_and_touches_no_instrument(tmp_path, shared_rig):
    take([RESOURCE], "bench-3", os.getpid(), tmp_path / "locks")
    told = subprocess.run(
        [sys.executable, "-m", "v2g_bench.cli", "check", f"--rig={shared_rig}"],
        cwd=PROJECT,
        env=os.environ | {FOLDER: str(tmp_path / "locks")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.returncode == 1
    lines = told.stdout.splitlines()
    assert any(line.startswith("SICK supervisor") and "is in use, held by" in line for line in lines), told.stdout
    assert any(line.startswith("SICK meters.ac_power") and "not tried" in line for line in lines), told.stdout


def test_what_nobody_holds_any_more_is_taken_over_with_a_note_and_given_back(tmp_path, shared_rig):
    take([RESOURCE], "bench-3", os.getpid(), tmp_path / "locks")
    (path,) = (tmp_path / "locks").glob("*.json")
    gone = {"pid": 1, "started": 1}  # another process has that number
    path.write_text(json.dumps(json.loads(path.read_text()) | {"process": gone, "keeper": gone}))
    done = certify(tmp_path, shared_rig, [HOT], env={FOLDER: str(tmp_path / "locks")})
    assert f"took over {RESOURCE}, held by " in " ".join(done.out.split()), done.out
    assert done.run is not None
    assert any("took over" in mark for mark in done.run.marks)
    assert "no answer from TCPIP" in done.out  # it went on, to the instrument that is not there
    assert not path.exists()
