"""What a sick sender, a second one or a bad gateway makes of cyclic frames, each identifier on its own, always the same way.

Unlike noise (`disturbance`) it is no chance: a frame may be in order by its checksum and still be no news.

| manner  | what leaves                                                                       |
| ------- | --------------------------------------------------------------------------------- |
| freeze  | the last frame again; one of `good_of` is new                                     |
| damage  | the checksum is wrong; one of `good_of` is right                                  |
| drop    | nothing; one of `good_of` comes, counted as if the others had never been due       |
| swap    | each second frame before the one that it follows                                  |
| stride  | every frame, its counter `step` after the one before                              |
| jump    | the same with one step, then counted on as it should be                           |
| restart | a sender that has restarted: counter 0, without values at first                    |
| second  | half a cycle later a second sender's frame, with a counter and old values of its own |
| shorten | fewer bytes than the database has, counted and protected                          |
| write   | the count `raw` in the signal of `role`, counted and protected                    |
"""

import copy
from dataclasses import dataclass
from typing import Literal, get_args

import can

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.dbcfile import FD_LENGTHS, MessageSpec
from v2g_bench.can.e2e import COUNTER_BYTE, protect

Manner = Literal["freeze", "damage", "drop", "swap", "stride", "jump", "restart", "second", "shorten", "write"]
Scope = Literal["all", "safety", "heartbeat", "all but heartbeat"]
MANNERS, SCOPES = get_args(Manner), get_args(Scope)
PROTECTED_ALONE = ("damage", "stride", "jump")  # what an unprotected frame has nothing for
SAFETY_ROLES = ("cell_temperature_max", "string_voltage_difference")
WITHOUT_VALUES = 3  # frames of a sender that has just started
FOREIGN = 128  # how far the second sender's counter is from the first one's


@dataclass(frozen=True)
class Tampering:
    """See the module's text. scope: which messages of the BMS; role, raw: for `write`, which then is the scope."""

    manner: Manner
    scope: Scope = "all"
    good_of: int = 0
    step: int = 1
    role: str = ""
    raw: int = 0


def in_scope(db: BusDatabase, spec: MessageSpec, scope: str) -> bool:
    """Whether a message is one of these. safety: it carries what the emergency shutdown judges; heartbeat: nothing at all."""
    if scope == "all":
        return True
    if scope == "safety":
        return any(role in SAFETY_ROLES for role in db.roles_of(spec.name))
    return (not db.roles_of(spec.name)) == (scope == "heartbeat")


@dataclass
class _Stream:
    """One identifier: the last frame that left, its counter, how many frames have come, and one that is held back."""

    last: can.Message
    counter: int
    count: int = 0
    held: can.Message | None = None


class Tamperer:
    """Does it to the frames of one database. `begin` starts every identifier anew."""

    def __init__(self, db: BusDatabase) -> None:
        self._db = db
        self._what = Tampering("freeze")
        self._streams: dict[tuple[int, bool], _Stream] = {}

    def begin(self, what: Tampering) -> None:
        """From now on this."""
        self._what = what
        self._streams.clear()

    def of(self, frame: can.Message, before: can.Message) -> list[tuple[can.Message, float]]:
        """(frame, delay in s) of what leaves in place of `frame`; before: the last frame of its identifier from before."""
        spec = self._db.by_id(frame.arbitration_id, frame.is_extended_id)
        if spec is None or not self._touches(spec):
            return [(frame, 0.0)]
        key = (frame.arbitration_id, frame.is_extended_id)
        stream = self._streams.get(key)
        if stream is None:
            counter = before.data[COUNTER_BYTE] if spec.e2e is not None else 0
            stream = self._streams[key] = _Stream(before, counter)
        stream.count += 1
        return self._leaving(frame, spec, stream)

    def _touches(self, spec: MessageSpec) -> bool:
        what = self._what
        if what.manner == "write":
            return self._db.message_of(what.role) is spec
        if spec.e2e is None and what.manner in PROTECTED_ALONE:
            return False
        return in_scope(self._db, spec, what.scope)

    def _leaving(self, frame: can.Message, spec: MessageSpec, stream: _Stream) -> list[tuple[can.Message, float]]:
        what = self._what
        good = what.good_of > 0 and stream.count % what.good_of == 0
        match what.manner:
            case "freeze":
                stream.last = frame if good else stream.last
                return [(stream.last, 0.0)]
            case "damage":
                return [(frame if good else _damaged(frame), 0.0)]
            case "drop":
                return [(self._counted(frame, spec, stream, 1), 0.0)] if good else []
            case "swap":
                held, stream.held = stream.held, frame if stream.held is None else None
                return [] if held is None else [(frame, 0.0), (held, 0.0)]
            case "stride":
                return [(self._counted(frame, spec, stream, what.step), 0.0)]
            case "jump":
                return [(self._counted(frame, spec, stream, what.step if stream.count == 1 else 1), 0.0)]
            case "restart":
                return [(self._restarted(frame, spec, stream), 0.0)]
            case "second":
                other = self._counted(stream.last, spec, stream, 1 if stream.count > 1 else FOREIGN)
                return [(frame, 0.0), (other, spec.cycle_s / 2)]
            case "shorten":
                shorter = max(length for length in (*FD_LENGTHS,) if length < spec.length)
                return [(_with(frame, bytearray(frame.data[:shorter]), spec, frame.data[COUNTER_BYTE]), 0.0)]
            case "write":
                data = bytearray(frame.data)
                self._db.codec(what.role).put(data, spec.length, what.raw)
                return [(_with(frame, data, spec, frame.data[COUNTER_BYTE]), 0.0)]

    def _counted(self, frame: can.Message, spec: MessageSpec, stream: _Stream, step: int) -> can.Message:
        stream.counter = (stream.counter + step) & 0xFF
        return _with(frame, bytearray(frame.data), spec, stream.counter)

    def _restarted(self, frame: can.Message, spec: MessageSpec, stream: _Stream) -> can.Message:
        counter = (stream.count - 1) & 0xFF
        if stream.count <= WITHOUT_VALUES:
            return self._db.encode(spec.name, {}, counter)
        return _with(frame, bytearray(frame.data), spec, counter)


def _with(frame: can.Message, data: bytearray, spec: MessageSpec, counter: int) -> can.Message:
    """A copy with this content, protected where the message is."""
    changed = copy.copy(frame)
    if spec.e2e is not None:
        protect(data, spec.e2e.data_id, counter)
    changed.data, changed.dlc = data, len(data)
    return changed


def _damaged(frame: can.Message) -> can.Message:
    """A copy with a checksum that does not fit."""
    changed = copy.copy(frame)
    changed.data = bytearray(frame.data)
    changed.data[0] ^= 0xFF
    return changed
