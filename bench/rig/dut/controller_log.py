"""The controller's log from a marked place on: a file here, or a file or journal that is copied here while it grows.

    file:     dut.log = "/var/log/v2g-main.log"
    journal:  dut.log = "journal:v2g-main.service"

Of a file on another machine, and of a journal, only what comes after the opening is copied, into the run folder: it is
evidence. The copy lags by what the connection takes; a copy that has ended is an error, never an empty log.
"""

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from v2g_bench.errors import BenchError
from v2g_bench.rig.dut.host import Host, Launched, launch

JOURNAL = "journal:"
LAST_BYTES = 256
OPEN_S, CLOSE_S = 10.0, 8.0
LAG_S = 0.5  # journald passes new lines to a follower each 250 ms, `tail` checks each 100 ms
READY = b"v2g-bench follows"

# What is in the file already is left out; from "follows" on nothing is missed, also if it is only created then.
FOLLOW_FILE = """
size=$(wc -c <"$1" 2>/dev/null || echo 0)
echo v2g-bench follows >&2
exec tail -s 0.1 -c +$((size + 1)) -F "$1"
"""
FOLLOW_JOURNAL = """
unit=$1
cursor=$(journalctl -u "$unit" -n 1 -o export --no-pager | sed -n 's/^__CURSOR=//p') || exit 1
set --
if [ -n "$cursor" ]; then set -- --after-cursor="$cursor"; fi
echo v2g-bench follows >&2
exec journalctl -u "$unit" -f --no-tail -o short-precise --no-pager "$@"
"""


class LogTail:
    """A log file from a marked place on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._start, self._before = 0, b""
        self.looked = (0, 0)  # first and last place (bytes) of what was read last
        self.mark()

    def open(self) -> None:
        """A file that exists, or will."""

    def close(self) -> None:
        """Nothing is open between two readings."""

    def mark(self) -> None:
        """Skip the file's content until now; BenchError if it cannot be read."""
        self._start, self._before = 0, b""
        with self._readable(), self.path.open("rb") as file:
            self._start = file.seek(0, os.SEEK_END)
            self._before = self._end_of(file, self._start)

    def since_mark(self) -> str:
        """The text written since the mark; all of it where the file was started again meanwhile. BenchError as `mark`."""
        return self.read_since_mark().decode("utf-8", "replace")

    def read_since_mark(self) -> bytes:
        """The same as it stands in the file; `looked` is its place there."""
        with self._readable(), self.path.open("rb") as file:
            same = file.seek(0, os.SEEK_END) >= self._start and self._end_of(file, self._start) == self._before
            start = file.seek(self._start if same else 0)
            content = file.read()
            self.looked = (start, start + len(content))
            return content
        return b""

    @staticmethod
    def _end_of(file: BinaryIO, place: int) -> bytes:
        """The bytes before a place in the file: they show whether the file was rotated or truncated."""
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


class CopiedLog(LogTail):
    """A log that is elsewhere: `source` on `host`, copied to `path` from `open` to `close`."""

    def __init__(self, host: Host, source: str, path: Path) -> None:
        self._host, self._source = host, source
        self._following: Launched | None = None
        self._words = path.with_name(path.name + ".stderr")
        super().__init__(path)

    def open(self) -> None:
        """Begin to copy; returns when nothing can be missed any more. BenchError if it cannot be followed."""
        if self._following is not None:
            return
        script, name = FOLLOW_FILE, self._source
        if name.startswith(JOURNAL):
            script, name = FOLLOW_JOURNAL, name.removeprefix(JOURNAL)
        with self.path.open("ab") as out, self._words.open("wb") as err:
            self._following = launch(self._host, ["sh", "-c", script, "v2g-log", name], out, err, "dut.log")
        deadline_s = time.monotonic() + OPEN_S
        while READY not in self._words.read_bytes():
            self._require_running()
            if time.monotonic() > deadline_s:
                self.close()
                raise self._lost(f"does not begin within {OPEN_S:g} s")
            time.sleep(0.01)

    def since_mark(self) -> str:
        """As of any log; BenchError where the copy has ended."""
        if self._following is not None:
            self._require_running()
        return super().since_mark()

    def close(self) -> None:
        """End the copy, when the last lines have arrived."""
        following, self._following = self._following, None
        if following is not None:
            if following.process.poll() is None:
                time.sleep(LAG_S)
            following.end(CLOSE_S)

    def _require_running(self) -> None:
        assert self._following is not None
        if (status := self._following.process.poll()) is not None:
            raise self._lost(f"has ended (status {status})")

    def _lost(self, what: str) -> BenchError:
        message = self._words.read_text("utf-8", "replace").replace(READY.decode(), "").strip().splitlines()
        there = f" on {self._host.name}" if self._host.name else ""
        return BenchError(
            "dut.log", f"the copy of {self._source}{there} {what}: {' / '.join(message[-3:]) or 'it printed nothing'}"
        )


def log_of(host: Host, source: str, folder: Path) -> LogTail:
    """The log `source` (a path, or journal:UNIT) on this host."""
    if not host.name and not source.startswith(JOURNAL):
        return LogTail(Path(source))
    return CopiedLog(host, source, folder / "dut.log")
