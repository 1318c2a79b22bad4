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
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from can.io import BLFReader

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.e2e import check
from v2g_bench.clock import wall_offset_ns
from v2g_bench.errors import BenchError
from v2g_bench.evidence.basis import Again
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


class _Asked(Protocol):
    """One question to the capture: which time it is about, and what of each frame in that time answers it.

    A run has thousands of them and its bus millions of frames: an answer keeps what it needs, never the frames.
    """

    from_s: float
    to_s: float
    wall_minus_bench_s: float

    def look(self, bench_s: float, message: Any) -> None: ...


@dataclass
class _First:
    """The first frame that shows it."""

    from_s: float
    to_s: float
    wall_minus_bench_s: float
    shows: Callable[[Any], bool]
    found_s: float | None = None

    def look(self, bench_s: float, message: Any) -> None:
        if self.found_s is None and self.shows(message):
            self.found_s = bench_s


@dataclass
class _Last:
    """The last frame of these identifiers."""

    from_s: float
    to_s: float
    wall_minus_bench_s: float
    identifiers: Collection[int]
    found_s: float | None = None

    def look(self, bench_s: float, message: Any) -> None:
        if message.arbitration_id in self.identifiers:
            self.found_s = bench_s


@dataclass
class _Nothing:
    """Nobody can look for it again."""

    from_s = to_s = wall_minus_bench_s = found_s = math.nan

    def look(self, bench_s: float, message: Any) -> None:
        """Never asked: no stamp lies in its time."""


@dataclass
class _Values:
    """The values of a role, from the last one that had certainly arrived before `early_s` on."""

    from_s: float
    to_s: float
    wall_minus_bench_s: float
    early_s: float
    value: Callable[[Any], float | None]
    found: list[float] = field(default_factory=list)

    def look(self, bench_s: float, message: Any) -> None:
        if (value := self.value(message)) is None:
            return
        if bench_s <= self.early_s:
            self.found.clear()
        self.found.append(value)


class T0Again:
    """Searches the capture of a run: for the first frame that carried the dangerous value, and for received values.

    The capture is read as a stream, once for each call.
    """

    def __init__(self, capture: Path, database: Path, roles: Path) -> None:
        self._capture = capture
        self._db = BusDatabase.load(database, json.loads(roles.read_text("utf-8")))
        self._bms = {spec.frame_id for spec in self._db.senders("BMS") if spec.cycle_s > 0}

    def t0_s(self, trials: Sequence[Mapping[str, Any]]) -> list[float | None]:
        """t0 (bench clock, s) of each trial's marks; None where no frame carries it, NaN where no frame can."""
        asked = [self._question(marks) for marks in trials]
        self._read(asked)
        found: list[float | None] = []
        for marks, one in zip(trials, asked, strict=True):
            # The last frame of a BMS that fell silent: none follows it.
            late = isinstance(one, _Last) and one.found_s is not None and one.found_s > float(marks["t0_s"]) + SAME_S
            found.append(None if late else one.found_s)
        return found

    def _question(self, marks: Mapping[str, Any]) -> _First | _Last | _Nothing:
        shown = json.loads(str(marks.get("t0_shown", "")) or "{}")
        t0_s = float(marks["t0_s"])
        times = float(shown.get("asked_s", t0_s - 1.0)), t0_s + 0.05, float(marks.get("wall_minus_bench_s", math.nan))
        if shown.get("silence"):
            return _Last(*times, self._bms)
        return _First(*times, self._shows(shown)) if "role" in shown else _Nothing()

    def heard(self, readings: Sequence[tuple[str, float, float]]) -> list[list[float]]:
        """The values of each (role, bench clock, wall minus bench) that could have been the latest there.

        Those in the sound frames from the last one at least LATE_S before on: the bench reads a frame when it arrives,
        and its own clock a moment later. `Bench.signal` takes a value that is at the most a second old.
        """
        asked = [
            _Values(at_s - HEARD_S, at_s + SAME_S, offset_s, at_s - LATE_S, partial(self._value, role))
            for role, at_s, offset_s in readings
        ]
        self._read(asked)
        return [one.found for one in asked]

    def _read(self, asked: Sequence[_Asked]) -> None:
        """Put every captured frame to the questions about its time, in one pass."""
        walls = [(one.from_s + one.wall_minus_bench_s, one.to_s + one.wall_minus_bench_s, one) for one in asked]
        walls = sorted((one for one in walls if not math.isnan(one[0])), key=lambda one: one[0])
        starts = [first for first, _, _ in walls]
        longest = max((last - first for first, last, _ in walls), default=0.0)
        with BLFReader(self._capture) as reader:
            for message in reader:
                stamp = message.timestamp
                near = slice(bisect.bisect_left(starts, stamp - longest), bisect.bisect_right(starts, stamp))
                for _, last, one in walls[near]:
                    if stamp <= last:
                        one.look(stamp - one.wall_minus_bench_s, message)

    def _shows(self, shown: Mapping[str, Any]) -> Callable[[Any], bool]:
        before = dict(shown["before"])
        names = ("role", "op", "value", "tolerance", "minus", "change")
        expected = Expectation(**{name: shown[name] for name in names})

        def shows(message: Any) -> bool:
            values = self._sound(message)
            return bool(values) and expected.met_by(before | values, before)

        return shows

    def _value(self, role: str, message: Any) -> float | None:
        return self._sound(message).get(role)

    def _sound(self, message: Any) -> dict[str, float]:
        """The roles in a frame of the database whose checksum, if it has one, fits; none in any other."""
        spec = self._db.by_id(message.arbitration_id, message.is_extended_id)
        if spec is None or len(message.data) < spec.length:
            return {}
        if spec.e2e is not None and not check(bytes(message.data[: spec.length]), spec.e2e.data_id):
            return {}
        return self._db.decode(message)
