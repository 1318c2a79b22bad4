"""Starts certifications fast: everything is imported once, and each run is a fork of this process that has nothing open.

Run as a program it serves orders, one JSON line each on standard input, with one line as the answer: the order's number and
its result. {"number": n, "arguments": [...], "words": path, "env": {...}} starts pytest in the current folder (result: its
process id), {"number": n, "wait": pid} takes its exit status (negative for a signal), null while it runs. It ends with its
standard input.

`Launcher` is the other side; a `Forked` run is handled as a subprocess.Popen is.
"""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class Launcher:
    """The serving process; `folder` is where its runs run."""

    def __init__(self, folder: Path) -> None:
        self._number, self._lock = 0, threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, __file__], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, **order: Any) -> Any:
        """The result of one order. What an order that a timeout broke off has left in the pipe is passed over."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._number += 1
            self._process.stdin.write(json.dumps(order | {"number": self._number}) + "\n")
            self._process.stdin.flush()
            for line in self._process.stdout:
                number, result = json.loads(line)
                if number == self._number:
                    return result
        raise AssertionError(f"the launcher has ended with {self._process.wait()}")

    def start(self, arguments: Sequence[str], words: Path, env: Mapping[str, str]) -> "Forked":
        """`pytest ARGUMENTS` in a session of its own, with this environment alone; what it says goes to a file."""
        return Forked(self, self.ask(arguments=[*arguments], words=str(words), env=dict(env)))

    def close(self) -> None:
        """End it; runs that still live go on."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


class Forked:
    """One run."""

    def __init__(self, launcher: Launcher, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._launcher = launcher

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._launcher.ask(wait=self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status; subprocess.TimeoutExpired when the time (s) is over."""
        if self.poll() is None:
            end = os.pidfd_open(self.pid)
            try:
                select.select([end], [], [], timeout)
            finally:
                os.close(end)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired("pytest", timeout or 0.0)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def serve() -> int:
    """Orders until standard input ends: 0; in each fork: the exit status of its pytest."""
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            pid, status = os.waitpid(order["wait"], os.WNOHANG)
            result = os.waitstatus_to_exitcode(status) if pid else None
        else:
            result = os.fork()
            if not result:
                return _run(**order)
        print(json.dumps([order["number"], result]), flush=True)
    return 0


def _run(number: int, arguments: list[str], words: str, env: dict[str, str]) -> int:
    """As a shell would have started it."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever this process was told to ignore
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = None
    sys.argv = ["pytest", *arguments]
    sys.path[0] = str(Path.cwd())  # as `python -m pytest` has it
    sys.path[1:1] = [folder for folder in env.get("PYTHONPATH", "").split(os.pathsep) if folder not in ("", *sys.path)]
    nothing, out = os.open(os.devnull, os.O_RDONLY), os.open(words, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for source, target in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(source, target)
    return int(pytest.main(arguments))


if __name__ == "__main__":
    import gc

    import can  # noqa: F401
    import cantools  # noqa: F401
    import numpy as np  # noqa: F401
    import pytest
    import pyvisa  # noqa: F401

    from v2g_bench.fixtures import session  # noqa: F401
    from v2g_bench.rig.parts import real as open  # noqa: A004, F401
    from v2g_bench.sim import rig  # noqa: F401

    gc.freeze()  # forks share what is there
    sys.exit(serve())
