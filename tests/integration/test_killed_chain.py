"""SIGKILL in the middle of a run: the prefix of its chain verifies, and whatever is done to it afterwards shows."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from v2g_bench.commands.main import main
from v2g_bench.fixtures.heads import HEADS_FILE
from v2g_bench.reports.model.chain import EVENTS, Head, link, read_chain

pytestmark = [pytest.mark.simulated, pytest.mark.timeout(400)]

PROJECT = Path(__file__).parents[2]
KILLED_AT = 40  # records: in the fourth test or so
BOUND_S = 300.0


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The folder of a run that was killed, and the file in which its heads were published."""
    base = tmp_path_factory.mktemp("killed")
    command = [sys.executable, "-m", "pytest", "--rig=sim", "--seed=1", "--no-qualify", "--trials=2"]
    command += [f"--reports={base}/runs", "tests/conformance/safety/test_emergency_shutdown.py"]
    with (base / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=PROJECT, stdout=log, stderr=subprocess.STDOUT, env=os.environ)
        until_s = time.monotonic() + BOUND_S
        while sum(path.read_bytes().count(b"\n") for path in base.glob(f"runs/*/{EVENTS}")) < KILLED_AT:
            assert process.poll() is None, (base / "log").read_text()
            assert time.monotonic() < until_s, (base / "log").read_text()
            time.sleep(0.005)
        process.kill()
        process.wait()
    (folder,) = [path for path in (base / "runs").iterdir() if path.is_dir()]
    published = base / "runs" / HEADS_FILE
    assert published.read_text().strip() in (base / "log").read_text(), "the terminal has the first head as well"
    return folder, published


@pytest.fixture
def run(killed, tmp_path):
    """A copy that may be changed."""
    return shutil.copytree(killed[0], tmp_path / "run")


def found(capsys, folder, log):
    """The lines of verify that tell what does not fit."""
    assert main(["verify", str(folder), "--heads", str(log)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("NO EVIDENCE")
    return [line for line in lines[1:] if line.split()[0] not in ("checked", "note", "cannot")], lines


def test_the_prefix_verifies_and_nothing_is_certified(killed, capsys):
    wrong, lines = found(capsys, *killed)
    assert [line.split()[:2] for line in wrong] == [["missing", "manifest.json:"], ["1", "things"]]
    told = "\n".join(lines)
    assert " records of events.jsonl, each with the hash of the one before it, up to 20" in told
    assert "checked    1 of 1 published heads against the chain" in told
    assert "the run was killed after record " in told
    assert "it is not complete, and nothing can be certified by it" in told
    assert " latencies recomputed from their waveforms" in told


def test_what_is_changed_afterwards_is_found(killed, run, capsys):
    path, log = run / EVENTS, killed[1]
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    middle = len(lines) // 2
    for changed, shows in (
        (lines[:middle] + lines[middle + 1 :], "some were cut out, put in or moved"),
        (
            [*lines[:middle], lines[middle + 1], lines[middle], *lines[middle + 2 :]],
            "some were cut out, put in or moved",
        ),
        (
            [*lines[:middle], lines[middle].replace(b'"bench_s": ', b'"bench_s": 1'), *lines[middle + 1 :]],
            "one of the two",
        ),
        ([anew(lines)], "is not the one that was published"),
        (lines[:3], "is no head of the chain"),
    ):
        path.write_bytes(b"".join(changed))
        wrong, _ = found(capsys, run, log)
        assert any(line.startswith("chain") and shows in line for line in wrong), wrong
    path.write_bytes(whole)
    (run / "waveforms/0001.npz").unlink()
    wrong, _ = found(capsys, run, log)
    assert any(line.startswith("chain") and "waveforms/0001.npz" in line for line in wrong), wrong


def anew(lines):
    """The same records but for the second, chained as the bench would."""
    content, head = b"", Head()
    for number, record in enumerate(read_chain(b"".join(lines)).records, 1):
        values = {key: value for key, value in record.items() if key not in ("n", "before")}
        line, head = link(head, values | ({"rig": "another"} if number == 2 else {}))
        content += line
    return content
