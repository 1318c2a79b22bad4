"""The gateway without I/O: a frame of one side in, the frames that leave on the other side out, with their times.

    BMS --frame--> rules, faults --> noise --> at once, or waiting for their time --> controller
    controller --frame--> at once --> BMS

An injection is pending until its time, active until it is cleared. Where two write the same signal, the younger one
wins. Signals are written in raw counts at the places that the database gives; what the database does not know passes
untouched.

>>> gateway = Gateway(db)                                                                     # doctest: +SKIP
>>> gateway.inject(OverTemperature(cell=17, to_c=45.5), at_s=10.0, now_s=9.0)                 # doctest: +SKIP
>>> gateway.from_bms(frame, now_s=10.001)                                                     # doctest: +SKIP
[Frame(...)]
"""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce

from v2g_bench.bms.disturbance import QUIET, Disturbance, DisturbanceSettings
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.dbcfile import MessageSpec
from v2g_bench.can.e2e import COUNTER_BYTE, check, protect
from v2g_bench.errors import BenchError
from v2g_bench.faults.base import Fault
from v2g_bench.faults.expectation import Expectation
from v2g_bench.gateway.bits import counted, put
from v2g_bench.gateway.frame import Frame, frame_of
from v2g_bench.gateway.live import Live
from v2g_bench.gateway.rule import Rule, shown


@dataclass
class _Injection:
    """A rule or a fault from `at_s` on. full_s: how long the fault takes to its full value; known when it has begun."""

    number: int
    at_s: float
    rule: Rule
    fault: Fault | None = None
    full_s: float = 0.0
    active: bool = False
    frozen: dict[tuple[int, bool], int] = field(default_factory=dict)


class Gateway:
    """See the module's text. Times are bench-clock seconds and never run backwards."""

    def __init__(self, db: BusDatabase, seed: int = 0) -> None:
        self.db, self.live, self.path = db, Live(db), Disturbance(seed, db)
        self._spec = {spec.key: spec for spec in db.senders("BMS")}
        self._of_controller = controller_keys(db)
        self._of_any = {spec.key for spec in db.messages.values() if spec.from_any_source}
        self._side: dict[tuple[int, bool], str] = {}  # where an identifier of those was received first
        self._injections: dict[int, _Injection] = {}
        self._numbers = 0
        self._touched: dict[tuple[int, bool], list[_Injection]] = {}  # by the active injections
        self._shift: dict[tuple[int, bool], int] = {}  # counters that are continued: sender's minus ours
        self._waiting: list[tuple[float, int, Frame]] = []
        self._order = 0
        self.rewritten, self.dropped, self.wrong_side = 0, 0, 0

    def inject(self, fault: Fault, at_s: float, now_s: float) -> int:
        """Let `fault` begin with the first frame at or after `at_s`; the injection's number.

        BenchError if the gateway cannot produce it: nothing of it is on the bus, or the BMS's database lacks its signals
        or cannot carry their values.
        """
        values = fault.signals(self.live)
        if not fault.on_the_bus():
            raise BenchError(
                f"fault {fault.kind}",
                "changes nothing that is on the bus: a gateway in front of a real BMS cannot produce it",
                "it needs an emulated BMS, or hands at the battery",
            )
        expected = fault.readback()
        if isinstance(expected, Expectation):
            self.db.require(
                expected.roles()
            )  # what shows the fault; what goes with it is written where there is a place
        carried = {role: value for role, value in values.items() if role in self.db.roles}
        return self._add(Rule(write=carried), at_s, now_s, fault)

    def add(self, rule: Rule, at_s: float, now_s: float) -> int:
        """Let `rule` act from `at_s` on; its number. BenchError for what the BMS's database does not carry."""
        for name in rule.messages:
            self._of_bms(self.db.message(name), "gateway rule")
        return self._add(rule, at_s, now_s)

    def clear(self, injection: int) -> None:
        """Take one injection back; BenchError if there is none of that number."""
        if self._injections.pop(injection, None) is None:
            known = ", ".join(map(str, self._injections)) or "none"
            raise BenchError(
                "injection", f"there is no number {injection}", f"there are: {known}; was it cleared before?"
            )
        self._rearrange()

    def clear_all(self) -> None:
        """Take all injections back, and count as the BMS does. Frames that wait still leave at their time."""
        self._injections.clear()
        self._shift.clear()
        self._rearrange()

    @property
    def next_due_s(self) -> float:
        """When a waiting frame leaves; inf if none does."""
        return self._waiting[0][0] if self._waiting else float("inf")

    @property
    def next_begin_s(self) -> float:
        """When a pending injection begins; inf if none is pending."""
        return min((one.at_s for one in self._injections.values() if not one.active), default=float("inf"))

    def rules(self, *, pending: bool) -> list[tuple[Rule, Fault | None]]:
        """Rule and fault of each injection that acts now, the oldest first; with `pending`, of those to come as well."""
        return [(one.rule, one.fault) for one in self._injections.values() if one.active or pending]

    def from_bms(self, frame: Frame, now_s: float) -> list[Frame]:
        """A frame of the BMS: what leaves now because of it. What leaves later comes from `due`."""
        key = self._key(frame)
        if self._strays(frame, key, "bms"):
            self.wrong_side += 1  # forwarded, it would go round for ever
            return []
        if self._injections:
            self.begin(now_s)
        touching = self._touched.get(key)
        self.on_frame(frame)
        if touching is None and not self._shift and self.path.idle:
            return [frame]
        copies, delay_s = 1, 0.0
        if touching is not None or key in self._shift:
            frame, copies, delay_s = self._treated(frame, key, touching or [], now_s)
        return [out for copy in range(copies) for out in self._disturbed(self._copy(frame, key, copy), now_s, delay_s)]

    def on_frame(self, frame: Frame) -> None:
        """A frame of the BMS that something else forwards."""
        if (key := self._key(frame)) in self._spec:
            self.live.received[key] = frame.data

    def from_controller(self, frame: Frame, now_s: float) -> list[Frame]:
        """A frame of the controller passes as it is; one that only the BMS sends is on the wrong side and does not."""
        if self._strays(frame, self._key(frame), "controller"):
            self.wrong_side += 1
            return []
        return [frame]

    def changes(self, frame: Frame) -> bool:
        """True for a frame of a message that a rule or a fault acts on now."""
        return self._key(frame) in self._touched

    def _key(self, frame: Frame) -> tuple[int, bool]:
        """Of its message in the database, which may come from any source; see `BusDatabase.key_of`."""
        return self.db.key_of(*frame.key)

    def _strays(self, frame: Frame, key: tuple[int, bool], side: str) -> bool:
        """Whether it is on the wrong side: what only the other one sends, or has sent before where any node may."""
        if key in self._of_any:
            return self._side.setdefault(frame.key, side) != side
        return key in (self._of_controller if side == "bms" else self._spec)

    def due(self, now_s: float) -> list[Frame]:
        """The delayed frames whose time has come, in order."""
        ready = []
        while self._waiting and self._waiting[0][0] <= now_s:
            ready.append(heapq.heappop(self._waiting)[2])
        return ready

    def active(self) -> list[dict[str, object]]:
        """The injections as data, pending ones included."""
        return [
            {
                "number": one.number,
                "at_s": one.at_s,
                "active": one.active,
                "fault": one.fault.to_dict() if one.fault else None,
                "rule": one.rule.to_dict(),
            }
            for one in self._injections.values()
        ]

    def _add(self, rule: Rule, at_s: float, now_s: float, fault: Fault | None = None) -> int:
        for role, value in rule.write.items():
            self._of_bms(self.db.message_of(role), f"role {role}")
            try:
                self.db.codec(role).count(value)
            except ValueError as error:
                raise BenchError(f"role {role}", str(error), "the BMS's database cannot carry this value") from None
        for role in rule.invert:
            self._of_bms(self.db.message_of(role), f"role {role}")
        self._numbers += 1
        self._injections[self._numbers] = _Injection(self._numbers, at_s, rule, fault)
        self.begin(now_s)
        return self._numbers

    def _of_bms(self, spec: MessageSpec, where: str) -> None:
        if spec.key not in self._spec:
            raise BenchError(
                where, f"{spec.name} is not sent by the BMS", "the gateway changes frames of the BMS alone"
            )

    def begin(self, now_s: float) -> None:
        """Let the injections act whose time has come."""
        begun = [one for one in self._injections.values() if not one.active and one.at_s <= now_s]
        for one in begun:
            one.active, one.full_s = True, one.fault.full_after_s(self.live) if one.fault else 0.0
        if begun:
            self._rearrange()

    def _rearrange(self) -> None:
        """Which injections act on which message, and what the path does to all, from those that are active."""
        active = [one for one in self._injections.values() if one.active]
        self._touched = {}
        for one in active:
            specs = [self.db.message(name) for name in one.rule.messages]
            specs += [self.db.message_of(role) for role in (*one.rule.write, *one.rule.invert)]
            for key in {spec.key for spec in specs}:
                self._touched.setdefault(key, []).append(one)
        paths = [settings for one in active if one.fault and (settings := one.fault.transmit()) is not None]
        self.path.settings = reduce(DisturbanceSettings.joined, paths) if paths else QUIET

    def _treated(
        self, frame: Frame, key: tuple[int, bool], touching: list[_Injection], now_s: float
    ) -> tuple[Frame, int, float]:
        """The frame rewritten, how many times it leaves, and how much later."""
        spec, copies, delay_s = self._spec[key], 1, 0.0
        if len(frame.data) < spec.length:
            return frame, 1, 0.0  # not what the database says: it passes as it is
        data = bytearray(frame.data)
        sound = spec.e2e is not None and check(data[: spec.length], spec.e2e.data_id)
        stale, continued, counter = False, False, None
        for one in touching:
            rule, on_message = one.rule, not one.rule.messages or spec.name in one.rule.messages
            self._write(data, spec, one, now_s)
            stale |= rule.crc == "stale"
            if rule.counter == "frozen" and sound:
                counter = one.frozen.setdefault(key, data[COUNTER_BYTE])
            if on_message:
                copies = 0 if rule.drop else max(copies, 1 + rule.repeats) if copies else 0
                delay_s = max(delay_s, rule.delay_ms / 1000.0)
            if rule.counter == "continued" and on_message:
                continued = True
                self._shift.setdefault(key, 0)
        if spec.e2e is not None and sound:
            now = data[COUNTER_BYTE] - self._shift.get(key, 0) if counter is None else counter
            self._reprotect(data, spec, now, stale)
        if copies == 0:
            self.dropped += 1
        if continued:  # what leaves is counted, and not what arrived
            self._shift[key] += 1 - copies
        changed = bytes(data)
        self.rewritten += changed != frame.data and copies > 0
        return frame._replace(data=changed), copies, delay_s

    def _reprotect(self, data: bytearray, spec: MessageSpec, counter: int, stale: bool) -> None:
        """Write the counter; and the CRC of the whole, unless it is to be wrong."""
        assert spec.e2e is not None
        if stale:
            data[COUNTER_BYTE] = counter & 0xFF
            return
        body = data[: spec.length]
        protect(body, spec.e2e.data_id, counter)
        data[: spec.length] = body

    def _copy(self, frame: Frame, key: tuple[int, bool], copy: int) -> Frame:
        """The frame itself, or a further copy of it with the next counter where counters are continued."""
        if copy == 0 or key not in self._shift:
            return frame
        spec, data = self._spec[key], bytearray(frame.data)
        if spec.e2e is not None and check(data[: spec.length], spec.e2e.data_id):
            self._reprotect(data, spec, data[COUNTER_BYTE] + copy, stale=False)
        return frame._replace(data=bytes(data))

    def _write(self, data: bytearray, spec: MessageSpec, one: _Injection, now_s: float) -> None:
        """Write this injection's values of the signals of this message."""
        values: Mapping[str, float] = one.rule.write
        if one.fault is not None and values:
            values = shown(one.fault, one.full_s, now_s - one.at_s, self.live)
        for role, value in values.items():
            if role in one.rule.write and self.db.message_of(role) is spec:
                codec = self.db.codec(role)
                put(data, spec.length, codec, counted(codec, value))
        for role in one.rule.invert:
            if self.db.message_of(role) is spec:
                codec = self.db.codec(role)
                raw = codec.raw(int.from_bytes(data[: spec.length], "big" if codec.big_endian else "little"))
                put(data, spec.length, codec, ~raw)

    def _disturbed(self, frame: Frame, now_s: float, delay_s: float) -> list[Frame]:
        """Through the noise, and into the queue if it is for later."""
        if self.path.idle and delay_s <= 0.0:
            return [frame]
        now = []
        for sent in self.path.transmit(frame.message(), now_s):
            out, at_s = frame_of(sent.frame), sent.at_s + delay_s
            if at_s <= now_s:
                now.append(out)
            else:
                self._order += 1
                heapq.heappush(self._waiting, (at_s, self._order, out))
        return now


def controller_keys(db: BusDatabase) -> frozenset[tuple[int, bool]]:
    """Identifiers that the controller sends, and the BMS does not; empty if the database names none."""
    try:
        specs = db.senders("EMS")
    except BenchError:
        return frozenset()
    return frozenset({spec.key for spec in specs} - {spec.key for spec in db.senders("BMS")})
