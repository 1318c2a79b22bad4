"""`v2g-bench qualify --defects` as a user starts it, on the simulation: a controller, a part and the bench itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.simulated

PROJECT = Path(__file__).parents[2]
BOUND_S = 1200


def qualify(state, *words):
    command = [sys.executable, "-m", "v2g_bench.commands.main", "qualify", "--rig=sim", "--defects", *words]
    return subprocess.run(
        command,
        cwd=PROJECT,
        env=os.environ | {"XDG_STATE_HOME": str(state)},
        capture_output=True,
        text=True,
        timeout=BOUND_S,
    )


@pytest.mark.long
@pytest.mark.timeout(BOUND_S)
def test_each_is_found_by_its_check_and_the_unbroken_controller_passes(tmp_path):
    done = qualify(
        tmp_path,
        *("--only", "six frames", "--only", "strings in 49 ms", "--only", "trip not logged", "--only", "meter stuck"),
        *("--only", "nothing injected", "--only", "a waveform edited"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = (tmp_path / "v2g-bench" / "qualification").glob("defects-sim.json")
    result = json.loads(path.read_text("utf-8"))
    assert {one["name"]: one["outcome"] for one in result["defects"]} == {
        "control: certification": "passed",
        "control: campaign shutdown": "passed",
        "six frames wanted": "killed",
        "strings in 49 ms": "passed",
        "trip not logged": "killed",
        "meter stuck": "killed",
        "nothing injected": "killed",
        "a waveform edited afterwards": "killed",
    }
    assert (result["verdict"], result["survivors"]) == ("PASS", [])
    assert "X found by its check" in done.stdout


@pytest.mark.timeout(BOUND_S)
def test_a_suite_that_does_not_look_has_survivors(tmp_path):
    """The same defect against a suite whose test judges something else: a hole, by name, and status 1."""
    suite = tmp_path / "suite"
    (suite / "requirements").mkdir(parents=True)
    wanted = PROJECT / "tests" / "conformance" / "safety" / "requirements" / "SAF-01.md"
    (suite / "requirements" / "SAF-01.md").write_text(wanted.read_text("utf-8"), "utf-8")
    (suite / "test_blind.py").write_text(
        "import pytest\n"
        '@pytest.mark.req("SAF-01")\n'
        '@pytest.mark.parametrize("power_w", [-3000], ids=["discharging"])\n'
        "def test_hot_cell_isolates(bench, open_rig, judge, power_w):\n"
        '    """Sees nothing."""\n'
        '    judge.holds("the controller runs", open_rig.dut.controller.alive())\n',
        "utf-8",
    )
    done = qualify(tmp_path, "--only", "hot cell in 70 ms", "--suite", str(suite))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "survivors: hot cell in 70 ms" in done.stdout
