"""A CAN database seen through roles: frames in, values in canonical units out, and back.

>>> from v2g_bench.can.roles import read_roles
>>> from v2g_bench.dbc import dbc_path, roles_path
>>> db = BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))
>>> frame = db.encode("BMS_Safety", {"cell_temperature_max": 45.0, "string_voltage_difference": 0.012}, counter=1)
>>> db.decode(frame)["cell_temperature_max"]
45.0
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import floor, inf
from pathlib import Path
from typing import Any

import can

from v2g_bench.can.codec import SignalCodec, shift_of
from v2g_bench.can.dbcfile import SOURCE, MessageSpec, initial_count, message_spec, read_dbc, signal_codec, single
from v2g_bench.can.e2e import protect
from v2g_bench.can.roles import (
    BMS_ROLES,
    EMS_ROLES,
    MESSAGES,
    ROLES,
    RoleEntry,
    StatedMessage,
    close_to,
    parse_messages,
    parse_roles,
)
from v2g_bench.errors import BenchError


class _Frame:
    """What it takes to build and read one message: the frame with all initial values, and its roles.

    base: little-endian integer of the frame with every signal at its initial value; empty: the same with nothing where
    the writers write. readers: per signal what decoding needs, in one tuple: a hundred signals a hundred times a second
    leave no time for attributes and calls. worded: those whose counts the value table puts into words.
    """

    __slots__ = ("base", "by_key", "codecs", "empty", "readers", "spec", "worded", "writers")

    def __init__(self, spec: MessageSpec, base: int, codecs: tuple[SignalCodec, ...]) -> None:
        self.spec, self.base, self.codecs = spec, base, codecs
        self.by_key = {codec.key: codec for codec in codecs}
        self.readers = tuple(
            (
                c.key,
                c.big_endian,
                c.shift,
                (1 << c.length) - 1,
                c.length - 1 if c.signed else c.length,
                c.numerator,
                c.offset,
                c.denominator,
                c.top,
                c.no_values,
            )
            for c in codecs
            if not c.meanings
        )
        self.worded = tuple(c for c in codecs if c.meanings)
        self.writers = {
            c.key: (c.denominator, c.offset, c.numerator, c.raw_min, c.raw_max, (1 << c.length) - 1, c.shift)
            for c in codecs
            if not c.big_endian and not c.meanings
        }
        self.empty = base
        for *_, mask, shift in self.writers.values():
            self.empty &= ~(mask << shift)


class BusDatabase:
    """Messages of one DBC and the roles that its signals play. Immutable: threads may share it."""

    def __init__(self, path: Path, sha256: str, frames: Mapping[str, _Frame], notes: Iterable[str] = ()) -> None:
        """notes: what of the file is not as a user may expect it: messages that are left out, cells that are renumbered."""
        self.path = path
        self.notes = tuple(notes)
        self.sha256 = sha256
        self._frames = dict(frames)
        self._by_id = {(frame.spec.frame_id, frame.spec.is_extended): frame for frame in frames.values()}
        self._any_source = {
            frame.spec.frame_id & ~SOURCE: frame for frame in frames.values() if frame.spec.from_any_source
        }
        extended = {number for number, is_extended in self._by_id if is_extended}
        for number, frame in self._any_source.items():
            elsewhere = frozenset(one for one in extended if one & ~SOURCE == number) - {frame.spec.frame_id}
            frame.spec = replace(frame.spec, elsewhere=elsewhere)
        self._of_key = {key: (frame, codec) for frame in frames.values() for key, codec in frame.by_key.items()}
        self.messages: dict[str, MessageSpec] = {name: frame.spec for name, frame in frames.items()}
        self.roles: tuple[str, ...] = tuple(self._of_key)

    @classmethod
    def load(cls, path: str | Path, roles: Mapping[str, Any]) -> "BusDatabase":
        """Read a DBC with its role table (see `roles`).

        Raises BenchError that names the file, the role and what comes close: file missing or broken, unknown role,
        message or signal; a unit that cannot be converted; two roles on one signal; two messages of one name or identifier.
        A message that cannot be understood, and that no role needs, is left out: see `notes`.
        """
        path = Path(path)
        database, sha256 = read_dbc(path)
        messages = single(database.messages, str(path))
        signals: dict[str, list[tuple[str, Any, RoleEntry]]] = {name: [] for name in messages}
        taken: dict[tuple[str, str], str] = {}
        notes: list[str] = []
        for entry in parse_roles(roles, f"{path}: roles"):
            where = f"{path}: roles.{entry.role}"
            for key, message, signal in _resolve(entry, messages, where, notes):
                place = (message.name, signal.name)
                if place in taken:
                    raise BenchError(where, f"{'.'.join(place)} already plays {taken[place]}", "one signal, one role")
                taken[place] = entry.role
                signals[message.name].append((key, signal, entry))
        frames = {}
        stated = _stated(parse_messages(roles, f"{path}: roles"), messages, f"{path}: roles.{MESSAGES}")
        for name, message in messages.items():
            try:
                spec = replace(message_spec(message, str(path)), **stated.get(name, {}))
                codecs = [
                    signal_codec(signal, message, spec, entry, key, f"{path}: roles.{entry.role}")
                    for key, signal, entry in signals[name]
                ]
                frames[name] = _Frame(spec, _base(message), tuple(codecs))
            except BenchError as error:
                if signals[name]:
                    raise
                notes.append(f"{name} is left out: {error.what}")
        return cls(path, sha256, frames, notes)

    def require(self, roles: Iterable[str]) -> None:
        """BenchError that names every role of these that the database does not carry."""
        missing = [role for role in roles if not self.has(role)]
        if missing:
            what = f"does not carry {', '.join(missing)}"
            raise BenchError(str(self.path), what, "add each to the [roles] table, if the battery sends it")

    def has(self, role: str) -> bool:
        """True if a signal plays this role (for an indexed role: at least number 1)."""
        return role in self._of_key or f"{role}[1]" in self._of_key

    def by_id(self, frame_id: int, is_extended: bool = False) -> MessageSpec | None:
        """The message with this identifier, or None; of a J1939 message with the null address (0xFE), from any source."""
        frame = self._carried(frame_id, is_extended)
        return frame.spec if frame else None

    def key_of(self, frame_id: int, is_extended: bool) -> tuple[int, bool]:
        """Under which (identifier, extended) the database has the message of such a frame; the same where it has none."""
        frame = self._carried(frame_id, is_extended) if self._any_source else None
        return frame.spec.key if frame else (frame_id, is_extended)

    def _carried(self, frame_id: int, is_extended: bool) -> _Frame | None:
        frame = self._by_id.get((frame_id, is_extended))
        if frame is None and is_extended and self._any_source:
            frame = self._any_source.get(frame_id & ~SOURCE)
        return frame

    def message(self, name: str) -> MessageSpec:
        """The message of this name; BenchError if there is none."""
        return self._frame(name).spec

    def message_of(self, role: str) -> MessageSpec:
        """The message that carries a role, e.g. "soc" or "cell_voltage[17]"."""
        return self._found(role)[0].spec

    def codec(self, role: str) -> SignalCodec:
        """Place and scaling of a role in its frame."""
        return self._found(role)[1]

    def roles_of(self, message_name: str) -> tuple[str, ...]:
        """The roles that a message carries; indexed roles with their index."""
        return tuple(self._frame(message_name).by_key)

    def unit(self, role: str) -> str:
        """The canonical unit of a role."""
        return ROLES[role.partition("[")[0]]

    def resolution(self, role: str) -> float:
        """One count of the role's signal, in the canonical unit."""
        return self.codec(role).resolution

    def count(self, role: str) -> int:
        """How many signals play a role: 1, or the number of cells, modules or strings; 0 if none."""
        return sum(key == role or key.startswith(f"{role}[") for key in self._of_key)

    def senders(self, side: str) -> list[MessageSpec]:
        """The messages that one side sends, with those that are not cyclic (`cycle_s` 0).

        side: a node of the database, or "BMS" or "EMS" for the nodes that send the roles of that side, under any
        database calls them; a message for which the file names no sender is of the side of its roles. BenchError if
        nothing is found.
        """
        nodes, unsent = {side}, set[str]()
        if not any(spec.sender == side for spec in self.messages.values()):
            wanted = {"BMS": BMS_ROLES, "EMS": EMS_ROLES}.get(side, {})
            carriers = {frame.spec for key, (frame, _) in self._of_key.items() if key.partition("[")[0] in wanted}
            nodes = {spec.sender for spec in carriers if spec.sender}
            unsent = {spec.name for spec in carriers if not spec.sender}  # the file names no sender: its roles do
        found = [spec for spec in self.messages.values() if spec.sender in nodes or spec.name in unsent]
        if not found:
            known = sorted({spec.sender for spec in self.messages.values() if spec.sender})
            raise BenchError(str(self.path), f"has no message that {side} sends", f"its senders: {', '.join(known)}")
        return found

    def decode(self, msg: can.Message) -> dict[str, float]:
        """The roles that this frame carries, in canonical units.

        Empty for a frame that is not in the database or is too short, and for remote and error frames. A signal whose
        sender marks as "no value" is omitted. Neither counter nor CRC is checked: see `e2e`.
        """
        frame = self._carried(msg.arbitration_id, msg.is_extended_id)
        if frame is None or not frame.codecs or msg.is_error_frame or msg.is_remote_frame:
            return {}
        length = frame.spec.length
        if len(msg.data) < length:
            return {}
        data = msg.data[:length]
        little, big = int.from_bytes(data, "little"), int.from_bytes(data, "big")
        values = {}
        # `SignalCodec.raw` and `.value`, written out
        for key, is_big, shift, mask, sign, numerator, offset, denominator, top, no_values in frame.readers:
            raw = ((big if is_big else little) >> shift) & mask
            if raw >> sign:  # never for an unsigned signal
                raw -= mask + 1
            if raw <= top and raw not in no_values:
                values[key] = (raw * numerator + offset) / denominator
        for codec in frame.worded:
            raw = codec.raw(big if codec.big_endian else little)
            if codec.has_value(raw):
                values[codec.key] = codec.value(raw)
        return values

    def encode(self, message_name: str, values: Mapping[str, float], counter: int) -> can.Message:
        """A frame with these roles; every other signal has its initial value; E2E counter and CRC are filled in.

        ValueError if a role is not in this message or its value is outside the signal's range: nothing ever wraps.
        """
        frame = self._frame(message_name)
        spec, length = frame.spec, frame.spec.length
        big, writers = 0, frame.writers
        whole = len(values) == len(frame.by_key)  # every signal is written: there is nothing to clear before
        little = frame.empty if whole else frame.base
        for key, value in values.items():
            if (writer := writers.get(key)) is not None and -inf < value < inf:
                # `SignalCodec.count`, inlined; it raises the error for what cannot be sent
                denominator, offset, numerator, low, high, mask, shift = writer
                raw = floor((value * denominator - offset) / numerator + 0.5)
                if low <= raw <= high:
                    if not whole:
                        little &= ~(mask << shift)
                    little |= (raw & mask) << shift
                    continue
            codec = frame.by_key.get(key)
            if codec is None:
                raise ValueError(f"{message_name} does not carry {key}; it carries {', '.join(frame.by_key)}")
            bits = codec.count(value) & ((1 << codec.length) - 1)
            if codec.big_endian:
                # XOR with the initial value that is already in the base
                big |= (bits ^ _initial_bits(frame.base, codec, length)) << codec.shift
            else:
                mask = ((1 << codec.length) - 1) << codec.shift
                little = (little & ~mask) | (bits << codec.shift)
        if big:
            little ^= int.from_bytes(big.to_bytes(length, "big"), "little")
        data = bytearray(little.to_bytes(length, "little"))
        if spec.e2e is not None:
            protect(data, spec.e2e.data_id, counter)
        return can.Message(
            arbitration_id=spec.frame_id,
            is_extended_id=spec.is_extended,
            is_fd=spec.is_fd,
            bitrate_switch=spec.brs,
            data=data,
        )

    def _frame(self, name: str) -> _Frame:
        try:
            return self._frames[name]
        except KeyError:
            raise BenchError(str(self.path), f"has no message {name!r}", close_to(name, self.messages)) from None

    def _found(self, role: str) -> tuple[_Frame, SignalCodec]:
        try:
            return self._of_key[role]
        except KeyError:
            hint = close_to(role, self._of_key) or "add it to the [roles] table"
            raise BenchError(str(self.path), f"no signal plays the role {role!r}", hint) from None


def _initial_bits(base: int, codec: SignalCodec, length: int) -> int:
    """The bits of a Motorola signal in the base frame."""
    frame = int.from_bytes(base.to_bytes(length, "little"), "big")
    return (frame >> codec.shift) & ((1 << codec.length) - 1)


def _base(message: Any) -> int:
    """The frame with every plain signal at its initial value, as a little-endian integer; the rest is zero."""
    little, big, length = 0, 0, message.length
    for signal in message.signals:
        if signal.is_float or signal.multiplexer_ids:
            continue
        is_big = signal.byte_order == "big_endian"
        bits = initial_count(signal) & ((1 << signal.length) - 1)
        bits <<= shift_of(signal.start, signal.length, is_big, length)
        if is_big:
            big |= bits
        else:
            little |= bits
    return little | int.from_bytes(big.to_bytes(length, "big"), "little")


def _resolve(entry: RoleEntry, messages: Mapping[str, Any], where: str, notes: list[str]) -> list[tuple[str, Any, Any]]:
    """(key, message, signal) for each signal that the line of the role table names; BenchError if there is none."""
    pattern = re.compile(re.escape(entry.message).replace(r"\*", ".*"))
    chosen = [message for name, message in messages.items() if pattern.fullmatch(name)]
    if not chosen:
        raise BenchError(where, f"there is no message {entry.message!r}", close_to(entry.message, messages))
    signals = {signal.name: (message, signal) for message in chosen for signal in message.signals}
    if "{n" not in entry.signal:
        found = signals.get(entry.signal)
        if found is None:
            raise BenchError(where, f"{entry.message} has no signal {entry.signal!r}", close_to(entry.signal, signals))
        return [(entry.role, *found)]
    numbers = _numbers(entry.signal, signals)
    if not numbers:
        first = entry.signal.format(n=1)
        raise BenchError(where, f"{entry.message} has no signal {first!r}", close_to(first, signals))
    for message in chosen:
        for signal in message.signals:
            other = signals[signal.name][0]
            if other is not message and signal.name in numbers.values():
                what = f"{signal.name} is in {message.name} and in {other.name}"
                raise BenchError(where, what, "name one message, or those whose signals have names of their own")
    if list(numbers) != list(range(1, len(numbers) + 1)):
        notes.append(f"{entry.role}: {', '.join(_runs(numbers))} of {entry.signal} are [1] to [{len(numbers)}] here")
    return [(f"{entry.role}[{place}]", *signals[name]) for place, name in enumerate(numbers.values(), start=1)]


def _stated(table: list[StatedMessage], names: Iterable[str], where: str) -> dict[str, dict[str, Any]]:
    """What the role table says of each message in place of the file; BenchError for one that there is not."""
    found: dict[str, dict[str, Any]] = {}
    for one in table:
        pattern = re.compile(re.escape(one.message).replace(r"\*", ".*"))
        chosen = [name for name in names if pattern.fullmatch(name)]
        if not chosen:
            raise BenchError(where, f"there is no message {one.message!r}", close_to(one.message, list(names)))
        says: dict[str, Any] = {"sender": one.sender} if one.sender else {}
        says |= {} if one.cycle_s is None else {"cycle_s": one.cycle_s}
        for name in chosen:
            found[name] = found.get(name, {}) | says
    return found


def _numbers(pattern: str, names: Iterable[str]) -> dict[int, str]:
    """The signals of this pattern by their numbers, in order; they may begin at 0, and some may be missing."""
    before, _, rest = pattern.partition("{n")
    like = re.compile(re.escape(before) + r"(\d{1,6})" + re.escape(rest.partition("}")[2]))
    found = {int(hit[1]): name for name in names if (hit := like.fullmatch(name))}
    return {number: name for number, name in sorted(found.items()) if pattern.format(n=number) == name}


def _runs(numbers: Iterable[int]) -> list[str]:
    """Numbers in words: 0-11, 13-24."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return [str(first) if first == last else f"{first}-{last}" for first, last in runs]
