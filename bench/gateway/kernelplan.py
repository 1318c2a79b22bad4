"""The jobs with which the kernel's CAN gateway does what the gateway's core would do; or why it cannot.

One job for each message of the BMS, whose change the kernel takes over in one piece, and jobs by blocks of identifiers for
all the rest. What only one side sends is not forwarded from the other: where both
channels are one cable it would go round for ever.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from v2g_bench.can.codec import SignalCodec
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.dbcfile import MessageSpec
from v2g_bench.faults.base import Fault, Seen
from v2g_bench.gateway.bits import counted, put
from v2g_bench.gateway.canjob import UNCHANGED, Change, Job, everything_but, exactly, uid
from v2g_bench.gateway.core import Gateway, controller_keys
from v2g_bench.gateway.rule import Rule

Key = tuple[int, bool]


class BeyondTheKernel(Exception):
    """The kernel's gateway cannot do this; the text names it."""


class ForwardingPlan:
    """The jobs between two interfaces; `of_bms` are those of single messages, `rest` take everything else from the BMS."""

    def __init__(self, db: BusDatabase, bms: str, controller: str, *, fd: bool) -> None:
        keys = {(spec.frame_id, spec.is_extended) for spec in db.senders("BMS")}
        self._numbers = iter(range(1, 0x10000))
        kinds = (False, True) if fd else (False,)  # a job takes either classic frames or FD ones
        self.of_bms: dict[Key, list[Job]] = {
            key: [Job(uid(next(self._numbers)), bms, controller, exactly(*key), kind) for kind in kinds]
            for key in sorted(keys)
        }
        self.rest = [
            Job(uid(next(self._numbers)), bms, controller, taken, kind)
            for taken in everything_but(keys | controller_keys(db))
            for kind in kinds
        ]
        self.to_bms = [
            Job(uid(next(self._numbers)), controller, bms, taken, kind)
            for taken in everything_but(keys)
            for kind in kinds
        ]

    def jobs(self, changes: "Mapping[Key, Change | None]", silent: bool) -> list[Job]:
        """The jobs that must run; a message whose change is None is dropped."""
        if silent:
            return self.to_bms
        single = [
            replace(job, change=change)
            for key, jobs in self.of_bms.items()
            if (change := changes.get(key, UNCHANGED)) is not None
            for job in jobs
        ]
        return [*single, *self.rest, *self.to_bms]


def changes(core: Gateway, *, pending: bool = False) -> tuple[dict[Key, Change | None], bool]:
    """({message: what becomes of its payload, None for dropped}, whether nothing of the BMS passes at all).

    Of the injections that act now, or with `pending` of all. BeyondTheKernel for what the kernel's gateway cannot do.
    """
    found: dict[Key, Change | None] = {}
    silent = False
    for rule, fault in core.rules(pending=pending):
        if fault is not None:
            silent |= _silences(fault, core.live)
        _possible(rule)
        for spec in _touched(core.db, rule):
            key = (spec.frame_id, spec.is_extended)
            before = found.get(key, UNCHANGED)
            on_message = not rule.messages or spec.name in rule.messages
            if before is None or (rule.drop and on_message):
                found[key] = None
                continue
            if spec.e2e is not None and rule.crc == "mended" and (rule.write or rule.invert):
                raise BeyondTheKernel(f"{spec.name} is protected end to end: can-gw cannot compute that CRC")
            found[key] = _change(before, core.db, spec, rule)
    return found, silent


def _possible(rule: Rule) -> None:
    if rule.delay_ms or rule.repeats:
        raise BeyondTheKernel("can-gw neither delays nor repeats frames")
    if rule.counter != "kept":
        raise BeyondTheKernel("can-gw does not count")


def _silences(fault: Fault, live: Seen) -> bool:
    """Whether a fault stops all frames of the BMS; BeyondTheKernel for what it does to them otherwise."""
    path = fault.transmit()
    if path is not None and (not path.silent):
        raise BeyondTheKernel("can-gw neither loses, flips, repeats nor delays frames by chance")
    if fault.full_after_s(live) > 0:
        raise BeyondTheKernel("can-gw does not follow a ramp")
    seen = _Watched(live)
    fault.signals(seen)
    if seen.asked:
        raise BeyondTheKernel(
            f"it depends on what the BMS sends ({', '.join(sorted(seen.asked))}), which can-gw cannot add to"
        )
    return path is not None


def _touched(db: BusDatabase, rule: Rule) -> Iterator[MessageSpec]:
    specs = [db.message(name) for name in rule.messages]
    specs += [db.message_of(role) for role in (*rule.write, *rule.invert)]
    yield from {(spec.frame_id, spec.is_extended): spec for spec in specs}.values()


def _change(before: Change, db: BusDatabase, spec: MessageSpec, rule: Rule) -> Change:
    change = before
    for role, value in rule.write.items():
        if db.message_of(role) is spec:
            codec = db.codec(role)
            change = change.written(_bits(spec, codec, -1), _bits(spec, codec, counted(codec, value)))
    for role in rule.invert:
        if db.message_of(role) is spec:
            change = change.inverted(_bits(spec, db.codec(role), -1))
    return change


def _bits(spec: MessageSpec, codec: SignalCodec, raw: int) -> bytes:
    """A count at its signal's place, everything else 0."""
    data = bytearray(spec.length)
    put(data, spec.length, codec, raw)
    return bytes(data)


class _Watched(Mapping[str, float]):
    """What the BMS sends, and a note of what of it was asked for."""

    def __init__(self, live: Seen) -> None:
        self._live = live
        self.asked: set[str] = set()

    def __getitem__(self, role: str) -> float:
        self.asked.add(role)
        return self._live[role]

    def __iter__(self) -> Iterator[str]:
        return iter(self._live)

    def __len__(self) -> int:
        return len(self._live)
