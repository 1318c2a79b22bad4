"""The device under test: a controller that the bench starts, here or on another machine, or one that already runs.

The bench sees of it what it would see of a stranger's controller: CAN, Modbus, its command line and its log.
States: new --start--> running --stop--> stopped, at the end `close`; a guard ends it where the bench no longer can;
`alive()` distinguishes a crashed controller from one that tripped.

    kind        it runs                         its commands and its log are
    process     as long as the bench wants      here
    external    already, or by its `start`      here
    ssh         as long as the bench wants,     on `host`
                already where command = []
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from v2g_bench.errors import BenchError
from v2g_bench.priority import favoured
from v2g_bench.rig.dut.command import carry_out
from v2g_bench.rig.dut.controller_log import log_of
from v2g_bench.rig.dut.host import SSH_FAILED, Host, Launched, SshHost, ThisMachine, launch
from v2g_bench.rig.dut.identity import Identity
from v2g_bench.rig.file.model import Dut
from v2g_bench.rig.safety.supervisor_client import SupervisorClient

STOP_S = 5.0
FAR_STOP_S = 8.0  # the same on another machine, where a program that ignores SIGTERM is killed after 5 s
COMMAND_S = 10.0
LEAVES = ("start", "power_cycle")  # commands that may leave a controller behind as their child
# A program that begins when it is told to, on standard input, and never where the bench has ended before that.
GATED = 'read -r go && exec "$@" </dev/null'


@dataclass(frozen=True)
class Reply:
    """What a command of the controller answered."""

    command: list[str]
    status: int
    out: str
    err: str


class Witness(Protocol):
    """Who is told what is asked of a controller, and what it answers."""

    def asks(self, name: str, values: Mapping[str, str]) -> None:
        """One of [dut.commands] is about to be run, with these placeholders."""
        ...

    def answered(self, reply: Reply) -> None:
        """Its answer."""
        ...

    def started(self) -> None:
        """The controller has been started."""
        ...


class Controller:
    """Starts, stops, commands one controller and reads its log. Placeholders of its command lines come as `values`.

    favour: the controller shares this machine with an emulated world and is favoured over ordinary work (`priority`).
    guard: ends it when the bench has ended.
    """

    def __init__(
        self,
        dut: Dut,
        values: dict[str, str],
        folder: Path,
        *,
        favour: bool = False,
        supervisor: SupervisorClient | None = None,
    ) -> None:
        self.dut = dut
        self._favoured = favour
        self._values = values
        self._folder = folder
        self._host: Host = SshHost(dut.host, dut.ssh_options) if dut.kind == "ssh" else ThisMachine()
        self._runs = dut.kind == "process" or (dut.kind == "ssh" and bool(dut.command))
        self._process: subprocess.Popen[bytes] | None = None
        self._far: Launched | None = None
        self._supervisor = supervisor
        self._stopped = False  # by the bench: then it has not died
        self.log = log_of(self._host, self._fill(dut.log), folder)
        self.starts = 0
        self.witness: Witness | None = None

    @property
    def restarts(self) -> bool:
        """Whether `start` starts it afresh; one that runs already and has no `start` command keeps running."""
        return self._runs or "start" in self.dut.commands

    def start(self) -> None:
        """Start it and wait until its log has a line; BenchError if it dies or logs nothing. See `restarts`."""
        self.log.open()
        if not self.restarts:
            return
        self._stopped = False
        self.log.mark()
        if self._runs:
            self._begin()
        else:
            self.must("start")
        self._has_started()
        deadline = time.monotonic() + self.dut.ready_s
        while not self.log.since_mark():
            if self._process is not None and self._process.poll() is not None:
                raise self._error(
                    f"ended with status {self._process.returncode} before it was ready", self._last_words()
                )
            if time.monotonic() > deadline:
                self.stop()
                raise self._error(
                    f"no line in its log {self._fill(self.dut.log)} within {self.dut.ready_s:g} s",
                    f"is dut.log the file it writes? {self._last_words() or 'it printed nothing'}",
                )
            time.sleep(0.01)
        self.log.begun()

    def _has_started(self) -> None:
        self.starts += 1
        if self.witness is not None:
            self.witness.started()

    def _begin(self) -> None:
        """Run its program, here or there."""
        words = [self._fill(word) for word in self.dut.command]
        command = words if self.dut.kind == "ssh" else self._host.argv(words)
        with (self._folder / "dut.stderr").open("ab") as stderr:
            try:
                if self.dut.kind == "ssh":
                    self._far = launch(self._host, command, stderr, stderr)
                    self._process = self._far.process
                else:
                    gated = ["/bin/sh", "-c", GATED, "v2g-bench", *command]
                    self._process = subprocess.Popen(
                        gated, stdin=subprocess.PIPE, stdout=stderr, stderr=stderr, start_new_session=True
                    )
            except OSError as error:
                raise BenchError("dut.command", f"{command[0]} cannot be started: {error.strerror}") from None
        if self._supervisor is not None:
            self._supervisor.watch(self._process.pid)
        if self._far is None:
            self._go(self._process)

    def _go(self, process: "subprocess.Popen[bytes]") -> None:
        """It is watched: from here on it may run."""
        if self._favoured:
            favoured(process.pid)
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin as gate:  # it has ended: `start` says so
            gate.write(b"go\n")

    def file(self, name: Literal["limits", "thermal_policy"]) -> Path:
        """One of [dut.files]; BenchError if the rig has no such file."""
        if name not in self.dut.files:
            raise BenchError(f"dut.files.{name}", "the rig names no such file", "add it to [dut.files]")
        return Path(self._fill(self.dut.files[name]))

    def alive(self) -> bool:
        """True while the controller runs; one that the bench does not run is assumed to."""
        return not self._runs or (self._process is not None and self._process.poll() is None)

    def require_alive(self) -> None:
        """BenchError if the controller died: a dead controller never passes a test. One that the bench has stopped,
        and was interrupted before it started it again, has not died."""
        if not self.alive() and not self._stopped:
            status = self._process.returncode if self._process else None
            raise self._error(f"is not running (exit status {status})", self._last_words())

    def run(self, name: str, **values: str) -> Reply:
        """Run one of [dut.commands]; BenchError if the rig has no such command or it hangs for 10 s."""
        if name not in self.dut.commands:
            raise BenchError(f"dut.commands.{name}", "the rig names no such command", "add it to [dut.commands]")
        words = [self._fill(word, **values) for word in self.dut.commands[name]]
        if self.witness is None:
            return self._answer(name, words)
        self.witness.asks(name, values)
        reply = self._answer(name, words)
        self.witness.answered(reply)
        return reply

    def _answer(self, name: str, words: list[str]) -> Reply:
        """What its program answers to this command line."""
        key = f"dut.commands.{name}"
        command = self._host.argv(words, key)
        done = carry_out(command, key, COMMAND_S, leaves=name in LEAVES)
        if isinstance(self._host, SshHost) and done.status == SSH_FAILED:
            raise self._host.failed(done.err)
        return Reply(command, done.status, done.out, done.err)

    def must(self, name: str, **values: str) -> Reply:
        """`run`, and BenchError if the command fails."""
        reply = self.run(name, **values)
        if reply.status != 0:
            self.require_alive()
            message = (reply.err or reply.out).strip() or "nothing"
            raise BenchError(
                f"dut.commands.{name}", f"exit status {reply.status} from {' '.join(reply.command)}", message
            )
        return reply

    def stop(self) -> None:
        """SIGTERM, SIGKILL after 5 s, and the same to processes it left behind; BenchError if it had to be killed.

        One that the bench does not run gets its `stop` command, if it has one and was started.
        """
        process, self._process = self._process, None
        far, self._far = self._far, None
        if process is None:
            if not self._runs and self.starts and "stop" in self.dut.commands:
                self.must("stop")
            return
        self._stopped = True
        try:
            killed = not far.end(FAR_STOP_S) if far else _killed(process)
        except BaseException:  # Ctrl-C while it ends: `close` goes on with it
            self._process, self._far = process, far
            raise
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it started and left behind
        if process.poll() is None:  # the supervisor keeps watching it
            raise self._error(
                f"process {process.pid} has not ended {STOP_S:g} s after SIGKILL",
                "it hangs in the kernel, in a driver most likely: check its device, or restart this machine",
            )
        if self._supervisor is not None:
            self._supervisor.forget(process.pid)
        if killed:
            raise self._error(f"did not end within {STOP_S:g} s of SIGTERM and was killed")

    @property
    def killable(self) -> bool:
        """Whether `kill` can end it: the bench runs it here, or the rig names a command for it."""
        return (self._runs and self.dut.kind != "ssh") or "kill" in self.dut.commands

    def kill(self) -> None:
        """SIGKILL, to it and to all that it started: it ends in the middle of what it does. See `killable`."""
        self._stopped = True
        if "kill" in self.dut.commands:
            self.must("kill")
            if self._far is not None:
                self._far.end(FAR_STOP_S)
            self._process = self._far = None
            return
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        _killed(process)  # waits for it
        if self._supervisor is not None:
            self._supervisor.forget(process.pid)

    @property
    def supply_switched(self) -> bool:
        """Whether `power_cycle` can take its supply away."""
        return "power_cycle" in self.dut.commands

    def power_cycle(self) -> None:
        """Its supply off and on again, by the rig's command; it starts by itself. See `supply_switched`."""
        self.must("power_cycle")

    def close(self) -> None:
        """`stop`, and nothing is read any more."""
        try:
            self.stop()
        finally:
            self.log.close()

    def program(self) -> tuple[str, str]:
        """Path and SHA-256 of the controller's program; empty where that is not known. See `identity`."""
        return self._identity().program()

    def version(self) -> str:
        """What it says of its version, without its name; empty where that is not known."""
        return self._identity().version().removeprefix(self.dut.name).strip()

    def wrapper(self) -> str:
        """The shell or tool that the command begins with, where the rig does not state the program behind it; else ""."""
        return self._identity().wrapper()

    def _identity(self) -> Identity:
        program = [self.dut.program] if isinstance(self.dut.program, str) else self.dut.program
        program, version = [self._fill(one) for one in program if one], [self._fill(one) for one in self.dut.version]
        command = self._fill(self.dut.command[0]) if self._runs else ""
        return Identity(self._host, command, program, version, self._output_of)

    def _output_of(self, words: list[str]) -> str:
        """The output of a program on the controller's host; empty where it fails."""
        try:
            done = carry_out(self._host.argv(words), "dut.command", COMMAND_S)
        except BenchError:
            return ""
        return done.out if done.status == 0 else ""

    def _fill(self, word: str, **values: str) -> str:
        try:
            return word.format(**self._values, **values)
        except (KeyError, IndexError) as error:
            known = ", ".join("{" + name + "}" for name in sorted({*self._values, *values}))
            raise BenchError("dut", f"unknown placeholder {error} in {word!r}", f"known: {known}") from None
        except (ValueError, AttributeError) as error:
            raise BenchError("dut", f"{word!r}: {error}", "a brace that is meant is written twice: {{ }}") from None

    def _last_words(self) -> str:
        path = self._folder / "dut.stderr"
        lines = path.read_text("utf-8", "replace").strip().splitlines() if path.exists() else []
        return "it said: " + " / ".join(lines[-3:]) if lines else ""

    def _error(self, what: str, hint: str = "") -> BenchError:
        return BenchError(f"controller {self.dut.name}", what, hint)


def _killed(process: "subprocess.Popen[bytes]") -> bool:
    """End a process here; True if it had to be killed. One that hangs in the kernel outlives that: see its `poll`."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
            return True
    return False
