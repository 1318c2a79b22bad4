"""The wheel alone, in an environment without a checkout: it certifies from an empty folder."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

pytestmark = [pytest.mark.long, pytest.mark.simulated, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[3]
PACKED = ("bench", "fixtures", "reports", "rigs", "dbc", "tests", "pyproject.toml", "README.md", "LICENSE")
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder of the programs of an environment that has the wheel, and the libraries of this one."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    tree.mkdir()
    for name in PACKED:  # a build writes beside what it packs
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tree / name)
    subprocess.run([sys.executable, "-c", BUILD, folder], cwd=tree, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    shutil.rmtree(tree)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
    python = folder / "env/bin/python"
    pip = [sys._base_executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--root-user-action=ignore", wheel], check=True)
    (packages,) = (folder / "env/lib").glob("python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


def run(programs, folder, *words):
    values = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "V2G", "PYTHON"))}
    command = [programs / "python", programs / words[0], *words[1:]]
    return subprocess.run(command, cwd=folder, env=values, capture_output=True, text=True, timeout=300)


def test_one_requirement_from_an_empty_folder(installed, tmp_path):
    # What lies in the folder takes no part: neither a conftest.py nor a module with the name of another one.
    (tmp_path / "conftest.py").write_text("raise SystemExit('a conftest.py of somebody else')")
    (tmp_path / "pytest.py").write_text("raise SystemExit('a module of somebody else')")
    words = ["v2g-bench", "certify", "--rig", "sim", "--seed=1", "--trials=2", "--req", "SAF-01"]
    done = run(installed, tmp_path, *words)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "exit status 1: all that ran is PASS" in done.stdout
    (folder,) = [path for path in (tmp_path / "reports").iterdir() if path.is_dir()]
    assert folder.name.endswith("Z-sim")
    result = json.loads((folder / "results.json").read_text())
    (met,) = [one for one in result["requirements"] if one["tests"] and one["id"] == "SAF-01"]
    assert met["verdict"] == "PASS"
    assert met["tests"][0]["nodeid"].startswith("tests/conformance/safety/test_")
    assert str(installed.parent) in done.stdout.split("rootdir: ")[1].splitlines()[0]
    assert (folder / "report.pdf").is_file()
    done = run(installed, tmp_path, "v2g-bench", "verify", str(folder))
    assert "everything fits" in done.stdout, done.stdout + done.stderr
    developer = run(installed, tmp_path, *words, "--dev")
    assert developer.returncode == 0, developer.stdout + developer.stderr
    assert "DEVELOPER'S RUN" in developer.stdout


def test_what_the_wheel_brings(installed, tmp_path):
    for what, holds in {"nightly": "nightly.sh", "rigs": "sim.toml", "dbc": "v2g_bms_fd.dbc"}.items():
        done = run(installed, tmp_path, "v2g-bench", "files", what)
        assert (Path(done.stdout.strip()) / holds).is_file(), done.stdout + done.stderr
        assert str(installed.parent) in done.stdout
    assert os.access(
        Path(run(installed, tmp_path, "v2g-bench", "files", "nightly").stdout.strip()) / "nightly.sh", os.X_OK
    )
    assert "SAF-01" in run(installed, tmp_path, "v2g-bench", "requirements").stdout
