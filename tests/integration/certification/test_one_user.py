"""One rig, one user: the second run is told who holds what, touches nothing, takes over what nobody holds any more, and a run
whose lock is taken from it ends safe."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from certify import PROJECT, Run, acts, certify, own_suite, rig_file, wait_for

from v2g_bench.rig.file.model import Dut
from v2g_bench.rig.safety.lock import FOLDER, require_free, take

pytestmark = pytest.mark.timeout(120)

HOT = "tests/conformance/safety/test_emergency_shutdown.py::test_hot_cell_isolates[discharging]"
METER = "TCPIP::127.0.0.1::1::SOCKET"  # nothing is there
RESOURCE = f"VISA {METER}"
NOTICED_S = 3.0  # it is looked at every second; the rest is for a machine that is busy
SAFE_S = 2.0  # [safety] safe_within_s


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
    holding, _ = take([RESOURCE], "bench-3", os.getpid(), tmp_path / "locks")
    reported = subprocess.run(
        [sys.executable, "-m", "v2g_bench.commands.main", "check", f"--rig={shared_rig}"],
        cwd=PROJECT,
        env=os.environ | {FOLDER: str(tmp_path / "locks")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert reported.returncode == 1
    lines = reported.stdout.splitlines()
    assert any(line.startswith("SICK supervisor") and "is in use, held by" in line for line in lines), reported.stdout
    assert any(line.startswith("SICK meters.ac_power") and "not tried" in line for line in lines), reported.stdout
    holding.release()


KILLED = (
    "import os, signal, sys\n"
    "from pathlib import Path\n"
    "from v2g_bench.rig.safety.lock import take\n"
    "take([sys.argv[1]], 'bench-3', os.getpid(), Path(sys.argv[2]))\n"
    "os.kill(os.getpid(), signal.SIGKILL)\n"
)


def test_what_nobody_holds_any_more_is_taken_over_with_a_note_and_given_back(tmp_path, shared_rig):
    killed = subprocess.run([sys.executable, "-c", KILLED, RESOURCE, tmp_path / "locks"], cwd=PROJECT)
    assert killed.returncode == -signal.SIGKILL
    (path,) = (tmp_path / "locks").glob("*.json")
    done = certify(tmp_path, shared_rig, [HOT], env={FOLDER: str(tmp_path / "locks")})
    assert f"took over {RESOURCE}, held by " in " ".join(done.out.split()), done.out
    assert done.run is not None
    assert any("took over" in mark for mark in done.run.marks)
    assert "no answer from TCPIP" in done.out  # it went on, to the instrument that is not there
    assert not path.exists()


@pytest.fixture
def running(tmp_path):
    """A run that delivers 3 kW for long; its emulated rig shares one thing, the log of a controller that is always there."""
    log = tmp_path / "v2g-main.log"
    daemon = str(Path(sys.executable).parent / "v2g-daemon")
    begin = '"$@" >/dev/null 2>&1 & echo $! > "$0"'
    end = 'kill $(cat "$0"); while kill -0 $(cat "$0"); do sleep 0.01; done'
    changes = {f"dut.commands.{name}": words for name, words in Dut(kind="process").commands.items()}
    changes |= {
        "dut.kind": "external",
        "dut.log": str(log),
        "dut.commands.start": ["sh", "-c", begin, "{folder}/pid", daemon, "--config", "{config}"],
        "dut.commands.stop": ["sh", "-c", end, "{folder}/pid"],
    }
    suite = own_suite(
        tmp_path,
        """
        @pytest.mark.req("OWN-01")
        def test_long(bench, judge):
            with bench.at_power(-3000):
                print("delivers", flush=True)
                bench.wait_until(lambda: False, 60.0)
            judge.holds("nobody noticed", True)

        @pytest.mark.req("OWN-01")
        def test_never_begun(bench, judge):
            judge.holds("it went on", True)
        """,
    )
    run = Run(tmp_path, rig_file(tmp_path, changes), [suite], "-s", env={FOLDER: str(tmp_path / "locks")})
    yield run, f"controller with the log {log}"
    if run.process.poll() is None:
        run.kill()
    for pid in run.children():  # the controller is not the bench's: it outlives a bench that is killed
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("attack", ["removed", "exchanged"])
def test_a_run_whose_lock_is_lost_ends_safe_and_says_why(running, tmp_path, attack):
    run, resource = running
    wait_for("power", lambda: "delivers" in run.out or run.process.poll() is not None)
    (path,) = (tmp_path / "locks").glob("*.json")
    folder = run.folder()
    path.unlink()
    if attack == "exchanged":
        path.write_text("{}")
    lost_s = time.monotonic()
    act = wait_for("the supervisor's act", lambda: [act for act in acts(folder) if "is lost" in act["why"]], 30.0)[0]
    assert act["why"].startswith(f"the lock on {resource} is lost: {path} ")
    assert act["safe"], act
    assert act["begun_s"] - lost_s < NOTICED_S
    assert act["rest_s"] < SAFE_S
    done = run.end(60.0)
    assert done.status != 0
    tests = {test.nodeid.rpartition("::")[2]: test for test in done.requirement("OWN-01").tests}
    assert (tests["test_long"].verdict, "test_never_begun" in tests) == ("ERROR", False), done.out
    assert f"the lock on {resource} is lost" in tests["test_long"].reason
    assert path.exists() == (attack == "exchanged"), "what is another's is left alone"
    assert not run.children()


def test_a_run_that_is_killed_keeps_its_lock_until_its_rig_is_safe(running, tmp_path):
    run, resource = running
    wait_for("power", lambda: "delivers" in run.out or run.process.poll() is not None)
    folder = run.folder()
    os.kill(run.process.pid, signal.SIGKILL)
    run.process.wait()
    wait_for("its lock to be given back", lambda: not list((tmp_path / "locks").glob("*.json")), 60.0)
    assert acts(folder)[-1]["why"] == "the bench has ended without closing the rig"
    require_free([resource], tmp_path / "locks")
