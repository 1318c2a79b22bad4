"""A real run on the virtual rig, and everything that may be done with its folder afterwards."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from v2g_bench.commands.main import main
from v2g_bench.reports.sign.keys import fingerprint, new_key, open_signer
from v2g_bench.reports.verify.run_folder import rebuild, verify

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """The folder of one sealed run of one test with two trials, and the bench's key."""
    base = tmp_path_factory.mktemp("reports")
    new_key(base / "bench.pem", "Bench 3")
    command = [sys.executable, "-m", "pytest", "--rig=virtual", "--no-qualify", "--trials=2", "-q", "-p", "no:randomly"]
    command += [
        "--seed=7",
        f"--reports={base}/runs",
        f"--seal-key={base}/bench.pem",
        "-k",
        "test_hot_cell_isolates and charging and not discharging",
    ]
    environment = {name: value for name, value in os.environ.items() if name != "V2G_BENCH_KEY"}
    done = subprocess.run(
        [*command, "tests/conformance"], cwd=ROOT, capture_output=True, text=True, timeout=300, env=environment
    )
    folders = list((base / "runs").glob("*-virtual"))
    assert len(folders) == 1, done.stdout + done.stderr
    assert list((folders[0] / "waveforms").glob("*.npz")), done.stdout + done.stderr
    assert (folders[0] / "seal.json").is_file(), done.stdout + done.stderr
    return folders[0], base / "bench.pem"


@pytest.fixture
def run(sealed, tmp_path):
    """A copy that may be changed."""
    shutil.copytree(sealed[0], tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.timeout(400)
def test_a_real_run_verifies_to_the_last_verdict(sealed, capsys):
    folder, key = sealed
    assert main(["verify", str(folder), "--trust", str(key)]) == 0, capsys.readouterr().out
    reported = capsys.readouterr().out
    latencies = len(list((folder / "waveforms").glob("*.npz")))
    assert f"checked    {latencies} latencies recomputed" in reported
    assert f"checked    {latencies} t0 found in the capture" in reported
    assert "sealed by Bench 3" in reported


@pytest.mark.simulated
@pytest.mark.timeout(400)
def test_one_flipped_byte_in_any_file_is_found(run, sealed):
    """In each file beside the report, and in the first and last of each folder, whose files are alike."""
    trusted = sealed[1].read_bytes()
    folders = [run, *sorted(path for path in run.rglob("*") if path.is_dir())]
    files = [sorted(path for path in folder.iterdir() if path.is_file()) for folder in folders]
    for path in [*files[0], *{path for alike in files[1:] for path in (*alike[:1], *alike[-1:])}]:
        whole = path.read_bytes()
        changed = bytearray(whole or b"\x00")
        changed[len(changed) // 2] ^= 0x20
        path.write_bytes(bytes(changed))
        result = verify(run, trusted)
        assert not result.ok, path
        path.write_bytes(whole)
    assert verify(run, trusted).ok


@pytest.mark.timeout(400)
def test_the_report_of_a_real_run_is_rebuilt_byte_for_byte(run):
    (run / "report.html").unlink()
    (run / "seal.json").unlink()
    before = (run / "junit.xml").read_bytes()
    assert rebuild(run) == {
        "results.json": "as it was",
        "junit.xml": "as it was",
        "report.html": "written",
        "report.pdf": "signed",
    }
    assert (run / "junit.xml").read_bytes() == before


@pytest.mark.timeout(400)
def test_an_emulated_run_is_not_issued(run, sealed, tmp_path, capsys):
    """Though a key on the laboratory's list has sealed it at its time."""
    key = str(sealed[1])
    known, listed = fingerprint(open_signer(key).certificate), tmp_path / "laboratory.toml"
    listed.write_text(f'[[key]]\nname = "Bench 3"\nfingerprint = "{known}"\nsince = 2020-01-01\nuntil = 2099-12-31\n')
    command = ["issue", str(run), "--report-number", "L-1", "--signer", key, "--key", key, "--laboratory", str(listed)]
    assert main(command) == 2
    assert "its evidence is emulated" in capsys.readouterr().err


@pytest.mark.timeout(400)
def test_the_history_of_real_runs(sealed, capsys):
    assert main(["history", "--reports", str(sealed[0].parent), "--rig", "virtual"]) == 0
    reported = capsys.readouterr().out
    assert "SAF-01" in reported
    assert "limit <= 50" in reported
