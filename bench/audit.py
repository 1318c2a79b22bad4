"""Recomputes a latency from stored evidence: the waveform's file, and the capture of the bus.

A run keeps beside each waveform what its latency was computed with (`basis_marks`): the threshold's share, the ripple,
the parts of the budget that do not come from the waveform itself, and the value that the t0 frame had to carry.
`latency_again` estimates, budgets and decides with the same functions as the run; `T0Again` searches t0 in the
capture. Neither uses the run's own result.

Marks in a waveform's file, all optional for other readers:

    fraction, ripple_hz (NaN: unknown), components (JSON), wall_minus_bench_s,
    t0_shown (JSON): {"asked_s", "before": {role: value}, and the fields of `faults.Expectation`}, or {"silence": true}
"""

import bisect
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from can.io import BLFReader

from v2g_bench.basis import Again
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.e2e import check
from v2g_bench.clock import wall_offset_ns
from v2g_bench.errors import BenchError
from v2g_bench.faults.expectation import Expectation
from v2g_bench.metrology.budget import Budget, Component
from v2g_bench.metrology.crossing import Crossing, NoCrossing, NoCurrent, RecordTooShort, Undecided, isolation
from v2g_bench.metrology.waveform import Waveform

MS = 1000.0
SAME_S = 0.5e-3  # a stamp on two clocks: the wall clock may be slewed by 500 ppm between the frame and the mark
LATE_S = 0.05  # how long a frame may take into the bench on a loaded machine
HEARD_S = 1.0  # how old a value may be that the bench takes for the latest
FROM_THE_RECORD = "crossing in the record"
OF_THE_ZERO = "zero of the digitizer"


def basis_marks(budget: Budget | None, shown: str, fraction: float, ripple_hz: float | None) -> dict[str, float | str]:
    """What `latency_again` and `T0Again` need, as marks for the waveform's file. Call it soon after the trial."""
    parts = [asdict(part) | {"dof": str(part.dof)} for part in budget.components] if budget else []
    return {
        "fraction": fraction,
        "ripple_hz": math.nan if ripple_hz is None else ripple_hz,
        "components": json.dumps(parts),
        "t0_shown": shown,
        "wall_minus_bench_s": wall_offset_ns() / 1e9,
    }


def marks_of(path: Path) -> dict[str, Any]:
    """Everything in a waveform's file; BenchError if it cannot be read, or lacks what the latency was computed with."""
    try:
        with np.load(path, allow_pickle=False) as file:
            marks = {key: file[key] for key in file.files}
    except (OSError, ValueError, EOFError) as error:
        raise BenchError(str(path), f"cannot be read: {error}") from error
    lacking = [key for key in ("samples", "t0_s", "fraction", "ripple_hz", "components") if key not in marks]
    if lacking:
        raise BenchError(str(path), f"lacks {', '.join(lacking)}", "was it written by another version of the bench?")
    return marks


def waveform_of(path: Path) -> Waveform:
    """The samples in a waveform's file; BenchError if it cannot be read or holds none."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return Waveform.of(float(file["start_s"]), float(file["dt_s"]), file["samples"], str(file["unit"]))
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise BenchError(str(path), f"cannot be read: {error}") from error


def latency_again(marks: Mapping[str, Any]) -> Again:
    """The latency that these marks describe, recomputed with its budget."""
    waveform = Waveform.of(float(marks["start_s"]), float(marks["dt_s"]), marks["samples"], str(marks["unit"]))
    t0_s, ripple_hz = float(marks["t0_s"]), float(marks["ripple_hz"])
    try:
        crossing = isolation(waveform, t0_s, float(marks["fraction"]), None if math.isnan(ripple_hz) else ripple_hz)
    except (NoCurrent, RecordTooShort, Undecided) as error:
        return Again(None, None, None, unclear=str(error))
    except NoCrossing as error:
        return Again(None, None, None, failed=str(error))
    components = [_component(crossing, part) for part in json.loads(str(marks["components"]))]
    uncertainty = Budget("time to isolation", "ms", components).combined() if components else None
    return Again(MS * (crossing.time_s - t0_s), uncertainty, crossing.time_s)


def _component(crossing: Crossing, kept: Mapping[str, Any]) -> Component:
    """A part of the budget: as stored, except for the parts that the waveform itself gives."""
    part = Component(**{**kept, "dof": float(kept["dof"])})
    if part.name == FROM_THE_RECORD:
        return replace(part, u=crossing.u_s, dof=crossing.dof)
    if part.name == OF_THE_ZERO:
        share = crossing.level / crossing.before
        return replace(part, sensitivity=MS * abs(1 - share) / abs(crossing.slope_per_s))
    return part


@dataclass(frozen=True)
class _Seen:
    bench_s: float
    message: Any


class T0Again:
    """Searches the capture of a run: for the first frame that carried the dangerous value, and for received values."""

    def __init__(self, capture: Path, database: Path, roles: Path) -> None:
        self._capture = capture
        self._db = BusDatabase.load(database, json.loads(roles.read_text("utf-8")))
        self._bms = {spec.frame_id for spec in self._db.senders("BMS") if spec.cycle_s > 0}

    def t0_s(self, trials: Sequence[Mapping[str, Any]]) -> list[float | None]:
        """t0 (bench clock, s) of each trial's marks; None where no frame carries it, NaN where no frame can."""
        found = []
        shown = [json.loads(str(marks.get("t0_shown", "")) or "{}") for marks in trials]
        frames = self._frames([self._window(marks, one) for marks, one in zip(trials, shown, strict=True)])
        for marks, one, seen in zip(trials, shown, frames, strict=True):
            if one.get("silence"):
                found.append(self._last_before(seen, float(marks["t0_s"])))
            else:
                found.append(self._first(seen, one) if "role" in one else math.nan)
        return found

    def _window(self, marks: Mapping[str, Any], shown: Mapping[str, Any]) -> tuple[float, float, float]:
        t0_s = float(marks["t0_s"])
        asked_s = float(shown.get("asked_s", t0_s - 1.0))
        return asked_s, t0_s + 0.05, float(marks.get("wall_minus_bench_s", math.nan))

    def heard(self, readings: Sequence[tuple[str, float, float]]) -> list[list[float]]:
        """The values of each (role, bench clock, wall minus bench) that could have been the latest there.

        Those in the sound frames from the last one at least LATE_S before on: the bench reads a frame when it arrives,
        and its own clock a moment later. `Bench.signal` takes a value that is at the most a second old.
        """
        windows = [(at_s - HEARD_S, at_s + SAME_S, offset_s) for _, at_s, offset_s in readings]
        found: list[list[float]] = []
        for (role, at_s, _), seen in zip(readings, self._frames(windows), strict=True):
            told = [(one.bench_s, values[role]) for one in seen if role in (values := self._sound(one.message))]
            early = [place for place, (stamp_s, _) in enumerate(told) if stamp_s <= at_s - LATE_S]
            found.append([value for _, value in told[early[-1] if early else 0 :]])
        return found

    def _frames(self, windows: Sequence[tuple[float, float, float]]) -> list[list[_Seen]]:
        """The captured frames of each window (bench clock, s), read in one pass."""
        kept: list[list[_Seen]] = [[] for _ in windows]
        walls = sorted(
            (from_s + offset_s, to_s + offset_s, place) for place, (from_s, to_s, offset_s) in enumerate(windows)
        )
        starts = [first for first, _, _ in walls]
        longest = max((last - first for first, last, _ in walls), default=0.0)
        with BLFReader(self._capture) as reader:
            for message in reader:
                stamp = message.timestamp
                near = slice(bisect.bisect_left(starts, stamp - longest), bisect.bisect_right(starts, stamp))
                for _, last, place in walls[near]:
                    if stamp <= last:
                        kept[place].append(_Seen(stamp - windows[place][2], message))
        return kept

    def _first(self, frames: Iterable[_Seen], shown: Mapping[str, Any]) -> float | None:
        before = dict(shown["before"])
        names = ("role", "op", "value", "tolerance", "minus", "change")
        expected = Expectation(**{name: shown[name] for name in names})
        for seen in frames:
            values = self._sound(seen.message)
            if values and expected.met_by(before | values, before):
                return seen.bench_s
        return None

    def _sound(self, message: Any) -> dict[str, float]:
        """The roles in a frame of the database whose checksum, if it has one, fits; none in any other."""
        spec = self._db.by_id(message.arbitration_id, message.is_extended_id)
        if spec is None or len(message.data) < spec.length:
            return {}
        if spec.e2e is not None and not check(bytes(message.data[: spec.length]), spec.e2e.data_id):
            return {}
        return self._db.decode(message)

    def _last_before(self, frames: Sequence[_Seen], t0_s: float) -> float | None:
        """The last frame of the BMS, if none follows it in the window."""
        heard = [seen.bench_s for seen in frames if seen.message.arbitration_id in self._bms]
        return heard[-1] if heard and heard[-1] <= t0_s + SAME_S else None
