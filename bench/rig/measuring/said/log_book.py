"""The controller's log of one test, each line with the times between which it was written.

The time comes from how long the log was whenever the bench did something: the format of a line is the maker's, and so is
whatever time it states.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from v2g_bench.rig.dut.controller_log import LogTail


@dataclass(frozen=True)
class Line:
    """One line, written after from_s and before to_s (bench clock)."""

    from_s: float
    to_s: float
    text: str


class LogBook:
    """Reads beside the log that a test marks and searches."""

    def __init__(self, path: Path, now_s: float) -> None:
        self._path, self._tail = path, LogTail(path)
        self._times: list[float] = []
        self._sizes: list[int] = []
        self.note(now_s)

    def note(self, now_s: float) -> None:
        """It is so long now."""
        try:
            size = self._path.stat().st_size
        except OSError:
            size = 0
        self._times.append(now_s)
        self._sizes.append(size)

    def lines(self, now_s: float) -> list[Line]:
        """All since the test began. A log that was started again meanwhile has no times but those of the test."""
        content = self._tail.read_since_mark()
        self.note(now_s)
        begin = self._tail.looked[0]
        if self._tail.rotated or begin != self._sizes[0] or sorted(self._sizes) != self._sizes:
            return [Line(self._times[0], now_s, text) for text in content.decode("utf-8", "replace").splitlines()]
        return list(self._dated(content, begin, now_s))

    def _dated(self, content: bytes, begin: int, now_s: float) -> Iterator[Line]:
        place = begin
        for line in content.splitlines(keepends=True):
            before = bisect_right(self._sizes, place) - 1
            after = bisect_left(self._sizes, place + len(line))
            to_s = self._times[after] if after < len(self._times) else now_s
            yield Line(self._times[max(0, before)], to_s, line.decode("utf-8", "replace").rstrip("\r\n"))
            place += len(line)
