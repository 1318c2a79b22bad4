"""Reading a DBC file: messages, their attributes and their signals, as the bench needs them. cantools parses.

Attributes that are understood: VFrameFormat (FD, extended), GenMsgCycleTime, GenSigStartValue, CANFD_BRS or GenMsgBRS,
E2EProfile and E2EDataId. Of what a value table says, `labels` knows the words. In a frame that VFrameFormat calls J1939PG
the highest counts have no value either, with or without a word for them.
"""

import hashlib
import math
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import cantools
from cantools.database.can import Database, Message, Signal

from v2g_bench.can.codec import SignalCodec, exact, shift_of
from v2g_bench.can.e2e import E2E
from v2g_bench.can.labels import WORDED, Contradiction, meanings, no_value
from v2g_bench.can.roles import CYCLE_MS, ROLES, RoleEntry, unit_conversion, unit_names
from v2g_bench.errors import BenchError
from v2g_bench.inputs.files import read_bytes
from v2g_bench.inputs.ranges import ANY, Within, shown
from v2g_bench.inputs.text import LARGEST

FD_LENGTHS = (*range(9), 12, 16, 20, 24, 32, 48, 64)
J1939 = ("J1939PG",)
SOURCE, NULL_ADDRESS = 0xFF, 0xFE  # of a J1939 identifier: its source address, and the address of a node that has none
FINITE = Within(-1e300, 1e300)  # some tools write the range of the number format where they know none of the quantity
# SAE J1939-71: the highest byte of a number says FB indicator, FC and FD reserved, FE error, FF not available; of a field
# of 2 or 4 bits the two highest counts say error and not available.
_J1939_TOP = {2: 0x1, 4: 0xD, 8: 0xFA, 16: 0xFAFF, 24: 0xFAFFFF, 32: 0xFAFFFFFF}
_NUMBER = re.compile(r"^[-+]?\d+([.,]\d+)?\s*(m?V|m?A|k?W|%|°?C|deg ?C|K|k?Wh|Ah)?$")


@dataclass(frozen=True)
class MessageSpec:
    """One message of the database.

    length: bytes on the bus (a legal length); cycle_s: 0 if it is not cyclic; sender: the node, "" if the database does
    not say; e2e: None if the message is not protected; elsewhere: identifiers of the
    same group that have a message of their own.
    """

    name: str
    frame_id: int
    is_extended: bool
    length: int
    is_fd: bool
    brs: bool
    cycle_s: float
    sender: str
    e2e: E2E | None
    is_j1939: bool = False
    elsewhere: frozenset[int] = frozenset()

    @property
    def key(self) -> tuple[int, bool]:
        """Identifier in the database, and whether it is an extended one."""
        return self.frame_id, self.is_extended

    @property
    def from_any_source(self) -> bool:
        """SAE J1939: a database gives the null address where any node may send the message."""
        return self.is_j1939 and self.frame_id & SOURCE == NULL_ADDRESS

    def carried_by(self, frame_id: int, is_extended: bool) -> bool:
        """Whether a frame with this identifier is of this message."""
        if self.from_any_source and is_extended and frame_id not in self.elsewhere:
            return frame_id & ~SOURCE == self.frame_id & ~SOURCE
        return (frame_id, is_extended) == (self.frame_id, self.is_extended)


def read_dbc(path: Path) -> tuple[Database, str]:
    """(cantools database, SHA-256 of the file as hex); BenchError if it is missing, broken or contradictory."""
    where = str(path)
    try:
        content = read_bytes(path, LARGEST)
    except OSError as error:
        near = ", ".join(sorted(other.name for other in path.parent.glob("*.dbc")))
        hint = f"databases there: {near}" if near else "is the path relative to the right folder?"
        raise BenchError(where, f"cannot be read: {error.strerror}", hint) from error
    return _parsed(content, where), hashlib.sha256(content).hexdigest()


@lru_cache(maxsize=4)  # a tenth of a second each, and all parts of a rig in one process read the same one
def _parsed(content: bytes, where: str) -> Database:
    """cantools' database, which nobody may change."""
    try:
        text = content.decode("utf-8-sig")  # some editors put a mark before the first line
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")  # what Windows tools write
    try:
        database = cantools.database.load_string(text, database_format="dbc", strict=False)
    except cantools.Error as error:
        raise _broken(where, text, error) from error
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, ArithmeticError) as error:
        # The parser's own stumbles over files that are well-formed but refer to what is not there.
        raise BenchError(
            where, f"contradicts itself: {error!r}", "does it refer to a missing message or signal?"
        ) from error
    if not isinstance(database, Database) or not database.messages:
        raise BenchError(where, "holds no message", "is it a DBC file?")
    return database


def _broken(where: str, text: str, error: Exception) -> BenchError:
    """The parser's error with the line that it stumbled over."""
    found = re.search(r"line (\d+), column (\d+)", str(error))
    if found is None:
        return BenchError(where, f"is not a valid DBC: {error}", "correct it in the database's own editor")
    number = int(found[1])
    lines = text.splitlines()
    line = lines[number - 1].strip() if number <= len(lines) else ""
    return BenchError(f"{where}:{number}", f"is not valid DBC near column {found[2]}: {line!r}", "mend this line")


def message_spec(message: Message, where: str) -> MessageSpec:
    """The bench's view of one cantools message."""
    is_fd = bool(message.is_fd) or message.length > 8
    _require_frame(message, f"{where}: {message.name}")
    brs = attribute(message, "CANFD_BRS", attribute(message, "GenMsgBRS", "1"))
    return MessageSpec(
        name=message.name,
        frame_id=message.frame_id,
        is_extended=bool(message.is_extended_frame),
        length=message.length,
        is_fd=is_fd,
        brs=is_fd and str(brs).strip().lower() in ("1", "yes", "true", "on"),
        cycle_s=_number(message.cycle_time or 0, CYCLE_MS, f"{where}: {message.name}", "cycle time in ms") / 1000,
        sender=next((node for node in message.senders if node != "Vector__XXX"), ""),
        e2e=_e2e(message, f"{where}: {message.name}"),
        is_j1939=bool(message.is_extended_frame) and str(attribute(message, "VFrameFormat", "")) in J1939,
    )


def _require_frame(message: Message, where: str) -> None:
    """BenchError for what is no frame: its length, or signals that do not lie in it side by side."""
    length = message.length
    odd = (
        bool(message.is_extended_frame) and length not in FD_LENGTHS
    )  # J1939, also where the file does not call it that
    if length > FD_LENGTHS[-1] or (length > 8 and (odd or str(attribute(message, "VFrameFormat", "")) in J1939)):
        what = f"{length} bytes come in several frames (a transport protocol, as J1939 has one), which the bench does not join"
        raise BenchError(where, what, "name a signal of another message, or leave this role out")
    if length not in FD_LENGTHS:
        legal = next(legal for legal in FD_LENGTHS if legal > length)
        raise BenchError(where, f"a frame cannot have {length} bytes", f"CAN FD has {legal}: use {legal}")
    try:
        message.refresh(strict=True)
    except cantools.Error as error:
        raise BenchError(where, str(error), "signals must not overlap, and must fit into their message") from None


def single(messages: Iterable[Message], where: str) -> dict[str, Message]:
    """The messages by name; BenchError where two have one name or one identifier: neither could be known."""
    named: dict[str, Message] = {}
    identified: dict[tuple[int, bool], Message] = {}
    for message in messages:
        frame_id = f"0x{message.frame_id:X}"
        if (other := named.get(message.name)) is not None:
            what = f"two messages are called {message.name}: 0x{other.frame_id:X} and {frame_id}"
            raise BenchError(where, what, "rename or remove one of them")
        key = (message.frame_id, bool(message.is_extended_frame))
        if (other := identified.get(key)) is not None:
            what = f"two messages have the identifier {frame_id}: {other.name} and {message.name}"
            raise BenchError(where, what, "remove one of them, or keep each in a database of its own")
        named[message.name] = identified[key] = message
    return named


def attribute(owner: Message | Signal, name: str, default: Any = None) -> Any:
    """A message's or signal's attribute, or the default of its definition; entries of an ENUM come as their text."""
    specifics = owner.dbc
    if specifics is None:
        return default
    definition = specifics.attribute_definitions.get(name) if hasattr(specifics, "attribute_definitions") else None
    if name in specifics.attributes:
        entry = specifics.attributes[name]
        definition = entry.definition
        value: str | int | float | None = entry.value
    elif definition is not None:
        value = definition.default_value
    else:
        return default
    if definition is not None and definition.type_name == "ENUM" and isinstance(value, int):
        return definition.choices[value]
    return default if value is None else value


def _e2e(message: Message, where: str) -> E2E | None:
    profile = str(attribute(message, "E2EProfile", "") or "").strip()
    if profile.lower() in ("", "none", "no", "-"):
        return None
    if not re.fullmatch(r"(P|Profile[ _]?)?0?5", profile, re.IGNORECASE):
        raise BenchError(f"{where}.E2EProfile", f"profile {profile!r} is not supported", 'only "P05" is')
    data_id = attribute(message, "E2EDataId")
    if not isinstance(data_id, int) or not 0 <= data_id <= 0xFFFF:
        raise BenchError(f"{where}.E2EDataId", f"must be a 16 bit number, not {data_id!r}")
    if message.length < 4:
        raise BenchError(where, f"{message.length} bytes are too few for the 3 bytes of E2E profile 5 and a signal")
    return E2E("P05", data_id)


def initial_count(signal: Signal) -> int:
    """The count that is sent while no value is given; BenchError if it is no number."""
    return int(_number(signal.raw_initial or 0, ANY, signal.name, "start value"))


def _labels(signal: Signal) -> dict[int, str]:
    """The value table: count -> label."""
    return {int(count): str(text) for count, text in (signal.choices or {}).items()}


def _top(signal: Signal, message: Message) -> int:
    """The highest count that has a value, by the standard of its frame."""
    highest: int = (1 << signal.length - bool(signal.is_signed)) - 1
    if signal.is_signed or str(attribute(message, "VFrameFormat", "")) not in J1939:
        return highest
    return _J1939_TOP.get(signal.length, highest)


def _labelled_counts(signal: Signal) -> frozenset[int]:
    """The counts that the value table names; a label that is a number itself names a value."""
    return frozenset(
        int(count) for count, text in (signal.choices or {}).items() if not _NUMBER.match(str(text).strip())
    )


def signal_codec(
    signal: Signal, message: Message, spec: MessageSpec, entry: RoleEntry, key: str, where: str
) -> SignalCodec:
    """The codec of the signal that plays this role; BenchError if its unit, its coding or its words do not allow that."""
    canonical = ROLES[entry.role]
    unit = entry.unit or signal.unit or ""
    try:
        factor, shift_by = unit_conversion(unit, canonical)
    except KeyError:
        what = f"{spec.name}.{signal.name} is in {unit!r}, which is no unit of this role (canonical: {canonical})"
        hint = f'state it: {{ signal = "{spec.name}.{signal.name}", unit = "{canonical}" }}; known: '
        raise BenchError(where, what, hint + ", ".join(unit_names(canonical))) from None
    if signal.is_float or signal.is_multiplexer or signal.multiplexer_ids:
        kind = "a floating point number" if signal.is_float else "multiplexed"
        raise BenchError(where, f"{spec.name}.{signal.name} is {kind}, which a role cannot be", "name another signal")
    _require_scaling(signal, f"{where}: {spec.name}.{signal.name}")
    sign = -1 if entry.invert else 1
    numerator, offset = sign * exact(signal.scale) * factor, sign * (exact(signal.offset) * factor + shift_by)
    denominator = math.lcm(numerator.denominator, offset.denominator)
    labels, top = _labels(signal), _top(signal, message)
    meanings = _meanings(entry, labels, signal.length, where)
    no_values = frozenset(count for count, label in labels.items() if count not in meanings and no_value(label))
    low, high = _count_range(signal, no_values, top)
    if meanings:
        low, high = min(meanings), max(meanings)
    big_endian = signal.byte_order == "big_endian"
    return SignalCodec(
        key=key,
        unit=canonical,
        start=signal.start,
        length=signal.length,
        big_endian=big_endian,
        signed=bool(signal.is_signed),
        shift=shift_of(signal.start, signal.length, big_endian, spec.length),
        numerator=int(numerator * denominator),
        offset=int(offset * denominator),
        denominator=denominator,
        raw_min=low,
        raw_max=high,
        no_values=no_values,
        labelled=frozenset() if canonical == "1" else _labelled_counts(signal),
        top=top,
        meanings=tuple(sorted(meanings.items())),
    )


def _meanings(entry: RoleEntry, labels: dict[int, str], bits: int, where: str) -> dict[int, float]:
    """What each count of a role in words stands for; BenchError for a contradiction with the role table."""
    if entry.role not in WORDED:
        if entry.labels:
            raise BenchError(f"{where}.labels", "is for a role in words", f"these are: {', '.join(WORDED)}")
        return {}
    try:
        found = meanings(entry.role, labels, entry.labels, bits)
    except Contradiction as error:
        raise BenchError(where, f"{entry.message}.{entry.signal}: {error}", error.hint) from None
    if found and entry.invert:
        raise BenchError(
            f"{where}.invert", "its value table says which count means what", "leave invert away, or state labels"
        )
    return found


def _number(value: Any, limits: Within, where: str, name: str) -> float:
    """The value, or BenchError for one that cannot be meant; a DBC may say 1e400."""
    if value not in limits:
        raise BenchError(where, f"its {name} {shown(value)} is not a number {limits}", "correct the database")
    return float(value)


def _require_scaling(signal: Signal, where: str) -> None:
    """BenchError unless factor and offset are numbers that a quantity can have, and its range is one of numbers at all."""
    for name, value, limits in (
        ("factor", signal.scale, ANY),
        ("offset", signal.offset, ANY),
        ("minimum", signal.minimum, FINITE),
        ("maximum", signal.maximum, FINITE),
    ):
        if value is not None:
            _number(value, limits, where, name)
    if signal.scale == 0:
        raise BenchError(where, "its factor is 0, so that every count means the same", "correct the database")


def _count_range(signal: Signal, no_values: Collection[int], top: int) -> tuple[int, int]:
    """The counts that carry a value: what the bits hold, within the database's [min|max], without 'no value' at the ends."""
    low = -(1 << signal.length - 1) if signal.is_signed else 0
    high = low + (1 << signal.length) - 1
    scale, offset = exact(signal.scale), exact(signal.offset)
    if signal.minimum is not None and signal.maximum is not None and signal.minimum < signal.maximum:
        ends: list[Fraction] = sorted((exact(end) - offset) / scale for end in (signal.minimum, signal.maximum))
        low, high = max(low, math.ceil(ends[0])), min(high, math.floor(ends[1]))
    high = min(high, top)
    while low in no_values:
        low += 1
    while high in no_values:
        high -= 1
    return low, high
