"""One command of the controller, carried out: its time, its output and what it leaves behind are bounded.

Its output goes into files and not into pipes: a pipe ends when the last process that inherited it ends, and a command may leave
one behind. Its process group is ended with it, unless it is there to leave something behind, as a `start` is.
"""

import contextlib
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from v2g_bench.errors import BenchError

MOST_BYTES = 1_000_000  # of its output, and of its errors
_LOOK_S = 0.2  # how often the size of its output is looked at


@dataclass(frozen=True)
class Done:
    """How it ended, and what it printed; what is not UTF-8 in it is shown as U+FFFD."""

    status: int
    out: str
    err: str


def carry_out(command: Sequence[str], key: str, within_s: float, *, leaves: bool = False) -> Done:
    """Run a program of this machine to its end. leaves: what it started goes on.

    BenchError that names `key` where it cannot be run, has not ended within the time or prints without an end.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            hint = "is it executable, and does its first line name an interpreter that is here?"
            raise BenchError(key, f"{command[0]} cannot be run: {why}", hint) from None
        ended = False
        try:
            _await(process, (out, err), key, within_s, command)
            ended = True
        finally:  # also for Ctrl-C
            if not (ended and leaves):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
            status = process.wait()
        return Done(status, _text(out), _text(err))


def _await(
    process: "subprocess.Popen[bytes]", files: Sequence[IO[bytes]], key: str, within_s: float, command: Sequence[str]
) -> None:
    """Until it has ended; it is not yet reaped then, so that its process group is still its own."""
    end_s, handle = time.monotonic() + within_s, os.pidfd_open(process.pid)
    try:
        ending = select.poll()
        ending.register(handle, select.POLLIN)
        while not ending.poll(1000 * min(_LOOK_S, max(0.0, end_s - time.monotonic()))):
            if max(os.fstat(file.fileno()).st_size for file in files) > MOST_BYTES:
                raise BenchError(key, f"printed more than {MOST_BYTES:,} bytes and goes on: {' '.join(command)}")
            if time.monotonic() >= end_s:
                raise BenchError(key, f"no answer within {within_s:g} s: {' '.join(command)}")
    finally:
        os.close(handle)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    text = file.read(MOST_BYTES).decode("utf-8", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")
