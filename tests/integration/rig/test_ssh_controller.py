"""A controller on another machine: started, commanded, read and ended through the system's ssh."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.rig.dut.controller import Controller
from v2g_bench.rig.file.model import Dut

BOUND_S = 15.0
# Writes its process id and a line into its log, and one more for each SIGUSR1.
PROGRAM = """
trap 'echo "0x01A2 emergency" >> "$1"' USR1
echo $$ > "$1.pid"; echo "ready, it's up" >> "$1"; echo on stderr >&2
while :; do sleep 0.05; done
"""


@pytest.fixture
def far(tmp_path):
    """The folder that stands for the other machine's disk."""
    folder = tmp_path / "far away"
    folder.mkdir()
    return folder


@pytest.fixture
def make(tmp_path, sshd, far):
    made = []
    (tmp_path / "run").mkdir()

    def make(program=PROGRAM, **more):
        dut = {
            "kind": "ssh",
            "name": "ems",
            "host": sshd.host,
            "ssh_options": sshd.options,
            "command": ["sh", "-c", program, "ems", str(far / "ems.log")],
            "log": str(far / "ems.log"),
            "commands": {"set_power": ["sh", "-c", 'echo "$1" accepted', "ctl", "{power_w} W"]},
        }
        made.append(Controller(Dut(**{**dut, **more}), {}, tmp_path / "run"))
        return made[-1]

    yield make
    for controller in made:
        controller.close()


def until(condition):
    deadline_s = time.monotonic() + BOUND_S
    while not (value := condition()):
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.01)
    return value


def runs(pid):
    return Path(f"/proc/{pid}/status").exists() and "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def pid_of(far):
    return int((far / "ems.log.pid").read_text())


def test_it_starts_logs_answers_and_ends(make, far, tmp_path):
    (far / "ems.log").write_text("0x01A2 of yesterday\n")
    controller = make()
    controller.start()
    pid = pid_of(far)
    assert controller.alive()
    assert controller.log.since_mark() == "ready, it's up\n"
    assert controller.must("set_power", power_w="-3000").out == "-3000 W accepted\n"
    controller.log.mark()
    os.kill(pid, signal.SIGUSR1)
    until(lambda: controller.log.find("0x01A2"))
    assert "on stderr" in (tmp_path / "run" / "dut.stderr").read_text()
    controller.stop()
    until(lambda: not runs(pid))
    assert not controller.alive()
    controller.start()
    assert controller.starts == 2
    assert pid_of(far) != pid
    assert (tmp_path / "run" / "dut.log").read_text().count("ready") == 2  # the copy is the evidence


def test_it_ends_with_the_connection(make, far, sshd):
    controller = make()
    controller.start()
    sshd.stop()
    until(lambda: not runs(pid_of(far)))
    until(lambda: not controller.alive())
    with pytest.raises(BenchError, match=r"controller ems: is not running \(exit status 255\)"):
        controller.require_alive()
    with pytest.raises(BenchError, match=r"the copy of .*ems.log on .* has ended"):
        controller.log.find("x")
    with pytest.raises(BenchError, match=r"dut.host: ssh to .* failed: .*\n.*try: ssh -o BatchMode=yes"):
        controller.run("set_power", power_w="0")


def test_it_ends_with_a_bench_that_was_killed(far, sshd, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "bench.py").write_text(
        "import sys, time, pathlib\n"
        "from v2g_bench.rig.dut.controller import Controller\n"
        "from v2g_bench.rig.file.model import Dut\n"
        f"dut = Dut(kind='ssh', host={sshd.host!r}, ssh_options={sshd.options!r}, commands={{}},\n"
        f"    command=['sh', '-c', {PROGRAM!r}, 'ems', {str(far / 'ems.log')!r}], log={str(far / 'ems.log')!r})\n"
        f"Controller(dut, {{}}, pathlib.Path({str(tmp_path / 'run')!r})).start()\n"
        "print('started', flush=True)\n"
        "time.sleep(60)\n"
    )
    bench = subprocess.Popen([sys.executable, tmp_path / "bench.py"], stdout=subprocess.PIPE)
    try:
        assert bench.stdout.readline() == b"started\n"
        pid = pid_of(far)
        assert runs(pid)
    finally:
        bench.kill()
        bench.wait()
        bench.stdout.close()
    until(lambda: not runs(pid))
    until(lambda: not sshd.sessions())


def test_one_that_ignores_sigterm_is_killed_and_said_so(make, far):
    controller = make('trap \'\' TERM; echo $$ > "$1.pid"; echo deaf >> "$1"; while :; do sleep 0.05; done')
    controller.start()
    with pytest.raises(BenchError, match="did not end within 5 s of SIGTERM and was killed"):
        controller.stop()
    until(lambda: not runs(pid_of(far)))


def test_one_that_ends_at_once_says_its_last_words(make):
    with pytest.raises(BenchError, match=r"ended with status 3 before it was ready\n.*no licence"):
        make("echo no licence >&2; exit 3").start()


def test_what_it_started_ends_too(make, far):
    controller = make('sleep 60 & echo $! > "$1.pid"; echo up >> "$1"; wait')
    controller.start()
    child = pid_of(far)
    controller.stop()
    until(lambda: not runs(child))


def test_a_rotated_log_is_followed(make, far):
    controller = make()
    controller.start()
    controller.log.mark()
    (far / "ems.log").rename(far / "ems.log.1")
    (far / "ems.log").write_text("0x0B22 in a new file\n")
    until(lambda: controller.log.find("0x0B22 in a new file"))


def test_one_that_runs_already_is_left_alone(make, far, tmp_path):
    controller = make(command=[])
    assert not controller.restarts
    controller.start()
    with (far / "ems.log").open("a") as file:
        file.write("alive\n")
    until(lambda: controller.log.find("alive"))
    controller.stop()
    assert (controller.alive(), controller.starts, controller.program()) == (True, 0, ("", ""))


def test_its_program_is_told_from_there(make):
    path, digest = make(command=["cat"]).program()
    assert path == "cat"
    assert len(digest) == 64
    shell = make(command=["sh"])
    assert (shell.program(), shell.wrapper()) == (("", ""), "sh")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda options: [word.replace("/user", "/host") for word in options], "Permission denied|Connection"),
        (lambda options: [word.replace("/known", "/none") for word in options], "Host key verification failed"),
    ],
    ids=["wrong key", "unknown host"],
)
def test_a_connection_that_cannot_be_made_never_asks(make, sshd, change, message):
    controller = make(command=[], ssh_options=change(sshd.options))
    with pytest.raises(BenchError, match=f"dut.host: ssh to .* failed: .*({message})"):
        controller.run("set_power", power_w="1")
    with pytest.raises(BenchError, match=rf"dut.log: the copy of .* has ended \(status 255\): .*({message})"):
        controller.start()
