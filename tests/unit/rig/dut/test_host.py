"""Where a controller's programs run, and that what was launched ends with its standard input."""

import os
import shlex
import subprocess
import time

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.rig.dut.host import SshHost, ThisMachine, launch


def until(condition):
    until_s = time.monotonic() + 10
    while not (value := condition()):
        assert time.monotonic() < until_s
        time.sleep(0.01)
    return value


def text_of(path):
    return path.exists() and path.read_text()


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.fixture
def start(tmp_path):
    """start(script): it, launched here; ended at the end."""
    launched = []

    def start(script):
        with (tmp_path / "out").open("wb") as out:
            launched.append(launch(ThisMachine(), ["sh", "-c", script, "x", str(tmp_path / "pid")], out, out))
        return launched[-1]

    yield start
    for one in launched:
        one.end(10)


def test_it_ends_with_its_standard_input(start, tmp_path):
    one = start('sleep 60 & echo $$ $! > "$1"; wait')
    pids = until(lambda: text_of(tmp_path / "pid")).split()
    assert one.end(8)
    for pid in pids:
        until(lambda pid=pid: gone(int(pid)))


def test_its_status_is_the_programs(start, tmp_path):
    one = start("echo out; exit 3")
    assert one.process.wait(10) == 3
    assert (tmp_path / "out").read_text() == "out\n"
    assert one.end(1)


def test_one_that_ignores_the_polite_way_is_killed_and_told(start, tmp_path):
    one = start('trap "" TERM; echo $$ > "$1"; while :; do sleep 0.05; done')
    pid = int(until(lambda: text_of(tmp_path / "pid")))
    assert not one.end(10)
    until(lambda: gone(pid))


def test_a_command_reaches_a_far_shell_word_by_word(monkeypatch):
    monkeypatch.setattr("v2g_bench.rig.dut.host.shutil.which", lambda name: f"/usr/bin/{name}")
    words = ["ctl", "it's", "$HOME; rm -rf x", "-3000"]
    argv = SshHost("ems.lab", ["-p", "2222"]).argv(words)
    assert argv[:3] == ["/usr/bin/ssh", "-p", "2222"]
    assert "BatchMode=yes" in argv
    assert argv[-2] == "ems.lab"
    assert shlex.split(argv[-1]) == words
    reported = subprocess.run(["sh", "-c", argv[-1].replace("ctl", "printf '%s|'", 1)], capture_output=True, text=True)
    assert reported.stdout == "it's|$HOME; rm -rf x|-3000|"


def test_no_ssh_here(monkeypatch):
    monkeypatch.setattr("v2g_bench.rig.dut.host.shutil.which", lambda name: None)
    with pytest.raises(BenchError, match=r"no such program: ssh\n  apt-get install openssh-client"):
        SshHost("ems.lab").argv(["true"])
