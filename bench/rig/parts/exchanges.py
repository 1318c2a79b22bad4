"""exchanges.jsonl: everything that the bench sent to inverter and instruments, and their answers, in order of time.

One line for each message, at once in the file: bench clock (s), part, direction (">" to the part, "<" from it, "!" trouble),
and the words: SCPI as text (a block by its length: its samples are in the waveforms), Modbus as the hexadecimal frame.

    {"at_s": 5012.034512, "part": "meters.ac_power", "dir": ">", "text": "NUM:VAL?"}
"""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

from v2g_bench.errors import BenchError

Note = Callable[[float, str, str], None]


class Exchanges:
    """The file; parts write into it from any thread. A disk error is raised by `check` and `close`, not to the part."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._problem = ""
        self.lines = 0
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise BenchError(str(path), f"cannot be written: {error.strerror}", "is the disk full?") from None

    def of(self, part: str) -> Note:
        """What this part calls with (bench clock in s, direction, words) for every message."""

        def note(at_s: float, direction: str, text: str) -> None:
            line = json.dumps({"at_s": round(at_s, 6), "part": part, "dir": direction, "text": text}) + "\n"
            with self._lock:
                try:
                    if self._file >= 0 and os.write(self._file, line.encode()) != len(line):
                        self._problem = self._problem or "No space left on device"
                    self.lines += 1
                except OSError as error:
                    self._problem = self._problem or error.strerror or str(error)

        return note

    def check(self) -> None:
        """BenchError if a line could not be written: evidence is lost."""
        if self._problem:
            raise BenchError(str(self._path), f"cannot be written: {self._problem}", "is the disk full?")

    def close(self) -> None:
        """Close the file; BenchError as `check`."""
        with self._lock:
            handle, self._file = self._file, -1
        if handle >= 0:
            os.close(handle)
        self.check()
