"""The controller of `fixtures/your-controller.md`, as a reader runs it: copied into a folder, certified for what it claims."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

EXAMPLE = Path(__file__).parents[3] / "fixtures" / "example"


def test_it_is_certified_for_what_it_claims(tmp_path):
    for path in (EXAMPLE / "ems.py", EXAMPLE / "rig.toml"):
        shutil.copy(path, tmp_path)
    words = ["certify", "--rig=rig.toml", "--dev", "--req=SAF-01", "--trials=2", "--seed=1"]
    command = [sys.executable, "-m", "v2g_bench.commands.main", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = [path for path in (tmp_path / "reports").iterdir() if path.is_dir()]
    result = json.loads((folder / "results.json").read_text())
    assert {one["verdict"] for one in result["requirements"] if one["id"] == "SAF-01"} == {"PASS"}
    assert "EMERGENCY: a cell above 45 °C" in (folder / "ems.log").read_text()
