"""Searches the capture of a run: for the first frame that carried the dangerous value (t0), and for the values of signals.

It uses nothing of the run's own result: it starts from what the evidence states that the bus had to show. The capture is
read as a stream, once for each call: a run has thousands of questions to it, and its bus millions of frames.
"""

import bisect
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol, cast

from can import Message
from can.io import BLFReader

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.e2e import check
from v2g_bench.evidence.record import ORDERED, Change, Evidence, Fall, Shown, Signal
from v2g_bench.evidence.record import Sequence as Sight
from v2g_bench.faults.expectation import DANGEROUS_ABOVE, Expectation, Op
from v2g_bench.inputs.text import read_json

SAME_S = 0.5e-3  # a stamp on two clocks: the wall clock may be slewed by 500 ppm between the frame and the evidence
LATE_S = 0.05  # how long a frame may take into the bench on a loaded machine
RECEIVED_WITHIN_S = 1.0  # how old a value may be that the bench takes for the latest
NOTHING = 1e-9  # of a limit: the limit itself, as it comes from counts
BEFORE_S, AFTER_S = 1.0, 0.05  # of t0: from where a t0 is searched when no request was recorded, and to where


class _Question(Protocol):
    """One question to the capture: which time it is about, and what of each frame in that time answers it.

    An answer keeps what it needs, never the frames.
    """

    from_s: float
    to_s: float
    wall_minus_bench_s: float

    def look(self, bench_s: float, message: Message) -> None: ...


@dataclass
class _First:
    """The first frame that shows it."""

    from_s: float
    to_s: float
    wall_minus_bench_s: float
    shows: Callable[[Message], bool]
    found_s: float | None = None

    def look(self, bench_s: float, message: Message) -> None:
        if self.found_s is None and self.shows(message):
            self.found_s = bench_s


@dataclass
class _Last:
    """The last frame of these messages. key: of a frame's message in the database."""

    from_s: float
    to_s: float
    wall_minus_bench_s: float
    key: Callable[[int, bool], tuple[int, bool]]
    keys: Collection[tuple[int, bool]]
    found_s: float | None = None

    def look(self, bench_s: float, message: Message) -> None:
        if self.key(message.arbitration_id, message.is_extended_id) in self.keys:
            self.found_s = bench_s


@dataclass
class _Nothing:
    """No single frame answers it."""

    from_s = to_s = wall_minus_bench_s = found_s = math.nan

    def look(self, bench_s: float, message: Message) -> None:
        """Never called: no timestamp lies in its time."""


@dataclass
class _Values:
    """The values of a role, from the last one that had certainly arrived before `early_s` on."""

    from_s: float
    to_s: float
    wall_minus_bench_s: float
    early_s: float
    value: Callable[[Message], float | None]
    found: list[float] = field(default_factory=list)

    def look(self, bench_s: float, message: Message) -> None:
        if (value := self.value(message)) is None:
            return
        if bench_s <= self.early_s:
            self.found.clear()
        self.found.append(value)


@dataclass
class _Changes:
    """Each role's first value, and every other one that differs from that before."""

    from_s: float
    to_s: float
    wall_minus_bench_s: float
    values: Callable[[Message], dict[str, float]]
    roles: Collection[str]
    found: list[Change] = field(default_factory=list)
    latest: dict[str, float] = field(default_factory=dict)

    def look(self, bench_s: float, message: Message) -> None:
        values = self.values(message)
        for role in self.roles:
            if (value := values.get(role)) is not None and self.latest.get(role) != value:
                self.latest[role] = value
                self.found.append(Change(role=role, value=value, at_s=bench_s))


@dataclass
class _Samples:
    """Every value of a role."""

    from_s: float
    to_s: float
    wall_minus_bench_s: float
    value: Callable[[Message], float | None]
    found: list[tuple[float, float]] = field(default_factory=list)

    def look(self, bench_s: float, message: Message) -> None:
        if (value := self.value(message)) is not None:
            self.found.append((bench_s, value))


@dataclass
class Overview:
    """What a capture shows as a whole, on its own clock (s).

    first_s, last_s: of its frames, NaN where it has none. dangers: when a role of DANGEROUS_ABOVE went beyond its limit.
    """

    first_s: float = math.nan
    last_s: float = math.nan
    dangers: list[tuple[str, float]] = field(default_factory=list)


class CaptureSearch:
    """One capture (BLF), with the database and the roles that its frames are read by."""

    def __init__(self, capture: Path, database: Path, roles: Path) -> None:
        self._capture = capture
        self._db = BusDatabase.load(database, read_json(roles))
        self._bms = {spec.key for spec in self._db.senders("BMS") if spec.cycle_s > 0}

    def t0_s(self, latencies: Sequence[Evidence]) -> list[float | None]:
        """t0 (bench clock, s) of each of these; None where no frame carries it, NaN where no frame can.

        ValueError for evidence that is not a latency's.
        """
        falls = [_fall(one) for one in latencies]
        asked = [self._question(fall, one.wall_minus_bench_s) for fall, one in zip(falls, latencies, strict=True)]
        self._read(asked)
        found: list[float | None] = []
        for fall, one in zip(falls, asked, strict=True):
            # The last frame of a BMS that fell silent: none follows it.
            late = isinstance(one, _Last) and one.found_s is not None and one.found_s > fall.t0_s + SAME_S
            found.append(None if late else one.found_s)
        return found

    def _question(self, fall: Fall, wall_minus_bench_s: float | None) -> _First | _Last | _Nothing:
        shown = fall.shown
        if shown is None:
            return _Nothing()
        from_s = fall.t0_s - BEFORE_S if shown.asked_s is None else shown.asked_s
        times = from_s, fall.t0_s + AFTER_S, math.nan if wall_minus_bench_s is None else wall_minus_bench_s
        return _Last(*times, self._db.key_of, self._bms) if shown.silence else _First(*times, self._shows(shown))

    def values(self, signals: Sequence[tuple[Signal, float]]) -> list[list[float]]:
        """The values of each (signal, wall minus bench clock) that could have been the latest when it was asked for.

        Those in the sound frames from the last one at least LATE_S before on: the bench reads a frame when it arrives,
        and its own clock a moment later. `Bench.signal` takes a value that is at the most a second old.
        """
        asked = [
            _Values(
                one.at_s - RECEIVED_WITHIN_S,
                one.at_s + SAME_S,
                offset_s,
                one.at_s - LATE_S,
                partial(self._value, one.role),
            )
            for one, offset_s in signals
        ]
        self._read(asked)
        return [one.found for one in asked]

    def changes(self, sequences: Sequence[tuple[Sight, float]]) -> list[list[Change]]:
        """What each (sequence, wall minus bench clock) has of the bus, looked for anew, in order of time."""
        asked = [
            _Changes(one.t0_s - BEFORE_S, one.until_s, offset_s, self._sound, {c.role for c in one.changes} - {ORDERED})
            for one, offset_s in sequences
        ]
        self._read(asked)
        return [one.found for one in asked]

    def samples(self, role: str, spans: Sequence[tuple[float, float, float]]) -> list[list[tuple[float, float]]]:
        """(time, value) of a role in each (from, to, wall minus bench clock), on the bench clock (s)."""
        asked = [_Samples(*span, partial(self._value, role)) for span in spans]
        self._read(asked)
        return [one.found for one in asked]

    def cycle_s(self, role: str) -> float:
        """How often the message of a role is sent; NaN where the database has no such role, or no cycle for it."""
        return self._db.message_of(role).cycle_s or math.nan if self._db.has(role) else math.nan

    def overview(self) -> Overview:
        """The capture's time, and each moment at which it begins to show a danger."""
        found, beyond = Overview(), set[str]()
        carriers = {self._db.message_of(role).key for role in DANGEROUS_ABOVE if self._db.has(role)}
        with BLFReader(self._capture) as reader:
            for message in reader:
                found.first_s = message.timestamp if math.isnan(found.first_s) else found.first_s
                found.last_s = message.timestamp
                if self._db.key_of(message.arbitration_id, message.is_extended_id) not in carriers:
                    continue
                values = self._sound(message)
                for role in DANGEROUS_ABOVE.keys() & values.keys():
                    if values[role] <= DANGEROUS_ABOVE[role] + NOTHING:
                        beyond.discard(role)
                    elif role not in beyond:
                        beyond.add(role)
                        found.dangers.append((role, message.timestamp))
        return found

    def _read(self, asked: Sequence[_Question]) -> None:
        """Put every captured frame to the questions about its time, in one pass."""
        walls = [(one.from_s + one.wall_minus_bench_s, one.to_s + one.wall_minus_bench_s, one) for one in asked]
        walls = sorted((one for one in walls if not math.isnan(one[0])), key=lambda one: one[0])
        starts = [first for first, _, _ in walls]
        longest = max((last - first for first, last, _ in walls), default=0.0)
        with BLFReader(self._capture) as reader:
            for message in reader:
                timestamp = message.timestamp
                near = slice(bisect.bisect_left(starts, timestamp - longest), bisect.bisect_right(starts, timestamp))
                for _, last, one in walls[near]:
                    if timestamp <= last:
                        one.look(timestamp - one.wall_minus_bench_s, message)

    def _shows(self, shown: Shown) -> Callable[[Message], bool]:
        expected = Expectation(shown.role, cast(Op, shown.op), shown.value, shown.tolerance, shown.minus, shown.change)

        def shows(message: Message) -> bool:
            values = self._sound(message)
            return bool(values) and expected.met_by(shown.before | values, shown.before)

        return shows

    def _value(self, role: str, message: Message) -> float | None:
        return self._sound(message).get(role)

    def _sound(self, message: Message) -> dict[str, float]:
        """The roles in a frame of the database whose checksum, if it has one, fits; none in any other."""
        spec = self._db.by_id(message.arbitration_id, message.is_extended_id)
        if spec is None or len(message.data) < spec.length:
            return {}
        if spec.e2e is not None and not check(bytes(message.data[: spec.length]), spec.e2e.data_id):
            return {}
        return self._db.decode(message)


def _fall(evidence: Evidence) -> Fall:
    if evidence.fall is None:
        raise ValueError(f"evidence of the kind {evidence.kind!r} has no t0")
    return evidence.fall
