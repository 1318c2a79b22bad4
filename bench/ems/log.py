"""v2g-main.log: one line per event, written through at once.

    2026-11-22T22:14:07.123456+00:00 12345.678901 WARNING 0x01A2 High Thermal Gradient: …

Columns: wall time, seconds on the monotonic clock, level, code ("-" without), text. A log that cannot be written is
said on stderr once, the lines go there instead, and the controller goes on; each line tries anew.
"""

import contextlib
import os
import select
from datetime import UTC, datetime
from pathlib import Path

from v2g_bench.ems.actions import LogLine

_STDERR = 2
_PIPE_ATOMIC = 4096  # PIPE_BUF of Linux: so much goes in at once when the pipe is writable at all


class MainLog:
    """Appends to one file. It is opened anew after an error, or when it has been moved away (log rotation)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None
        self._complained = False

    def write(self, line: LogLine, now_s: float) -> None:
        """Append one line; never raises."""
        wall = datetime.now(UTC).isoformat(timespec="microseconds")
        text = " ".join(line.text.splitlines())
        data = f"{wall} {now_s:.6f} {line.level} {line.code} {text}\n".encode()
        try:
            if self._fd is None or not self._in_place(self._fd):
                self._open()
            assert self._fd is not None
            if os.write(self._fd, data) != len(data):
                raise OSError("the disk took only a part of the line")
            self._complained = False
        except OSError as error:
            self.close()
            if not self._complained:
                self._complained = True
                _tell(f"v2g-daemon: {self._path}: cannot be written: {error}; going on without\n".encode())
            _tell(data)

    def close(self) -> None:
        """Close the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self) -> None:
        self.close()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def _in_place(self, fd: int) -> bool:
        try:
            there, ours = self._path.stat(), os.fstat(fd)
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


def _tell(data: bytes) -> None:
    """Write to stderr unless that would wait: a pipe that nobody reads must not hold up the controller."""
    waiting = select.poll()
    waiting.register(_STDERR, select.POLLOUT)
    # Without the log and without stderr there is nobody left to tell.
    with contextlib.suppress(OSError):
        if waiting.poll(0):
            os.write(_STDERR, data[:_PIPE_ATOMIC])
