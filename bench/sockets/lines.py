"""Lines out of a stream, without I/O.

>>> lines = Lines(most_bytes=10)
>>> lines.add(b'{"a": 1}\\n{"b"')
>>> lines.take(), lines.take(), lines.begun
(b'{"a": 1}', None, True)
"""

import json
from collections.abc import Mapping
from typing import Any

CHUNK = 65536  # bytes that are read at once


class LineTooLong(Exception):
    """A line has no end within the bytes it may have."""


class Lines:
    """Collects bytes until a line is whole. Holds at most `most_bytes` of a line that is not, and what was added last."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._data = bytearray()
        self._searched = 0

    @property
    def begun(self) -> bool:
        """Whether there are bytes that nobody has taken."""
        return bool(self._data)

    @property
    def ready(self) -> bool:
        """Whether `take` has a line to give, or an error."""
        try:
            return self._end() is not None
        except LineTooLong:
            return True

    def add(self, part: bytes) -> None:
        """What came next from the stream."""
        self._data += part

    def take(self) -> bytes | None:
        """The next whole line without its end; None: there is none yet. Raises: LineTooLong."""
        end = self._end()
        if end is None:
            return None
        line = bytes(self._data[:end])
        del self._data[: end + 1]
        self._searched = 0
        return line

    def rest(self) -> bytes | None:
        """The stream has ended, and the last line with it; None: there is none."""
        rest, self._data = bytes(self._data), bytearray()
        return rest or None

    def _end(self) -> int | None:
        end = self._data.find(b"\n", self._searched)
        self._searched = len(self._data) if end < 0 else end
        if self._searched > self._most_bytes:
            raise LineTooLong(f"longer than {self._most_bytes} bytes")
        return None if end < 0 else end


def encoded(answer: Mapping[str, Any]) -> bytes:
    """One object as a line, ASCII."""
    return json.dumps(answer).encode("ascii") + b"\n"
