"""v2g-main.log: one line per event, written through at once.

    2026-11-22T22:14:07.123456+00:00 12345.678901 WARNING 0x01A2 High Thermal Gradient: …

Columns: wall time, seconds on the monotonic clock, level, code ("-" without), text. The file is rotated by size. Under
systemd each line also goes to the journal, with its priority. A log that cannot be written is reported on stderr once, the
lines go there instead, and the controller continues; each line is tried, and the first that succeeds states how many are
missing. All of that is done outside the controller's loop (`Log`): a disk that hangs costs lines, which are counted, and
no time.
"""

import contextlib
import logging
import os
import select
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from v2g_bench.ems.model.actions import Level, LogLine
from v2g_bench.ems.ports.aside import Worker

_STDERR = 2
_PIPE_ATOMIC = 4096  # PIPE_BUF of Linux: this much is written at once when the pipe is writable at all
_STUCK_S = 2.0
_PRIORITY = {Level.INFO: 6, Level.WARNING: 4, Level.ERROR: 3}  # sd-daemon(3)


class MainLog:
    """Appends to one file. It is reopened after an error, or when another process has moved it.

    max_bytes: rotated before a line would make it longer; keep: so many old files, path.1 the youngest. environ: where
    systemd states that stderr is the journal.
    """

    def __init__(
        self, path: Path, max_bytes: int = 10_000_000, keep: int = 5, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._path, self._max_bytes, self._keep = path, max_bytes, keep
        self._fd: int | None = None
        self._size = 0
        self._missing = 0
        self._journal = _is_journal(environ.get("JOURNAL_STREAM", ""))

    def write(self, line: LogLine, now_s: float, wall: datetime | None = None) -> None:
        """Append one line of that time, of now without one; never raises."""
        wall = wall or datetime.now(UTC)
        data = _line(line, now_s, wall)
        if self._journal:
            _write_stderr(_journal_line(line))
        try:
            if self._missing:
                lost = f"{self._missing} lines before this one are missing here: the log could not be written"
                self._append(_line(LogLine(Level.WARNING, "-", lost), now_s, wall) + data)
            else:
                self._append(data)
            self._missing = 0
        except OSError as error:
            self.close()
            if not self._missing:
                _write_stderr(f"v2g-daemon: {self._path}: cannot be written: {error}; going on without\n".encode())
            self._missing += 1
            if not self._journal:
                _write_stderr(data)

    def lose(self, lines: int) -> None:
        """Count lines that never reached this file; the next line states the number."""
        self._missing += lines

    def close(self) -> None:
        """Close the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _append(self, data: bytes) -> None:
        if self._fd is None or not self._in_place(self._fd):
            self._open()
        if self._size and self._size + len(data) > self._max_bytes:
            self._rotate()
        assert self._fd is not None
        written = os.write(self._fd, data)
        if written != len(data):
            os.ftruncate(self._fd, self._size)  # half a line would spoil the next one
            raise OSError("the disk took only a part of the line")
        self._size += written

    def _open(self) -> None:
        self.close()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
        self._size = os.fstat(self._fd).st_size

    def _rotate(self) -> None:
        """path.4 becomes path.5 and so on; the former path.5 is removed."""
        self.close()
        for number in range(self._keep - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                self._old(number).replace(self._old(number + 1))
        self._path.replace(self._old(1))
        self._open()

    def _old(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _in_place(self, fd: int) -> bool:
        try:
            there, ours = self._path.stat(), os.fstat(fd)
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


class Log:
    """The main log, written outside the loop. terminal: writes to stderr."""

    def __init__(self, main: MainLog, terminal: Worker, most_waiting: int = 1000) -> None:
        self._main, self._terminal = main, terminal
        self._worker = Worker("log", most_waiting)
        self._lost = 0
        self._told = False

    def write(self, line: LogLine, now_s: float) -> None:
        """Append one line, with the time of this call; never waits, never raises. What there is no room for is counted."""
        wall = datetime.now(UTC)
        stuck = self._worker.busy_s > _STUCK_S
        if stuck:
            if not self._told:
                self.tell("v2g-daemon: the log hangs; continuing without it, log lines are also written here\n")
            self.tell(partial(_line, line, now_s, wall))
        self._told = stuck
        if self._lost and self._worker.give(partial(self._main.lose, self._lost)):
            self._lost = 0
        if self._lost or not self._worker.give(partial(self._main.write, line, now_s, wall)):
            self._lost += 1

    def tell(self, text: str | Callable[[], bytes]) -> None:
        """Write this to stderr; a text that needs files (a traceback) is made there."""
        self._terminal.give(partial(_tell_all, text))

    async def close(self, timeout_s: float = 1.0) -> None:
        """Everything is written when this returns, or given up after the timeout."""
        with contextlib.suppress(TimeoutError):
            await self._worker.run(self._main.close, timeout_s)
        with contextlib.suppress(TimeoutError):
            await self._terminal.run(lambda: None, timeout_s)


class LibraryLog(logging.Handler):
    """Messages of libraries and of Python itself also go to stderr, outside the loop."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.tell(lambda: self.format(record).encode("utf-8", "backslashreplace") + b"\n")


def _tell_all(text: str | Callable[[], bytes]) -> None:
    data = text.encode("utf-8", "backslashreplace") if isinstance(text, str) else text()
    for start in range(0, len(data), _PIPE_ATOMIC):
        _write_stderr(data[start : start + _PIPE_ATOMIC])


def _line(line: LogLine, now_s: float, wall: datetime) -> bytes:
    columns = f"{wall.isoformat(timespec='microseconds')} {now_s:.6f} {line.level} {line.code}"
    return f"{columns} {_one_line(line)}\n".encode("utf-8", "backslashreplace")


def _journal_line(line: LogLine) -> bytes:
    return f"<{_PRIORITY[line.level]}>{line.code} {_one_line(line)}\n".encode("utf-8", "backslashreplace")


def _one_line(line: LogLine) -> str:
    return " ".join(line.text.splitlines())


def _is_journal(stream: str) -> bool:
    """Whether stderr is what systemd has connected to the journal: JOURNAL_STREAM is its device:inode."""
    try:
        ours = os.fstat(_STDERR)
    except OSError:
        return False
    return stream == f"{ours.st_dev}:{ours.st_ino}"


def _write_stderr(data: bytes) -> None:
    """Write to stderr unless that would block: a pipe without a reader must not hold up the controller."""
    waiting = select.poll()
    waiting.register(_STDERR, select.POLLOUT)
    # Without the log and without stderr there is no place left to report to.
    with contextlib.suppress(OSError):
        if waiting.poll(0):
            os.write(_STDERR, data[:_PIPE_ATOMIC])
