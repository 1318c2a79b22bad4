import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from v2g_bench.kernel import reaper

BOUND_S = 60.0


@pytest.fixture
def start(tmp_path):
    """(warden process, its folder), running a shell script in the place of a kernel."""
    started = []

    def start(script):
        folder = tmp_path / "desk"
        folder.mkdir()
        cpu = min(os.sched_getaffinity(0))
        process = subprocess.Popen(
            [
                sys.executable,
                "-IS",
                reaper.__file__,
                str(cpu),
                str(folder),
                str(tmp_path),
                "normal",
                "sh",
                "-c",
                script,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        return process, folder

    yield start
    for process in started:
        process.stdin.close()
        assert process.wait(BOUND_S) == 0
        process.stdout.close()


def test_the_end_of_the_kernel_is_told_and_the_folder_kept_until_the_parent_is_done(start):
    process, folder = start('echo words; nproc > "$HOME/cpus"; echo $TMPDIR > "$HOME/memory"')
    assert process.stdout.read() == b""  # ends with the kernel
    assert (folder / "kernel.log").read_text() == "words\n"
    assert (folder / "cpus").read_text() == "1\n"
    assert Path((folder / "memory").read_text().strip()) == folder.parent
    process.stdin.close()
    assert process.wait(BOUND_S) == 0
    assert not folder.exists()


def test_the_death_of_the_parent_ends_the_kernel(start):
    process, folder = start("echo $$; exec sleep 1000")
    wait_for_words(folder)
    pid = int((folder / "kernel.log").read_text())
    process.stdin.close()
    assert process.wait(BOUND_S) == 0
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_are_the_parents_to_decide(start, number):
    process, folder = start("echo up; exec sleep 1000")
    wait_for_words(folder)
    process.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.2)


def wait_for_words(folder):
    """Until the kernel's log has a line."""
    log, until_s = folder / "kernel.log", time.monotonic() + BOUND_S
    while not (log.exists() and "\n" in log.read_text()):
        assert time.monotonic() < until_s, f"no word within {BOUND_S:g} s"
        time.sleep(0.005)
