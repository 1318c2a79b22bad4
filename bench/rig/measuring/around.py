"""What happened around one moment of a test, by everything that the bench has seen: for whoever reads why a trial failed.

The bus, the orders to the inverter, the controller's log, the commands and the faults, on one axis of time. It asks nothing
of the rig but what is kept already, and judges nothing.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from v2g_bench.can.columns import Columns, Frame
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.values import sound
from v2g_bench.draws.world import World
from v2g_bench.errors import BenchError
from v2g_bench.evidence.record import Change
from v2g_bench.evidence.shutdown import REQUEST, STATE
from v2g_bench.rig.measuring.aftermath import Aftermath
from v2g_bench.rig.measuring.said.log_book import Line
from v2g_bench.rig.measuring.said.notebook import Command, Notebook
from v2g_bench.rig.parts.protocol import Parts

BEFORE_S = 0.3  # of what led to it
SAME_S = 1e-6
MOST, MOST_OF_ONE = 80, 12  # moments in all, and of one signal: a ramp is told by its beginning
WORDS: dict[str, tuple[str, ...]] = {
    STATE: ("open", "precharging", "closed", "welded"),
    REQUEST: ("open", "closed"),
    "operating_mode": ("standby", "charge", "V2G", "charge only", "tripped"),
}
CURRENT = "pack_current"
BMS, CONTROLLER, MODBUS, LOG, COMMAND, BENCH = (
    *("BMS, CAN", "controller, CAN", "controller, Modbus", "controller, log", "command", "bench"),
)


@dataclass(frozen=True)
class Moment:
    """Something that happened at at_s (bench clock), by whom. until_s: the latest time, where only bounds are known."""

    at_s: float
    by: str
    text: str
    until_s: float | None = None


@dataclass(frozen=True)
class Around:
    """All of it. frame: what the frame at t0 is called; values: of each of its signals (name, before, at t0).

    current: (bench clock in s, A) of each report of the BMS. Where no frame is stamped t0, the controller's last one before.
    """

    t0_s: float
    until_s: float
    frame: str = ""
    values: list[tuple[str, str, str]] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    current: list[tuple[float, float]] = field(default_factory=list)


class Surroundings:
    """Of one test on a rig."""

    def __init__(self, parts: Parts, notebook: Notebook) -> None:
        self._parts, self._notebook = parts, notebook

    def around(self, t0_s: float, until_s: float) -> Around:
        """From BEFORE_S before t0_s to until_s; what cannot be seen on this rig, or is not kept any more, is said in words."""
        since_s, db = t0_s - BEFORE_S, self._parts.bus.db
        moments = [*self._faults(since_s, until_s), *self._commands(since_s, until_s), *self._logged(since_s, until_s)]
        frame, values, changes = "", list[tuple[str, str, str]](), list[Change]()
        current = list[tuple[float, float]]()
        try:
            frames = list(_good(db, self._parts.bus.capture.frames(since_s=since_s - 1.0), until_s))
            frame, values = _at(db, frames, t0_s)
            current = _current(db, [one for one in frames if one.timestamp_s >= since_s])
            moments += _changed(db, [one for one in frames if one.timestamp_s >= since_s])
            moments += self._orders(since_s, until_s, changes)
            seen = Aftermath(self._parts)
            changes += [one for role in (REQUEST, STATE) if db.has(role) for one in seen.on_bus(role, t0_s, until_s)]
        except BenchError as error:
            moments.append(Moment(t0_s, BENCH, f"what was on the bus cannot be shown: {error.what}"))
        moments = _fewer(sorted(moments, key=lambda one: one.at_s))
        return Around(t0_s, until_s, frame, values, moments, changes, current)

    def _orders(self, since_s: float, until_s: float, changes: list[Change]) -> list[Moment]:
        """What the inverter was ordered to, which is added to `changes` as well."""
        orders = Aftermath(self._parts).orders(since_s, until_s)
        if orders is None:
            return [Moment(since_s, MODBUS, "what a real inverter is ordered cannot be seen on this rig")]
        changes += orders
        return [
            Moment(one.at_s, MODBUS, f"orders {one.value:.0f} W" + (f", request {one.frame}" if one.frame else ""))
            for one in orders
        ] or [Moment(since_s, MODBUS, "no order to the inverter in this time")]

    def _faults(self, since_s: float, until_s: float) -> Iterator[Moment]:
        for one in self._notebook.faults:
            words = ", ".join(f"{name} {text}" for name, text in World({"fault": one.fault}).shown().items())
            if one.from_s <= until_s and one.to_s >= since_s:
                yield Moment(one.from_s, BENCH, f"{words}: in force from here on")
            if since_s <= one.to_s <= until_s:
                yield Moment(one.to_s, BENCH, f"{words}: taken back")

    def _commands(self, since_s: float, until_s: float) -> Iterator[Moment]:
        """Those of this time, and the last one before it."""
        known = [one for one in self._notebook.commands if one.from_s <= until_s]
        earlier = [one for one in known if one.from_s < since_s]
        for one in [*earlier[-1:], *known[len(earlier) :]]:
            yield Moment(one.from_s, COMMAND, _command(one))

    def _logged(self, since_s: float, until_s: float) -> Iterator[Moment]:
        for line in self._notebook.log.lines(self._parts.clock.now_s()):
            at_s, to_s = _written(line)
            if at_s <= until_s and to_s >= since_s:
                yield Moment(at_s, LOG, line.text[:200], to_s if to_s - at_s > SAME_S else None)


def _good(db: BusDatabase, frames: Columns, until_s: float) -> Iterator[Frame]:
    for place in range(len(frames)):
        frame = frames.frame(place)
        if frame.timestamp_s <= until_s and sound(db, frame):
            yield frame


def _at(db: BusDatabase, frames: list[Frame], t0_s: float) -> tuple[str, list[tuple[str, str, str]]]:
    """Name and signals of the frame that is stamped t0, beside the one before it; else of the controller's last before t0."""
    found, which = next((one for one in frames if abs(one.timestamp_s - t0_s) < SAME_S), None), ""
    if found is None:
        own = _keys(db, "EMS")
        said = [one for one in frames if _key(db, one) in own and one.timestamp_s < t0_s]
        found, which = (said[-1] if said else None), "none is stamped t0; the controller's last before it: "
    spec = db.by_id(found.frame_id, found.is_extended) if found is not None else None
    if found is None or spec is None:
        return "", []
    earlier = [one for one in frames if one.frame_id == found.frame_id and one.index < found.index]
    now = db.decode(found.message())
    before = db.decode(earlier[-1].message()) if earlier else {}
    values = [(_name(role), _word(db, role, before.get(role)), _word(db, role, now[role])) for role in now]
    return f"{which}{spec.name}, identifier 0x{found.frame_id:X}, data {found.data[: spec.length].hex(' ')}", values


def _changed(db: BusDatabase, frames: Iterable[Frame]) -> Iterator[Moment]:
    """What the controller sends, its first value and each other one; of the BMS what is a state, not a measurement."""
    own = _keys(db, "EMS")
    latest: dict[str, float] = {}
    for frame in frames:
        controller = _key(db, frame) in own
        texts = []
        for role, value in db.decode(frame.message()).items():
            if (not controller and role != STATE) or latest.get(role) == value:
                continue
            was = f" (was {_word(db, role, latest[role])})" if role in latest else ""
            latest[role] = value
            texts.append(f"{_name(role)} {_word(db, role, value)}{was}")
        if texts:
            yield Moment(frame.timestamp_s, CONTROLLER if controller else BMS, ", ".join(texts))


def _current(db: BusDatabase, frames: Iterable[Frame]) -> list[tuple[float, float]]:
    if not db.has(CURRENT):
        return []
    spec = db.message_of(CURRENT)
    own = [one for one in frames if spec.carried_by(one.frame_id, one.is_extended)]
    decoded = [(one.timestamp_s, db.decode(one.message())) for one in own]
    return [
        (at_s, float(values[CURRENT])) for at_s, values in decoded if CURRENT in values
    ]  # not while it is not available


def _key(db: BusDatabase, frame: Frame) -> tuple[int, bool]:
    return db.key_of(frame.frame_id, frame.is_extended)


def _keys(db: BusDatabase, side: str) -> set[tuple[int, bool]]:
    try:
        return {spec.key for spec in db.senders(side)}
    except BenchError:
        return set()


def _fewer(moments: list[Moment]) -> list[Moment]:
    """No more than can be read, and no more of one signal; how many are left out is said."""
    count: Counter[str] = Counter()
    kept: list[Moment] = []
    for one in moments:
        key = f"{one.by} {' '.join(one.text.split()[:2])}"
        count[key] += 1
        if count[key] <= MOST_OF_ONE and len(kept) < MOST:
            kept.append(one)
    if left := len(moments) - len(kept):
        kept.append(Moment(moments[-1].at_s, BENCH, f"{left} more changes until here: see the capture and the log"))
    return kept


def _written(line: Line) -> tuple[float, float]:
    """When a line was written: as it states itself where this lies between the bounds, else these."""
    for number in re.findall(r"\b\d+\.\d{3,}\b", line.text):
        if line.from_s <= float(number) <= line.to_s:
            return float(number), float(number)
    return line.from_s, line.to_s


def _command(one: Command) -> str:
    values: Mapping[str, str] = one.values
    words = " ".join([one.name, *(f"{key}={value}" for key, value in values.items())])
    answer = "accepted" if one.accepted else " ".join(f"refused: {one.reply.err} {one.reply.out}".split())
    return f"{words}: {answer[:160]}"


def _name(role: str) -> str:
    return "SoC" if role == "soc" else role.replace("_", " ")


def _word(db: BusDatabase, role: str, value: float | None) -> str:
    if value is None:
        return "—"
    if role in WORDS and 0 <= round(value) < len(WORDS[role]):
        return WORDS[role][round(value)]
    unit = {"1": "", "degC": "°C"}.get(db.unit(role), db.unit(role))
    return f"{value:.6g} {unit}".rstrip()
