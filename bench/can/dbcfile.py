"""Reading a DBC file: messages, their attributes and their signals, as the bench needs them. cantools parses.

Attributes that are understood: VFrameFormat (FD, extended), GenMsgCycleTime, GenSigStartValue, CANFD_BRS or GenMsgBRS,
E2EProfile and E2EDataId. A count whose value table entry reads "SNA" (or "not available", "invalid") means: no value.
"""

import hashlib
import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import cantools

from v2g_bench.can.codec import SignalCodec, exact, shift_of
from v2g_bench.can.e2e import E2E
from v2g_bench.can.roles import ROLES, unit_conversion, unit_names
from v2g_bench.errors import BenchError
from v2g_bench.inputs.ranges import ANY, Within, shown

FD_LENGTHS = (*range(9), 12, 16, 20, 24, 32, 48, 64)
CYCLE_MS = Within(0, 86_400_000)
FINITE = Within(-1e300, 1e300)  # some tools write the range of the number format where they know none of the quantity
_NO_VALUE = re.compile(r"^(sna|n/?a|(signal )?(is )?not[ _]?available|invalid)$", re.IGNORECASE)
_NUMBER = re.compile(r"^[-+]?\d+([.,]\d+)?\s*(m?V|m?A|k?W|%|°?C|deg ?C|K|k?Wh|Ah)?$")


@dataclass(frozen=True)
class MessageSpec:
    """One message of the database.

    length: bytes on the bus (a legal length); cycle_s: 0 if it is not cyclic; sender: the node, "" if the database does
    not say; e2e: None if the message is not protected.
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


def read_dbc(path: Path) -> tuple[Any, str]:
    """(cantools database, SHA-256 of the file as hex); BenchError if it is missing, broken or contradictory."""
    where = str(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        near = ", ".join(sorted(other.name for other in path.parent.glob("*.dbc")))
        hint = f"databases there: {near}" if near else "is the path relative to the right folder?"
        raise BenchError(where, f"cannot be read: {error.strerror}", hint) from error
    return _parsed(content, where), hashlib.sha256(content).hexdigest()


@lru_cache(maxsize=4)  # a tenth of a second each, and all parts of a rig in one process read the same one
def _parsed(content: bytes, where: str) -> Any:
    """cantools' database, which nobody may change."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")  # what Windows tools write
    try:
        database = cantools.database.load_string(text, database_format="dbc", strict=True)
    except cantools.Error as error:
        raise _broken(where, text, error) from error
    except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        # The parser's own stumbles over files that are well-formed but refer to what is not there.
        raise BenchError(
            where, f"contradicts itself: {error!r}", "does it refer to a missing message or signal?"
        ) from error
    if not getattr(database, "messages", None):
        raise BenchError(where, "holds no message", "is it a DBC file?")
    return database


def _broken(where: str, text: str, error: Exception) -> BenchError:
    """The parser's error with the line that it stumbled over."""
    found = re.search(r"line (\d+), column (\d+)", str(error))
    if found is None:
        return BenchError(where, f"is not a valid DBC: {error}", "signals must not overlap and must fit their message")
    number = int(found[1])
    lines = text.splitlines()
    line = lines[number - 1].strip() if number <= len(lines) else ""
    return BenchError(f"{where}:{number}", f"is not valid DBC near column {found[2]}: {line!r}", "mend this line")


def message_spec(message: Any, where: str) -> MessageSpec:
    """The bench's view of one cantools message."""
    is_fd = bool(message.is_fd) or message.length > 8
    if message.length not in FD_LENGTHS:
        raise BenchError(
            f"{where}: {message.name}",
            f"a frame cannot have {message.length} bytes",
            f"use {next((legal for legal in FD_LENGTHS if legal > message.length), 64)}",
        )
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
    )


def attribute(owner: Any, name: str, default: Any = None) -> Any:
    """A message's or signal's attribute, or the default of its definition; entries of an ENUM come as their text."""
    specifics = owner.dbc
    if specifics is None:
        return default
    definition = specifics.attribute_definitions.get(name) if hasattr(specifics, "attribute_definitions") else None
    if name in specifics.attributes:
        entry = specifics.attributes[name]
        definition, value = entry.definition, entry.value
    elif definition is not None:
        value = definition.default_value
    else:
        return default
    if definition is not None and definition.type_name == "ENUM" and isinstance(value, int):
        return definition.choices[value]
    return default if value is None else value


def _e2e(message: Any, where: str) -> E2E | None:
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


def initial_count(signal: Any) -> int:
    """The count that is sent while no value is given; BenchError if it is no number."""
    return int(_number(signal.raw_initial or 0, ANY, signal.name, "start value"))


def not_available_count(signal: Any) -> int | None:
    """The count for 'no value', if the value table names one."""
    for count, text in (signal.choices or {}).items():
        if _NO_VALUE.match(str(text).strip()):
            return int(count)
    return None


def _labelled_counts(signal: Any) -> frozenset[int]:
    """The counts that the value table names; a label that is a number itself names a value."""
    return frozenset(
        int(count) for count, text in (signal.choices or {}).items() if not _NUMBER.match(str(text).strip())
    )


def signal_codec(signal: Any, spec: MessageSpec, role: str, key: str, invert: bool, where: str) -> SignalCodec:
    """The codec of the signal that plays `role`; BenchError if its unit or its coding does not allow that."""
    canonical = ROLES[role]
    unit = signal.unit or ""
    try:
        factor, shift_by = unit_conversion(unit, canonical)
    except KeyError:
        what = f"{spec.name}.{signal.name} is in {unit!r}, which is no unit of this role (canonical: {canonical})"
        raise BenchError(where, what, f"known: {', '.join(unit_names(canonical))}") from None
    if signal.is_float or signal.is_multiplexer or signal.multiplexer_ids:
        kind = "a floating point number" if signal.is_float else "multiplexed"
        raise BenchError(where, f"{spec.name}.{signal.name} is {kind}, which a role cannot be", "name another signal")
    _require_scaling(signal, f"{where}: {spec.name}.{signal.name}")
    sign = -1 if invert else 1
    numerator, offset = sign * exact(signal.scale) * factor, sign * (exact(signal.offset) * factor + shift_by)
    denominator = math.lcm(numerator.denominator, offset.denominator)
    no_value = not_available_count(signal)
    low, high = _count_range(signal, no_value)
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
        not_available=no_value,
        labelled=frozenset() if canonical == "1" else _labelled_counts(signal),
    )


def _number(value: Any, limits: Within, where: str, name: str) -> float:
    """The value, or BenchError for one that cannot be meant; a DBC may say 1e400."""
    if value not in limits:
        raise BenchError(where, f"its {name} {shown(value)} is not a number {limits}", "correct the database")
    return float(value)


def _require_scaling(signal: Any, where: str) -> None:
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


def _count_range(signal: Any, no_value: int | None) -> tuple[int, int]:
    """The counts that carry a value: what the bits hold, within the database's [min|max], without 'no value'."""
    low = -(1 << signal.length - 1) if signal.is_signed else 0
    high = low + (1 << signal.length) - 1
    scale, offset = exact(signal.scale), exact(signal.offset)
    if signal.minimum is not None and signal.maximum is not None and signal.minimum < signal.maximum:
        ends: list[Fraction] = sorted((exact(end) - offset) / scale for end in (signal.minimum, signal.maximum))
        low, high = max(low, math.ceil(ends[0])), min(high, math.floor(ends[1]))
    if no_value == low:
        low += 1
    if no_value == high:
        high -= 1
    return low, high
