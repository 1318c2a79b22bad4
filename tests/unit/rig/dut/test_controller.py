"""The controller under test: started, watched, commanded, ended; and its log from a mark on."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.rig.dut.controller import GATED, Controller
from v2g_bench.rig.file.model import Dut

READY = "import sys, time, pathlib; pathlib.Path(sys.argv[1]).write_text(str(time.time_ns()) + ' ready'); "


@pytest.fixture
def make(tmp_path):
    """Makes controllers; what runs at the end is ended."""
    made = []

    def make(does="time.sleep(60)", supervisor=None, **more):
        command = [sys.executable, "-c", READY + does, "{log}"]
        values = {"folder": str(tmp_path), "log": str(tmp_path / "v2g.log")}
        dut = Dut(**{"kind": "process", "command": command, "log": "{folder}/v2g.log", "ready_s": 10, **more})
        made.append(Controller(dut, values, tmp_path, supervisor=supervisor))
        return made[-1]

    yield make
    for controller in made:
        controller.close()


def gone(pid):
    until_s = time.monotonic() + 5
    while os.path.exists(f"/proc/{pid}"):  # noqa: PTH110
        assert time.monotonic() < until_s
        time.sleep(0.01)
    return True


def test_it_starts_lives_and_ends(make):
    controller = make()
    controller.start()
    pid = controller._process.pid
    assert controller.alive()
    controller.require_alive()
    controller.stop()
    assert not controller.alive()
    assert gone(pid)
    controller.start()
    assert controller.starts == 2


def test_it_ends_what_it_started_too(make, tmp_path):
    program = (
        "import subprocess; child = subprocess.Popen(['sleep', '60']); "
        f"pathlib.Path({str(tmp_path / 'child')!r}).write_text(str(child.pid)); time.sleep(60)"
    )
    controller = make(program)
    controller.start()
    child = tmp_path / "child"
    while not (child.exists() and child.read_text()):
        time.sleep(0.01)
    controller.stop()
    assert gone(int(child.read_text()))


def test_a_killed_one_stores_nothing_and_can_be_started_again(make, tmp_path):
    kept = tmp_path / "kept"
    controller = make(
        f"import signal; signal.signal(15, lambda *_: sys.exit(pathlib.Path({str(kept)!r}).touch())); "
        "print('armed', flush=True); time.sleep(60)"
    )
    controller.start()
    while b"armed" not in (controller._folder / "dut.stderr").read_bytes():
        time.sleep(0.01)
    pid = controller._process.pid
    assert controller.killable
    controller.kill()
    assert gone(pid)
    assert not controller.alive()
    assert not kept.exists()
    controller.start()
    assert controller.alive()


def test_one_that_the_bench_does_not_run_is_killed_by_its_command(make, tmp_path):
    log = tmp_path / "v2g.log"
    log.touch()
    assert not make(kind="external", commands={}).killable
    mark = tmp_path / "killed"
    controller = make(kind="external", commands={"kill": ["touch", str(mark)], "power_cycle": ["true"]})
    controller.start()
    controller.kill()
    assert mark.exists()
    assert controller.supply_switched
    controller.power_cycle()
    assert not make().supply_switched


def test_one_that_does_not_listen_is_killed_and_said_so(make, monkeypatch):
    monkeypatch.setattr("v2g_bench.rig.dut.controller.STOP_S", 0.3)
    controller = make("import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)")
    controller.start()
    while b"deaf" not in (controller._folder / "dut.stderr").read_bytes():
        time.sleep(0.01)
    pid = controller._process.pid
    with pytest.raises(BenchError, match="did not end within 0.3 s of SIGTERM and was killed"):
        controller.stop()
    assert gone(pid)


def test_one_that_outlives_even_sigkill_is_an_error_and_stays_watched(make, monkeypatch):
    """It hangs in the kernel, as a program does whose device has gone."""
    controller = make()
    controller.start()
    process, watched = controller._process, []
    monkeypatch.setattr("v2g_bench.rig.dut.controller.STOP_S", 0.05)
    controller._supervisor = SimpleNamespace(forget=watched.append)
    with monkeypatch.context() as deaf:
        deaf.setattr("v2g_bench.rig.dut.controller.os.killpg", lambda *_: None)
        for name in ("terminate", "kill"):
            deaf.setattr(process, name, lambda: None)
        with pytest.raises(BenchError, match="has not ended 0.05 s after SIGKILL") as error:
            controller.stop()
    assert str(process.pid) in error.value.what
    assert watched == []
    process.kill()
    process.wait(10)


class Supervisor:
    """Notes what of the program runs at the moment it is told of."""

    def __init__(self):
        self.words = []

    def watch(self, pid):
        while not self.words:  # empty for a moment: it is being exchanged for the shell
            self.words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1][:2]

    def forget(self, pid):
        pass


def test_it_does_not_begin_before_the_supervisor_knows_of_it(make):
    controller = make(supervisor=(supervisor := Supervisor()))
    controller.start()
    assert supervisor.words == [b"/bin/sh", b"-c"]
    assert controller.alive()


def test_it_never_begins_where_the_bench_ends_before_that(tmp_path):
    gated = ["/bin/sh", "-c", GATED, "v2g-bench", "touch", str(tmp_path / "began")]
    assert subprocess.run(gated, stdin=subprocess.DEVNULL).returncode != 0
    assert not (tmp_path / "began").exists()
    subprocess.run(gated, input=b"go\n", check=True)
    assert (tmp_path / "began").exists()


def test_a_stop_that_ctrl_c_interrupts_is_continued_by_close_and_is_no_death(make, monkeypatch):
    controller = make()
    controller.start()
    process = controller._process

    def interrupted(timeout=None):
        monkeypatch.undo()
        process.wait()
        raise KeyboardInterrupt

    monkeypatch.setattr(process, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        controller.stop()
    assert not controller.alive()
    controller.require_alive()
    controller.close()
    controller.start()
    controller._process.kill()
    controller._process.wait()
    with pytest.raises(BenchError, match="is not running"):
        controller.require_alive()


def test_one_that_died_is_not_alive_and_says_its_last_words(make):
    controller = make("print('out of memory', file=sys.stderr, flush=True); time.sleep(60)")
    controller.start()
    while b"memory" not in (controller._folder / "dut.stderr").read_bytes():
        time.sleep(0.01)
    os.kill(controller._process.pid, signal.SIGKILL)
    controller._process.wait()
    with pytest.raises(BenchError, match=r"is not running \(exit status -9\)\n  it said: out of memory"):
        controller.require_alive()
    controller.stop()


def test_one_that_ends_at_once_is_an_error_with_its_words(make):
    dut = {"command": [sys.executable, "-c", "import sys; print('no licence', file=sys.stderr); sys.exit(3)"]}
    with pytest.raises(BenchError, match=r"ended with status 3 before it was ready\n  it said: no licence"):
        make(**dut).start()


def test_one_that_logs_nothing_is_ended_again(make):
    controller = make(command=["sleep", "60"], ready_s=0.2)
    with pytest.raises(BenchError, match=r"no line in its log .* within 0.2 s\n  is dut.log the file it writes"):
        controller.start()
    assert not controller.alive()


@pytest.mark.parametrize(
    ("dut", "message"),
    [
        ({"command": ["v2g-nothing"]}, "dut.command: no such program: v2g-nothing"),
        ({"command": ["sleep", "{sokcet}"]}, r"unknown placeholder 'sokcet' in '{sokcet}'\n  known: {folder}, {log}"),
        ({"log": "{fodler}/x"}, "unknown placeholder 'fodler'"),
        ({"command": ["sh", "-c", "echo }"]}, "a brace that is meant is written twice"),
    ],
)
def test_a_wrong_command_is_named(make, dut, message):
    with pytest.raises(BenchError, match=message):
        make(**dut).start()


def test_commands_answer_with_their_status(make):
    commands = {
        "set_power": ["sh", "-c", "echo accepted {power_w}"],
        "status": ["sh", "-c", "echo tripped >&2; exit 1"],
    }
    controller = make(commands=commands)
    reply = controller.run("set_power", power_w="-3000")
    assert (reply.status, reply.out) == (0, "accepted -3000\n")
    assert controller.run("status").err == "tripped\n"
    controller.start()
    with pytest.raises(BenchError, match=r"dut.commands.status: exit status 1 from .*\n  tripped"):
        controller.must("status")


def test_a_failed_command_of_a_dead_controller_is_the_controllers_end(make):
    controller = make(commands={"status": ["false"]})
    with pytest.raises(BenchError, match="is not running"):
        controller.must("status")


@pytest.mark.parametrize(
    ("commands", "message"),
    [
        ({}, "dut.commands.status: the rig names no such command"),
        ({"status": ["v2g-nothing"]}, "dut.commands.status: no such program"),
    ],
)
def test_a_command_that_is_not_there_is_named(make, commands, message):
    with pytest.raises(BenchError, match=message):
        make(commands=commands).run("status")


def test_an_external_controller_is_left_alone(make):
    controller = make(kind="external")
    controller.start()
    assert controller.alive()
    controller.stop()
    assert (controller.program(), controller.version(), controller.starts) == (("", ""), "", 0)


@pytest.fixture
def ems(tmp_path):
    """A controller's program."""
    program = tmp_path / "ems"
    program.write_text(f"#!{sys.executable}\nprint('EMS 4.2')\n")
    program.chmod(0o755)
    return program


def test_its_program_has_a_digest_and_its_version_is_what_it_says(make, ems):
    controller = make(command=[str(ems)], name="EMS")
    assert controller.program() == (str(ems), hashlib.sha256(ems.read_bytes()).hexdigest())
    assert (controller.version(), controller.wrapper()) == ("4.2", "")


@pytest.mark.parametrize(
    "command", [["env", "A=b"], ["sh", "-c"], [sys.executable], ["nice", "-n", "5"], ["taskset", "1"]]
)
def test_what_starts_it_is_not_taken_for_it(make, ems, command):
    controller = make(command=[*command, str(ems)])
    assert (controller.program(), controller.version(), controller.wrapper()) == (("", ""), "", command[0])


def test_nor_is_a_script_or_a_link_that_leads_to_such_a_program(make, tmp_path):
    script, link = tmp_path / "start", tmp_path / "ems-link"
    script.write_text("#!/usr/bin/env bash\nexec ems\n")
    script.chmod(0o755)
    link.symlink_to("/bin/sh")
    assert [make(command=[str(one)]).wrapper() for one in (script, link)] == [str(script), str(link)]


def test_the_rig_states_what_is_meant(make, ems, tmp_path):
    stated = {"command": ["sh", "-c", "x"], "version": [str(ems)], "name": "EMS"}
    controller = make(**stated, program="{folder}/ems")
    assert controller.program() == (str(ems), hashlib.sha256(ems.read_bytes()).hexdigest())
    assert (controller.version(), controller.wrapper()) == ("4.2", "")
    _, of_two = make(**stated, program=[str(ems), str(ems)]).program()
    assert of_two not in {"", controller.program()[1]}
    with pytest.raises(BenchError, match=r"dut.program: .*gone cannot be read: No such file"):
        make(**stated, program="{folder}/gone").program()


def test_an_answer_that_is_no_text_is_read_as_far_as_it_goes(make):
    controller = make(commands={"status": ["printf", r"45 \260C"]})
    assert controller.run("status").out == "45 \ufffdC"


def test_a_command_that_is_no_program_is_an_error(make, tmp_path):
    program = tmp_path / "status"
    program.write_bytes(b"\x7fELF no program")
    program.chmod(0o755)
    with pytest.raises(BenchError, match=r"dut.commands.status: .*status cannot be run: Exec format error"):
        make(commands={"status": [str(program)]}).run("status")


def test_an_external_controller_may_have_commands_that_start_and_stop_it(make, tmp_path):
    log = tmp_path / "v2g.log"
    commands = {"start": ["sh", "-c", f"echo up >> {log}"], "stop": ["sh", "-c", f"echo down >> {log}"]}
    controller = make(kind="external", commands=commands)
    assert controller.restarts
    controller.start()
    assert (controller.starts, controller.log.since_mark()) == (1, "up\n")
    controller.stop()
    assert log.read_text() == "up\ndown\n"


@pytest.mark.parametrize("status", [0, 1])
def test_a_start_command_that_starts_nothing_is_said(make, status):
    controller = make(kind="external", commands={"start": ["sh", "-c", f"echo no >&2; exit {status}"]}, ready_s=0.2)
    with pytest.raises(BenchError, match="exit status 1" if status else "no line in its log .* within 0.2 s"):
        controller.start()


@pytest.mark.parametrize(
    ("dut", "message"),
    [
        ({"kind": "process", "command": []}, "a process needs its command"),
        ({"kind": "ssh"}, "ssh needs a host"),
        ({"kind": "ssh", "host": "-oProxyCommand=x"}, "host"),
        ({"kind": "ssh", "host": "ems.lab", "command": []}, "say what runs on ems.lab: log, commands"),
        ({"kind": "external", "host": "ems.lab"}, 'host and ssh_options are for kind = "ssh"'),
    ],
)
def test_a_rig_file_that_contradicts_itself(dut, message):
    with pytest.raises(ValueError, match=message):
        Dut(**dut)
