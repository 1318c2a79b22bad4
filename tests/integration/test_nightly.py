"""The example of a nightly run: its order, what it tells whom, and how it ends. Once with the real programs, simulated."""

import configparser
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.simulated

ROOT = Path(__file__).parents[2]
ROOM = ROOT / "rigs/nightly"
FAKE = """#!{python}
import json, os, pathlib, sys
words = sys.argv[1:]
name = words[0]
with open(os.environ["CALLS"], "a") as file:
    file.write(json.dumps([name, *words]) + "\\n")
told = json.loads(os.environ["TOLD"]).get(name, [0, ""])
if name == "certify" and told[0] < 2:
    reports = next(word.partition("=")[2] for word in words if word.startswith("--reports="))
    run = pathlib.Path(reports) / "2026-11-23T01-00-00-bench-3"
    run.mkdir(parents=True, exist_ok=True)
    (run / "results.json").write_text(json.dumps({{"rig": "bench-3"}}))
if name == "bundle" and told[0] == 0:
    pathlib.Path(words[words.index("--out") + 1]).write_text("bundle")
print(told[1])
sys.exit(told[0])
"""


@pytest.fixture
def night(tmp_path):
    """Run the script with fakes that end as told; (status, the calls, the message that was sent)."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "v2g-bench").write_text(FAKE.format(python=sys.executable))
    (programs / "v2g-bench").chmod(0o755)
    (tmp_path / "archive").mkdir()

    def night(reported=None, **settings):
        calls, sent = tmp_path / "calls", tmp_path / "sent"
        for path in (calls, sent):
            path.unlink(missing_ok=True)
        values = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "CALLS": str(calls),
            "TOLD": json.dumps(reported or {}),
            "REPORTS": str(tmp_path / "reports"),
            "ARCHIVE": str(tmp_path / "archive"),
            "NOTIFY": f'{{ echo "$SUBJECT"; cat; }} > {sent}',
            **settings,
        }
        done = subprocess.run(
            [ROOM / "nightly.sh", "bench-3"], cwd=tmp_path, env=values, capture_output=True, text=True, timeout=60
        )
        made = [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []
        return done, made, sent.read_text() if sent.exists() else ""

    return night


def steps(calls):
    return [call[0] for call in calls]


def test_a_quiet_night_does_all_and_tells_nobody(night, tmp_path):
    done, calls, sent = night()
    assert done.returncode == 0, done.stdout + done.stderr
    assert steps(calls) == ["check", "qualify", "certify", "verify", "bundle", "history"]
    assert sent == ""
    assert (tmp_path / "archive/2026-11-23T01-00-00-bench-3.zip").is_file()
    assert "--rig-strict" in calls[2]
    assert f"--heads={tmp_path}/reports/heads.log" in calls[2]
    assert calls[3][3:] == ["--heads", f"{tmp_path}/reports/heads.log"]


def test_the_heads_and_their_time_stamps_are_looked_for_where_the_laboratory_keeps_them(night, tmp_path):
    _, calls, _ = night(HEADS="/mnt/heads/bench-3.log", TIME_STAMPS="/mnt/stamps")
    assert "--heads=/mnt/heads/bench-3.log" in calls[2]
    assert calls[3][3:] == ["--heads", "/mnt/heads/bench-3.log", "--time-stamps", "/mnt/stamps"]


def test_a_run_that_nobody_sealed_is_kept_and_said_to_be_no_evidence(night):
    done, calls, sent = night({"verify": [3, "NO EVIDENCE: not sealed"]})
    assert done.returncode == 0, done.stdout + done.stderr
    assert steps(calls)[-2:] == ["bundle", "history"]
    assert "no evidence" in done.stdout
    assert sent == ""


def test_a_changed_verdict_is_told(night):
    message = "rig bench-3: a PASS -> b FAIL\n  flip      SAF-01    test_x: PASS -> FAIL"
    done, _, sent = night({"certify": [1, ""], "history": [1, message]})
    assert done.returncode == 1
    assert sent.splitlines()[0] == "rig bench-3: a PASS -> b FAIL"
    assert "flip      SAF-01" in sent


@pytest.mark.parametrize(("step", "subject"), [("check", "is sick"), ("qualify", "does not qualify")])
def test_a_sick_rig_certifies_nothing_and_is_told(night, step, subject):
    done, calls, sent = night({step: [1, "SICK meters.dc_current   no answer"]})
    assert done.returncode == 2
    assert "certify" not in steps(calls)
    assert f"rig bench-3 {subject}" in " ".join(sent.splitlines()[0].replace(":", "").split())
    assert "no answer" in sent


def test_a_run_that_was_not_written_is_told(night):
    done, calls, sent = night({"certify": [4, ""]})
    assert done.returncode == 2
    assert steps(calls)[-1] == "certify"
    assert "no run was written (certify ended with 4)" in sent


@pytest.mark.parametrize(("step", "subject"), [("verify", "does not verify"), ("bundle", "could not be kept")])
def test_lost_evidence_is_told_and_ends_the_night(night, step, subject):
    done, calls, sent = night({step: [1, "changed main.blf"]})
    assert done.returncode == 3
    assert "history" not in steps(calls)
    assert subject in sent
    assert "changed main.blf" in sent


def test_the_bad_status_of_a_bad_night_is_kept_although_nothing_changed(night):
    done, _, sent = night({"certify": [1, ""]})
    assert (done.returncode, sent) == (1, "")


def test_a_message_that_cannot_be_sent_is_no_quiet_night(night):
    done, _, _ = night({"history": [1, "rig bench-3: a -> b"]}, NOTIFY="false")
    assert done.returncode == 4
    assert "could not be sent" in done.stdout


def test_two_nights_never_meet_on_one_rig(night, tmp_path):
    (tmp_path / "reports").mkdir()
    with (tmp_path / "reports/.nightly-bench-3.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done, calls, _ = night()
    assert done.returncode == 2
    assert calls == []
    assert "has not ended yet" in done.stdout


def test_old_runs_go_only_if_their_bundle_is_kept(night, tmp_path):
    for name in ("kept", "lost"):
        (tmp_path / "reports" / name).mkdir(parents=True)
        os.utime(tmp_path / "reports" / name, (1e9, 1e9))
    (tmp_path / "archive/kept.zip").write_text("bundle")
    night()
    assert (tmp_path / "reports/kept").is_dir(), "without KEEP_DAYS nothing goes"
    done, _, _ = night(KEEP_DAYS="90")
    assert done.returncode == 0, done.stdout
    assert not (tmp_path / "reports/kept").exists()
    assert (tmp_path / "reports/lost").is_dir()


@pytest.mark.timeout(240)
def test_a_real_night_on_the_simulated_rig(tmp_path):
    """The programs themselves, twice: the first night has nothing before it, the second changes nothing."""
    values = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "V2G"))},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "REPORTS": str(tmp_path / "reports"),
        "ARCHIVE": str(tmp_path),
        "QUALIFY": "no",
        "TESTS": "tests/conformance/limits/test_power.py -p no:randomly -p no:cacheprovider",
        "NOTIFY": f"cat >> {tmp_path}/sent",
    }
    for number in (1, 2):
        done = subprocess.run(
            [ROOM / "nightly.sh", "sim"], cwd=ROOT, env=values, capture_output=True, text=True, timeout=100
        )
        assert done.returncode in (0, 1), done.stdout + done.stderr
        runs = [path for path in (tmp_path / "reports").iterdir() if path.is_dir()]
        assert len(runs) == number, done.stdout + done.stderr
        assert len(list(tmp_path.glob("*.zip"))) == number
        assert ("there is no run before" if number == 1 else "nothing changed") in done.stdout, done.stdout
    assert not (tmp_path / "sent").exists()
    assert "History of rig sim" in (tmp_path / "reports/history-sim.html").read_text()


@pytest.mark.parametrize("name", ["v2g-nightly@.service", "v2g-nightly@.timer"])
def test_the_units_are_units(name):
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read_string((ROOM / name).read_text())
    if name.endswith("service"):
        assert parser["Service"]["ExecStart"].endswith("rigs/nightly/nightly.sh %i")
        assert int(parser["Service"]["TimeoutStopSec"]) >= 120, "the teardown needs its time"
    else:
        assert parser["Timer"]["Persistent"] == "false"
    if shutil.which("systemd-analyze"):
        reported = subprocess.run(
            ["systemd-analyze", "verify", ROOM / name], capture_output=True, text=True, timeout=30
        )
        assert "Unknown" not in reported.stderr, reported.stderr


@pytest.mark.parametrize("name", ["gitlab-ci.yml", "github.yml", "Jenkinsfile"])
def test_every_job_runs_the_script_and_shows_junit(name):
    text = (ROOM / name).read_text()
    assert "rigs/nightly/nightly.sh bench-3" in text
    assert "reports/*/junit.xml" in text
    assert "V2G_BENCH_KEY=" not in text


def test_every_setting_is_documented_and_every_documented_one_is_read():
    script, page = (ROOM / "nightly.sh").read_text(), (ROOM / "README.md").read_text()
    read = set(re.findall(r"\$\{([A-Z][A-Z0-9_]+):-", script))
    assert read == set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", page, re.MULTILINE))
