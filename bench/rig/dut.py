"""The device under test: a controller process that the bench starts, or one that is already running.

The bench sees of it what it would see of a stranger's controller: CAN, Modbus, its command line and its log file.
States: new --start--> running --stop--> stopped, at the end `close`; a guard ends it where the bench no longer can;
`alive()` tells a controller that crashed from one that tripped.
"""

import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from v2g_bench.errors import BenchError
from v2g_bench.priority import favoured
from v2g_bench.rig.guard import Guard
from v2g_bench.rig.model import Dut

STOP_S = 5.0
LAST_BYTES = 256


@dataclass(frozen=True)
class Reply:
    """What a command of the controller answered."""

    command: list[str]
    status: int
    out: str
    err: str


class LogTail:
    """The controller's log file from a marked place on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._start, self._before = 0, b""
        self.mark()

    def mark(self) -> None:
        """Forget what stands in the file until now; BenchError if it cannot be looked at."""
        self._start, self._before = 0, b""
        with self._readable(), self.path.open("rb") as file:
            self._start = file.seek(0, os.SEEK_END)
            self._before = self._end_of(file, self._start)

    def since_mark(self) -> str:
        """The text written since the mark; all of it where the file was begun anew meanwhile. BenchError as `mark`."""
        with self._readable(), self.path.open("rb") as file:
            same = file.seek(0, os.SEEK_END) >= self._start and self._end_of(file, self._start) == self._before
            file.seek(self._start if same else 0)
            return file.read().decode("utf-8", "replace")
        return ""

    @staticmethod
    def _end_of(file: BinaryIO, place: int) -> bytes:
        """The last of what stands before a place in the file: by it a rotated or truncated file is told."""
        file.seek(max(0, place - LAST_BYTES))
        return file.read(min(place, LAST_BYTES))

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        """A file that is not there yet is an empty one; any other trouble is a BenchError."""
        try:
            yield
        except FileNotFoundError:
            return
        except OSError as error:
            what = f"the controller's log {self.path} cannot be read: {error.strerror}"
            raise BenchError("dut.log", what, "is it a file, and may this user read it?") from None

    def find(self, pattern: str) -> re.Match[str] | None:
        """The first match of a regular expression since the mark."""
        return re.search(pattern, self.since_mark())


class Controller:
    """Starts, stops, commands one controller and reads its log. Placeholders of its command lines come as `values`.

    favour: the controller shares this machine with an emulated world and is favoured over ordinary work (`priority`).
    """

    def __init__(self, dut: Dut, values: dict[str, str], folder: Path, *, favour: bool = False) -> None:
        self.dut = dut
        self._favoured = favour
        self._values = values
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: Guard | None = None
        self.log = LogTail(Path(self._fill(dut.log)))
        self.starts = 0

    def start(self) -> None:
        """Start the process and wait until its log has a line; BenchError if it dies or says nothing."""
        if self.dut.kind == "external":
            return
        command = self._resolve([self._fill(word) for word in self.dut.command])
        self._guard = self._guard or Guard()
        self.log.mark()
        with (self._folder / "dut.stderr").open("ab") as stderr:
            try:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, start_new_session=True
                )
            except OSError as error:
                raise BenchError("dut.command", f"{command[0]} cannot be started: {error.strerror}") from None
        self._guard.watch(self._process.pid)
        self.starts += 1
        if self._favoured:
            favoured(self._process.pid)
        deadline = time.monotonic() + self.dut.ready_s
        while not self.log.since_mark():
            if self._process.poll() is not None:
                raise self._error(
                    f"ended with status {self._process.returncode} before it was ready", self._last_words()
                )
            if time.monotonic() > deadline:
                self.stop()
                raise self._error(
                    f"no line in its log {self.log.path} within {self.dut.ready_s:g} s",
                    f"is dut.log the file it writes? {self._last_words() or 'it said nothing'}",
                )
            time.sleep(0.01)

    def file(self, name: Literal["limits", "thermal_policy"]) -> Path:
        """One of [dut.files]; BenchError if the rig has no such file."""
        if name not in self.dut.files:
            raise BenchError(f"dut.files.{name}", "the rig names no such file", "add it to [dut.files]")
        return Path(self._fill(self.dut.files[name]))

    def alive(self) -> bool:
        """True while the controller runs; an external one is taken to."""
        return self.dut.kind == "external" or (self._process is not None and self._process.poll() is None)

    def require_alive(self) -> None:
        """BenchError if the controller died: a dead controller never passes a test."""
        if not self.alive():
            status = self._process.returncode if self._process else None
            raise self._error(f"is not running (exit status {status})", self._last_words())

    def run(self, name: str, **values: str) -> Reply:
        """Run one of [dut.commands]; BenchError if the rig has no such command or it hangs for 10 s."""
        if name not in self.dut.commands:
            raise BenchError(f"dut.commands.{name}", "the rig names no such command", "add it to [dut.commands]")
        command = self._resolve(
            [self._fill(word, **values) for word in self.dut.commands[name]], f"dut.commands.{name}"
        )
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            raise BenchError(f"dut.commands.{name}", f"no answer within 10 s: {' '.join(command)}") from None
        return Reply(command, done.returncode, done.stdout, done.stderr)

    def must(self, name: str, **values: str) -> Reply:
        """`run`, and BenchError if the command fails."""
        reply = self.run(name, **values)
        if reply.status != 0:
            self.require_alive()
            said = (reply.err or reply.out).strip() or "nothing"
            raise BenchError(f"dut.commands.{name}", f"exit status {reply.status} from {' '.join(reply.command)}", said)
        return reply

    def stop(self) -> None:
        """SIGTERM, SIGKILL after 5 s, and the same to whatever it left behind; BenchError if it had to be killed."""
        process, self._process = self._process, None
        if process is None:
            return
        killed = False
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                killed = True
                process.kill()
                process.wait(STOP_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it started and left behind
        if self._guard is not None:
            self._guard.forget(process.pid)
        if killed:
            raise self._error(f"did not end within {STOP_S:g} s of SIGTERM and was killed")

    def close(self) -> None:
        """`stop`, and nothing is watched over any more."""
        try:
            self.stop()
        finally:
            guard, self._guard = self._guard, None
            if guard is not None:
                guard.close()

    def program(self) -> tuple[str, str]:
        """Path and SHA-256 of the controller's program file; empty where the bench does not start it."""
        if self.dut.kind == "external":
            return "", ""
        path = Path(self._resolve(self.dut.command)[0])
        return str(path), hashlib.sha256(path.read_bytes()).hexdigest()

    def version(self) -> str:
        """What the program says to --version; empty where it does not answer or the bench does not start it."""
        if self.dut.kind == "external":
            return ""
        program = self._resolve(self.dut.command)[0]
        try:
            told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return told.stdout.strip().removeprefix(self.dut.name).strip() if told.returncode == 0 else ""

    def _fill(self, word: str, **values: str) -> str:
        try:
            return word.format(**self._values, **values)
        except (KeyError, IndexError) as error:
            known = ", ".join("{" + name + "}" for name in sorted({*self._values, *values}))
            raise BenchError("dut", f"unknown placeholder {error} in {word!r}", f"known: {known}") from None
        except (ValueError, AttributeError) as error:
            raise BenchError("dut", f"{word!r}: {error}", "a brace that is meant is written twice: {{ }}") from None

    def _resolve(self, command: list[str], key: str = "dut.command") -> list[str]:
        """The command with its program found: on PATH, else beside the Python that runs the bench."""
        beside = Path(sys.executable).parent / command[0]
        found = shutil.which(command[0]) or (str(beside) if beside.is_file() else None)
        if found is None:
            raise BenchError(key, f"no such program: {command[0]}", "is it installed, and on PATH?")
        return [found, *command[1:]]

    def _last_words(self) -> str:
        path = self._folder / "dut.stderr"
        lines = path.read_text("utf-8", "replace").strip().splitlines() if path.exists() else []
        return "it said: " + " / ".join(lines[-3:]) if lines else ""

    def _error(self, what: str, mend: str = "") -> BenchError:
        return BenchError(f"controller {self.dut.name}", what, mend)
