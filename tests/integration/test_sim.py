"""`pytest --rig=sim` as a user starts it: the same bytes each time, and never taken for more; broken
controllers are in certification/."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from v2g_bench.reports.model.verdicts import worst
from v2g_bench.rig.file.load import load_rig
from v2g_bench.sim.digest import digest, joined

pytestmark = pytest.mark.simulated

PROJECT = Path(__file__).parents[2]
SOME = "hot_cell_isolates and charging or diverging and discharging or gradient or bursts"
BOUND_S = 300


def certify(reports, *options, rig="sim", hash_seed="0"):
    """Exit status and run folder of one run in a process of its own."""
    command = [sys.executable, "-m", "pytest", f"--rig={rig}", f"--reports={reports}", "-q", *options]
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=BOUND_S,
    )
    folders = sorted(path for path in reports.glob("*") if path.is_dir())
    assert len(folders) == 1, done.stdout + done.stderr
    return done.returncode, folders[0]


def verdicts(folder):
    """Requirement -> worst verdict of its tests, of those that were tested."""
    results = json.loads((folder / "results.json").read_text("utf-8"))
    return {
        one["id"]: worst(test["verdict"] for test in one["tests"]) for one in results["requirements"] if one["tests"]
    }


def broken_rig(folder, core):
    path = folder / "broken.toml"
    command = json.dumps(["v2g-daemon", "--config", "{config}", "--core", core])
    path.write_text(load_rig("sim").text + f"command = {command}\n", "utf-8")
    return path


@pytest.mark.long  # .ci/run compares two whole runs
@pytest.mark.timeout(2 * BOUND_S)
def test_two_runs_are_the_same_bytes(tmp_path):
    """Also with another hash seed; another seed of the run is another run."""
    options = ("--trials=2", "-k", SOME)
    one = certify(tmp_path / "one", "--seed=7", *options, hash_seed="1")
    two = certify(tmp_path / "two", "--seed=7", *options, hash_seed="2")
    other = certify(tmp_path / "other", "--seed=8", *options)
    assert digest(one[1]) == digest(two[1])
    assert joined(digest(one[1])) != joined(digest(other[1]))
    assert set(verdicts(one[1]).values()) == {"PASS"}


@pytest.mark.timeout(BOUND_S)
def test_it_says_that_it_is_a_simulation(tmp_path):
    _, folder = certify(tmp_path / "run", "--trials=1", "-k", "hot_cell_isolates and discharging")
    results = json.loads((folder / "results.json").read_text("utf-8"))
    assert (results["evidence"], results["clock"]) == ("simulated", "virtual")
    assert any(mark.startswith("simulated: virtual clock") for mark in results["marks"])
    assert "NOT CERTIFIED" in (folder / "report.html").read_text("utf-8")


@pytest.mark.timeout(BOUND_S)
def test_a_controller_that_crashes_is_an_error_and_never_a_pass(tmp_path):
    core = tmp_path / "crashing.py"
    core.write_text(
        "from v2g_bench.ems.core.controller import Ems\n"
        "class Crashing(Ems):\n"
        "    def on_frame(self, frame, now_s):\n"
        "        if frame.values.get('cell_temperature_max', 0) > 45:\n"
        "            raise RuntimeError('too hot')\n"
        "        return super().on_frame(frame, now_s)\n",
        "utf-8",
    )
    rig = broken_rig(tmp_path, f"{core}:Crashing")
    options = ("--trials=1", "-k", "hot_cell_isolates and discharging")
    status, folder = certify(tmp_path / "run", *options, rig=rig)
    assert status == 1
    assert verdicts(folder)["SAF-01"] == "ERROR"
