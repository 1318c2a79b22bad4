"""The guard ends what a bench that is gone has left, and nothing that it was told to forget."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from v2g_bench.rig.guard import Guard, watched

SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
DEAF = [sys.executable, "-S", "-c", "import signal, time; signal.signal(15, 1); print(flush=True); time.sleep(60)"]


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


def test_what_is_watched_after_these_lines():
    lines = ["watch 1\n", "watch 2\n", "forget 1\n", "nonsense\n", "watch x\n", "forget 9\n", "watch 3"]
    assert watched(lines) == {2, 3}


def test_it_ends_what_it_watches_and_leaves_what_it_was_told_to_forget(sleeper):
    guard, kept, ended = Guard(), sleeper(), sleeper()
    guard.watch(kept.pid)
    guard.watch(ended.pid)
    guard.forget(kept.pid)
    guard.close()
    assert ended.wait(5) == -signal.SIGTERM
    assert kept.poll() is None


def test_it_kills_what_does_not_listen(sleeper):
    guard, deaf = Guard(), sleeper(DEAF)
    guard.watch(deaf.pid)
    guard.close()
    assert deaf.wait(5) == -signal.SIGKILL


def test_it_closes_with_nothing_to_end(sleeper):
    gone = sleeper()
    gone.kill()
    gone.wait()
    guard = Guard()
    guard.watch(gone.pid)
    guard.close()


def test_a_guard_that_is_gone_ends_no_run(sleeper):
    guard = Guard()
    guard._process.kill()
    guard._process.wait()
    guard.watch(1)
    guard.close()


def test_it_outlives_a_bench_that_is_killed(tmp_path):
    """The bench: a process that starts a sleeper and is killed with -9 before it can close anything."""
    program = (
        "import subprocess, sys, time\n"
        "from v2g_bench.rig.guard import Guard\n"
        "guard = Guard()\n"
        f"child = subprocess.Popen({SLEEP!r}, start_new_session=True)\n"
        "guard.watch(child.pid)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    bench = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    child = int(bench.stdout.readline())
    try:
        bench.kill()
        bench.wait()
        until_s = time.monotonic() + 10.0
        while running(child):
            assert time.monotonic() < until_s, "the sleeper outlived its bench"
            time.sleep(0.02)
    finally:
        bench.stdout.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def running(pid):
    """False for one that is gone, and for one that only waits for its parent to notice."""
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
