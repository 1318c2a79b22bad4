"""The plugin breaks what it was told to break, in one test, and nothing afterwards. Seen through one run each."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from v2g_bench.qualification.defects.plugin import SEEDED

PROJECT = Path(__file__).parents[4]
HOT = "hot_cell_isolates and discharging-3kW"


def certify(folder, seeded):
    command = [sys.executable, "-m", "pytest", "--rig=sim", "--trials=1", "--seed=1", "-q", f"--reports={folder}"]
    command += ["-p", "v2g_bench.qualification.defects.plugin", "-p", "no:cacheprovider", "-k", HOT]
    env = os.environ | {SEEDED: json.dumps(seeded)}
    subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, timeout=100)
    (results,) = folder.glob("*/results.json")
    tests = [test for one in json.loads(results.read_text("utf-8"))["requirements"] for test in one["tests"]]
    return tests[0]["verdict"], tests[0]["reason"]


@pytest.mark.parametrize(
    ("seeded", "verdict", "reason"),
    [
        ({}, "PASS", ""),
        ({"bench": "nothing_injected"}, "ERROR", "not seen on the bus"),
        ({"parts": [["meters.dc_current", {"stuck": True}, "start"]]}, "ERROR", "the reading is stuck"),
    ],
    ids=["nothing", "bench", "part"],
)
def test_what_was_named_is_broken(tmp_path, seeded, verdict, reason):
    found = certify(tmp_path, seeded)
    assert found[0] == verdict
    assert reason in found[1]
