"""The supervisor, through the bench's end of it: it ends what a bench that is gone has left, and nothing that it was told to
forget; a bench hears of it when the supervisor acts, or is gone."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.rig.file.model import Safety
from v2g_bench.rig.safety import supervisor_client
from v2g_bench.rig.safety.lock import require_free, take
from v2g_bench.rig.safety.lock_record import held_elsewhere
from v2g_bench.rig.safety.supervisor_client import SupervisorClient

SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
DEAF = [sys.executable, "-S", "-c", "import signal, time; signal.signal(15, 1); print(flush=True); time.sleep(60)"]
LIMITS = Safety().model_dump()


@pytest.fixture
def sleeper():
    """Starts processes in sessions of their own; whatever is left of them is killed."""
    started = []

    def start(command=SLEEP):
        started.append(subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE))
        if command is DEAF:
            started[-1].stdout.readline()
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


GIVE_UP_S = 2.0  # longer than GRACE_S, from SIGTERM to SIGKILL; nothing here is ever shown to be safe by waiting


@pytest.fixture
def supervisor(tmp_path):
    """A guard that runs; closed at the end, whatever became of it."""
    supervisor = SupervisorClient(tmp_path / "supervisor.jsonl", GIVE_UP_S)
    supervisor.start()
    yield supervisor
    supervisor.send("disarm", well=True)  # what is left of a test needs no second way to the safe state
    with contextlib.suppress(BenchError):
        supervisor.close()


def wait_for(what, condition, within_s=20.0):
    until_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until_s, f"not within {within_s:g} s: {what}"
        time.sleep(0.02)


def test_what_it_watches_ends_with_the_safe_state_and_what_it_was_told_to_forget_does_not(supervisor, sleeper):
    kept, ended = sleeper(), sleeper()
    supervisor.watch(kept.pid)
    supervisor.watch(ended.pid)
    supervisor.forget(kept.pid)
    with pytest.raises(BenchError, match="NOT reached"):  # there is neither a bus nor an inverter to show it by
        supervisor.make_safe("a test", 2.0)
    assert ended.wait(5) == -signal.SIGTERM
    assert kept.poll() is None


def test_it_kills_what_does_not_listen(supervisor, sleeper):
    deaf = sleeper(DEAF)
    supervisor.watch(deaf.pid)
    with pytest.raises(BenchError, match="NOT reached"):
        supervisor.make_safe("a test", 2.0)
    assert deaf.wait(5) == -signal.SIGKILL


def test_the_heartbeat_that_stays_away_is_a_reason(supervisor, sleeper, monkeypatch):
    controller, world = sleeper(), sleeper()
    world.kill()  # no world, no current: safe at once
    supervisor.send("limits", safety=LIMITS | {"heartbeat_s": 1.0})
    supervisor.send("world", pid=world.pid)
    supervisor.watch(controller.pid)
    supervisor.send("beat")
    monkeypatch.setattr(supervisor, "send", lambda *_, **__: None)  # as if this process had been stopped
    wait_for("the trip", lambda: supervisor.tripped)
    assert "made the rig safe: the bench has given no sign of life for 1 s" in supervisor.tripped
    assert controller.wait(5) == -signal.SIGTERM
    with pytest.raises(BenchError, match="no sign of life"):
        supervisor.check()


def test_a_test_that_outlives_its_time_is_a_reason(supervisor, sleeper):
    world = sleeper()
    supervisor.send("limits", safety=LIMITS)
    supervisor.send("world", pid=world.pid)
    world.kill()
    supervisor.send("deadline", at_s=time.monotonic() + 0.2)
    wait_for("the trip", lambda: supervisor.tripped)
    assert "the running test has not ended in its time" in supervisor.tripped


def held(supervisor, sleeper, place):
    """A lock that this process and the supervisor hold, of a rig with an emulated world that has ended: safe at once."""
    world = sleeper()
    supervisor.send("limits", safety=LIMITS)
    supervisor.send("world", pid=world.pid)
    world.kill()
    holding, _ = take(["VISA A"], "bench-3", supervisor.pid, place)
    supervisor.send("hold", paths=[str(path) for path in holding.paths], token=holding.token)
    wait_for("the supervisor's lock", lambda: held_elsewhere(holding._held[0].handle))
    return holding


@pytest.mark.parametrize("attack", ["removed", "exchanged", "changed", "folder gone"])
def test_the_loss_of_the_lock_is_a_reason(supervisor, sleeper, tmp_path, attack):
    holding = held(supervisor, sleeper, tmp_path / "locks")
    (path,) = holding.paths
    if attack == "changed":
        path.write_text(path.read_text().replace("bench-3", "bench-4"))
    elif attack == "folder gone":
        path.parent.rename(tmp_path / "moved")
    else:
        text = path.read_text()
        path.unlink()
        if attack == "exchanged":
            path.write_text(text)
    wait_for("the trip", lambda: supervisor.tripped)
    assert f"made the rig safe: the lock on VISA A is lost: {path} " in supervisor.tripped
    with pytest.raises(BenchError, match="is lost: .* another run may use the rig"):
        supervisor.check()
    assert "the lock on VISA A is lost" in (tmp_path / "supervisor.jsonl").read_text()
    with pytest.raises(BenchError, match="the lock on VISA A is lost"):
        holding.release()


def test_a_lock_that_is_held_is_kept_by_the_supervisor_to_its_end(supervisor, sleeper, tmp_path):
    holding = held(supervisor, sleeper, tmp_path / "locks")
    holding.release()
    with pytest.raises(BenchError, match="is in use"):
        require_free(["VISA A"], tmp_path / "locks")
    supervisor.send("disarm", well=True)
    supervisor.close()
    assert supervisor.tripped == ""
    require_free(["VISA A"], tmp_path / "locks")
    assert list((tmp_path / "locks").glob("*.json")) == []


def test_a_lock_that_the_supervisor_cannot_hold_ends_the_run(supervisor, tmp_path):
    supervisor.send("hold", paths=[str(tmp_path / "gone.json")], token="00")
    wait_for("the problem", lambda: supervisor._problems)
    with pytest.raises(BenchError, match="gone.json: cannot hold the locks of the rigs: No such file"):
        supervisor.check()


def test_a_supervisor_that_was_killed_ends_the_run(supervisor):
    os.kill(supervisor.pid, signal.SIGKILL)
    wait_for("its end to be noticed", lambda: supervisor._gone)
    with pytest.raises(BenchError, match="has ended: nobody would bring the rig to its safe state"):
        supervisor.check()
    with pytest.raises(BenchError, match="has ended"):
        supervisor.make_safe("a test", 2.0)
    supervisor.watch(1)  # says nothing: `check` does
    with pytest.raises(BenchError, match="had ended by itself"):
        supervisor.close()


def check_for_ever(supervisor):
    while True:
        supervisor.check()


def test_a_supervisor_that_is_stopped_ends_the_run_and_goes_on(supervisor, monkeypatch):
    wait_for("its start", lambda: supervisor._received_s < time.monotonic())
    os.kill(supervisor.pid, signal.SIGSTOP)
    monkeypatch.setattr(supervisor_client, "FRESH_S", -1.0)
    monkeypatch.setattr(supervisor_client, "SILENT_S", -0.9)
    with pytest.raises(BenchError, match="supervisor: has given no sign of life for 0 s"):
        check_for_ever(supervisor)  # what it had sent before may still be read
    monkeypatch.undo()
    last_s = supervisor._received_s
    wait_for("a sign of life", lambda: supervisor._received_s != last_s)
    supervisor.check()


def test_an_old_sign_of_life_is_not_enough_and_the_next_one_is_waited_for(supervisor, monkeypatch):
    wait_for("its start", lambda: supervisor._received_s < time.monotonic())
    monkeypatch.setattr(supervisor_client, "FRESH_S", -1.0)
    last_s = supervisor._received_s
    supervisor.check()
    assert supervisor._received_s > last_s


@pytest.mark.parametrize(("gap_s", "missed"), [(9.0, False), (11.0, True)])
def test_a_time_without_any_sign_of_life_ends_the_run_also_when_it_is_over(gap_s, missed):
    supervisor = SupervisorClient()
    supervisor._received_s = 100.0
    supervisor._sign(100.0 + gap_s)
    assert any("gave no sign of life for 11 s" in problem for problem in supervisor._problems) is missed


def test_it_ends_with_nothing_to_do(supervisor):
    supervisor.close()
    supervisor.close()


def test_what_it_cannot_use_is_told(supervisor):
    supervisor.send("bus", bus={"interface": "v2g_userland", "channel": "/nowhere"}, dbc="/no.dbc", roles={})
    wait_for("the problem", lambda: supervisor._problems)
    with pytest.raises(BenchError, match="/no.dbc"):
        supervisor.check()


def test_it_outlives_a_bench_that_is_killed(tmp_path):
    """The bench: a process that starts a sleeper, has a folder, and is killed with -9 before it can close anything."""
    folder = tmp_path / "v2g-run"
    folder.mkdir()
    program = (
        "import subprocess, sys, time\n"
        "from pathlib import Path\n"
        "from v2g_bench.rig.safety.supervisor_client import SupervisorClient\n"
        f"guard = SupervisorClient(Path({str(tmp_path / 'supervisor.jsonl')!r}))\n"
        "guard.start()\n"
        f"guard.send('folder', path={str(folder)!r})\n"
        f"child = subprocess.Popen({SLEEP!r}, start_new_session=True)\n"
        "guard.watch(child.pid)\n"
        "world = subprocess.Popen([sys.executable, '-S', '-c', 'input()'], stdin=guard.lifeline)\n"
        "guard.send('world', pid=world.pid)\n"
        "world.kill()\n"
        "print(child.pid, guard.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    bench = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    child, supervisor = map(int, bench.stdout.readline().split())
    try:
        bench.kill()
        bench.wait()
        wait_for("the end of both", lambda: not running(child) and not running(supervisor))
        assert not folder.exists()
        assert "the bench has ended without closing the rig" in (tmp_path / "supervisor.jsonl").read_text()
    finally:
        bench.stdout.close()
        for pid in (child, supervisor):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def running(pid):
    """False for one that is gone, and for one that only waits for its parent to notice."""
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
