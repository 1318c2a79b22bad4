"""A recorded trace as the run wrote it: a .npz file in the run folder.

Always: `samples` (float), `start_s` (bench clock, of sample 0), `dt_s`, `unit`. A shutdown has, besides, `t0_s`,
`t1_s`, `threshold`, `limit_s` (t0 + limit), `guard_s` (limit minus guard band), `before` (the level before the fault);
a value that does not exist is NaN. Any other trace may have `quantity`, `limit_low`, `limit_high` and the event marks
`event_s` and `event_text`; one that shows a sequence has tracks besides: for each change its track's name
(`track_name`), its time (`track_s`), and what is so from then on (`track_text`; `track_on`: whether that is drawn filled);
`whole`: they are shown with all of the trace, and not around its first event alone.
"""

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from v2g_bench.errors import BenchError
from v2g_bench.inputs.npz import read_npz

Floats = NDArray[np.float64]

NAN = float("nan")
_SHUTDOWN = ("t0_s", "t1_s", "threshold", "limit_s", "guard_s", "before")
_NEEDED = ("samples", "start_s", "dt_s", "unit")


@dataclass(frozen=True)
class Step:
    """From `at_s` on a track is at `text`; on: drawn filled."""

    at_s: float
    text: str
    on: bool


@dataclass(frozen=True)
class Record:
    """Samples and the marks in them. Times in s on the bench clock; samples, threshold, levels and limits in unit."""

    samples: Floats
    start_s: float
    dt_s: float
    unit: str
    t0_s: float = NAN
    t1_s: float = NAN
    threshold: float = NAN
    limit_s: float = NAN
    guard_s: float = NAN
    before: float = NAN
    quantity: str = ""
    limit_low: float = NAN
    limit_high: float = NAN
    events: list[tuple[float, str]] = field(default_factory=list)
    tracks: dict[str, list[Step]] = field(default_factory=dict)
    shutdown: bool = False
    whole: bool = False

    def times_s(self) -> Floats:
        """The bench-clock time of every sample."""
        return self.start_s + self.dt_s * np.arange(len(self.samples), dtype=np.float64)


def load_record(folder: Path, name: str) -> Record:
    """Read the trace `name` of the run `folder`; BenchError if it is missing, outside the folder, broken or empty."""
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts:
        raise BenchError(name, "a waveform must lie inside the run folder")
    path = folder / relative
    if "\0" in name or not path.exists():
        raise BenchError(str(path), "the waveform file is missing", "was the run killed before it was written?")
    data = read_npz(path)
    try:
        return _record(data, path)
    except (TypeError, ValueError, OverflowError) as error:
        raise BenchError(str(path), f"the waveform file holds an entry of the wrong kind: {error}") from error


def _record(data: dict[str, Any], path: Path) -> Record:
    shutdown = "t0_s" in data
    missing = [key for key in _NEEDED + (_SHUTDOWN if shutdown else ()) if key not in data]
    if missing:
        raise BenchError(str(path), f"the waveform file lacks {', '.join(missing)}")
    samples = np.asarray(data["samples"], dtype=np.float64)
    if samples.ndim != 1 or not np.isfinite(samples).any() or not float(data["dt_s"]) > 0:
        raise BenchError(str(path), "the waveform file holds no samples")
    scalars = {key: float(data[key]) for key in (*_SHUTDOWN, "limit_low", "limit_high") if key in data}
    times, texts = data.get("event_s", np.zeros(0)), data.get("event_text", np.zeros(0, dtype="U1"))
    events = [(float(at), str(text)) for at, text in zip(np.atleast_1d(times), np.atleast_1d(texts), strict=True)]
    return Record(
        samples=samples,
        start_s=float(data["start_s"]),
        dt_s=float(data["dt_s"]),
        unit=str(data["unit"]),
        quantity=str(data.get("quantity", "")),
        events=events,
        tracks=_tracks(data),
        shutdown=shutdown,
        whole=bool(data.get("whole", False)),
        **scalars,
    )


def _tracks(data: dict[str, Any]) -> dict[str, list[Step]]:
    """The steps by the name of their track, in the order in which the names come first."""
    tracks: dict[str, list[Step]] = {}
    columns = [np.atleast_1d(data.get(key, np.zeros(0))) for key in ("track_name", "track_s", "track_text", "track_on")]
    for name, at_s, text, on in zip(*columns, strict=True):
        tracks.setdefault(str(name), []).append(Step(float(at_s), str(text), bool(on)))
    return tracks
