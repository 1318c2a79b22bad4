"""The controller's log from a marked place on: a file here, or a file or journal that is copied here while it grows.

    file:     dut.log = "/var/log/v2g-main.log"
    journal:  dut.log = "journal:v2g-main.service"

Of a file on another machine, and of a journal, only what comes after the opening is copied, into the run folder: it is
evidence. The copy lags by what the connection takes; a copy that has ended is an error, never an empty log.
"""

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path

from v2g_bench.errors import BenchError
from v2g_bench.rig.dut.generations import Generations
from v2g_bench.rig.dut.host import Host, Launched, launch

JOURNAL = "journal:"
OPEN_S, CLOSE_S = 10.0, 8.0
LAG_S = 0.5  # journald passes new lines to a follower each 250 ms, `tail` checks each 100 ms
READY = b"v2g-bench follows"
# `tail` reads on by name; what was written to the old file after that, or before it was emptied, is not read.
LOST_THERE = re.compile(r"(?i)truncated|replaced|inaccessible")

# What is in the file already is left out; from "follows" on nothing is missed, also if it is only created then.
FOLLOW_FILE = """
size=$(wc -c <"$1" 2>/dev/null || echo 0)
echo v2g-bench follows >&2
LC_ALL=C exec tail -s 0.1 -c +$((size + 1)) -F "$1"
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
    """A log file from a marked place on, through all its generations."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.gaps: list[str] = []  # of its whole life: where lines may be lost
        self._since: Generations | None = None
        self._marked = 0
        self.mark()

    def open(self) -> None:
        """A file that exists, or will."""

    def close(self) -> None:
        """Nothing has to be ended."""

    def mark(self) -> None:
        """Skip the file's content until now; BenchError if it cannot be read."""
        with self._readable():
            if self._since is not None:
                self._look(self._since)
            self._since, self._marked = Generations(self.path), len(self.gaps)

    def since_mark(self) -> str:
        """The text written since the mark, in all files that it was written to. BenchError as `mark`."""
        return self.read_since_mark().decode("utf-8", "replace")

    def read_since_mark(self) -> bytes:
        """The same as it stands there."""
        assert self._since is not None
        with self._readable():
            self._look(self._since)
        return self._since.content

    @property
    def lost(self) -> str:
        """Where lines since the mark may be lost, as of the last reading; "" where none are."""
        return "; ".join(self.gaps[self._marked :])

    @property
    def looked(self) -> tuple[int, int]:
        """First and last place (bytes) of what was read last, in the file as it is now."""
        assert self._since is not None
        return self._since.looked

    @property
    def rotated(self) -> bool:
        """Whether what was read since the mark stands in more than one file."""
        assert self._since is not None
        return self._since.count > 1

    def begun(self) -> None:
        """Its writer has just started: that it began its file anew has lost nothing."""
        self.since_mark()
        del self.gaps[self._marked :]

    def _look(self, since: Generations) -> None:
        known = len(since.gaps)
        since.look()
        self.gaps += since.gaps[known:]

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        """Any trouble is a BenchError; a file that is not there yet is none."""
        try:
            yield
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
        self._told = 0
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

    def _look(self, since: Generations) -> None:
        """Of a rotation there only the follower tells."""
        super()._look(since)
        words = self._words.read_text("utf-8", "replace").splitlines() if self._words.exists() else []
        self.gaps += [line for line in words[self._told :] if LOST_THERE.search(line)]
        self._told = len(words)

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
