"""The plant's own record of its current: a file that shows what really happened, also after the process has ended.

One line per EVERY_S, and each at once in the file: bench clock (s), DC current (A, + into the battery), contactor state.
The last line is the plant's end. It serves to test the bench; no measurement uses it.
"""

import os
from pathlib import Path

from v2g_bench.errors import BenchError
from v2g_bench.plant.model import Plant

EVERY_S = 0.01
HEAD = b"bench_s,current_a,contactor_state,event\n"


class TruthRecorder:
    """Writes the file; call `look` after each step of the plant."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise BenchError(str(path), f"cannot be written: {error.strerror}") from None
        os.write(self._file, HEAD)
        self._due_s = 0.0

    def look(self, plant: Plant) -> None:
        """Record the plant's state, if it is due."""
        if plant.now_s >= self._due_s:
            self._due_s = plant.now_s + EVERY_S
            self._write(plant, "")

    def close(self, plant: Plant) -> None:
        """The last line."""
        self._write(plant, "end")
        os.close(self._file)

    def _write(self, plant: Plant, event: str) -> None:
        line = f"{plant.now_s:.6f},{plant.dc_current_a:.4f},{int(plant.contactor_state)},{event}\n"
        os.write(self._file, line.encode())
