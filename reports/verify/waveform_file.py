"""One waveform's file of a run folder: its samples, the marks of its picture, and the evidence that schema 2 kept there."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from v2g_bench.errors import BenchError
from v2g_bench.evidence import schema2
from v2g_bench.evidence.record import Evidence
from v2g_bench.inputs.npz import read_npz
from v2g_bench.metrology.waveform import Waveform


@dataclass(frozen=True)
class WaveformFile:
    """What the file holds, by name."""

    path: Path
    entries: Mapping[str, Any]

    @classmethod
    def load(cls, folder: Path, name: str) -> Self:
        """The file `name` of the run `folder`; BenchError where it lies outside, or cannot be read."""
        path = inside(folder, name)
        return cls(path, read_npz(path))

    def waveform(self) -> Waveform:
        """The samples; BenchError where there are none."""
        samples = self._entry("samples")
        try:
            return Waveform.of(self.mark("start_s"), self.mark("dt_s"), samples, str(self._entry("unit")))
        except (ValueError, TypeError, OverflowError) as error:
            raise BenchError(str(self.path), f"holds no samples: {error}", schema2.HINT) from error

    def mark(self, name: str) -> float:
        """A number; BenchError where the file lacks it."""
        try:
            return float(self._entry(name))
        except (ValueError, TypeError, OverflowError) as error:
            raise BenchError(str(self.path), f"{name} is no number: {error}", schema2.HINT) from error

    def evidence(self) -> Evidence:
        """What a latency of a run of schema 2 was computed with; BenchError where the file lacks it."""
        return schema2.evidence_of_marks(self.entries, str(self.path))

    def _entry(self, name: str) -> Any:
        if name not in self.entries:
            raise BenchError(str(self.path), f"lacks {name}", schema2.HINT)
        return self.entries[name]


def inside(folder: Path, name: str) -> Path:
    """The path of a file of the run; BenchError where the name leads out of its folder, or is none."""
    path = Path(name)
    if not name or path.is_absolute() or ".." in path.parts:
        raise BenchError(name or "waveform", "must lie inside the run folder")
    return folder / path
