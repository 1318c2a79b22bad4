"""Signals out of captured frames, by numpy, in canonical units.

>>> t_s, kelvin = signal(capture, db, "cell_temperature_max")                           # doctest: +SKIP
>>> hot = first_above(capture, db, "cell_temperature_max", 45.0, since_s)               # doctest: +SKIP
>>> t0_s = hot.timestamp_s                                                                  # doctest: +SKIP

Limits are compared in raw counts: a value of exactly the limit is neither above nor below it. A signal whose sender
says "no value" gives no sample.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from v2g_bench.can.capture import Capture
from v2g_bench.can.codec import SignalCodec
from v2g_bench.can.columns import Columns, Frame
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.e2e import check

ALWAYS = float("-inf")


@dataclass(frozen=True)
class Hit:
    """The frame that first satisfied a condition. stamp_s: bench clock; index: its place in the capture."""

    timestamp_s: float
    value: float
    index: int


def signal(
    recorded: Capture | Columns, db: BusDatabase, role: str, since_s: float = ALWAYS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(t_s, values) of a role, both float64 of the same length; empty if the frame was not seen. BenchError if the
    database does not carry the role. E2E is not checked.
    """
    frames, counts = _counts(recorded, db, role, since_s)
    return frames.timestamp_s, values_of(db.codec(role), counts)


def first_above(
    recorded: Capture | Columns,
    db: BusDatabase,
    role: str,
    limit: float,
    since_s: float = ALWAYS,
    *,
    checked: bool = True,
) -> Hit | None:
    """The first frame at or after `since_s` whose value is above `limit`; None if there is none.

    checked: a frame whose E2E checksum is wrong does not count; it carries noise and not a value.
    """
    return _first(recorded, db, role, limit, since_s, above=True, checked=checked)


def first_below(
    recorded: Capture | Columns,
    db: BusDatabase,
    role: str,
    limit: float,
    since_s: float = ALWAYS,
    *,
    checked: bool = True,
) -> Hit | None:
    """As `first_above`, for a value below `limit`."""
    return _first(recorded, db, role, limit, since_s, above=False, checked=checked)


def wait_for_value(
    capture: Capture,
    db: BusDatabase,
    role: str,
    accept: Callable[[float], bool],
    since_s: float = ALWAYS,
    timeout_s: float = 1.0,
) -> Hit:
    """Wait for the first good frame whose value of `role` is accepted; TimeoutError if none comes in time."""
    spec, codec = db.message_of(role), db.codec(role)

    def fits(frame: Frame) -> bool:
        if not spec.carried_by(frame.frame_id, frame.is_extended):
            return False
        value = db.decode(frame.message()).get(codec.key)
        if value is None or (spec.e2e is not None and not check(frame.data[: spec.length], spec.e2e.data_id)):
            return False
        return accept(value)

    frame = capture.wait_for(fits, since_s, timeout_s)
    return Hit(frame.timestamp_s, db.decode(frame.message())[codec.key], frame.index)


def raw_counts(codec: SignalCodec, data: NDArray[np.uint8], frame_bytes: int) -> NDArray[np.int64]:
    """The counts of a signal; data: uint8 of shape (n, at least frame_bytes); int64 of shape (n,).

    ValueError for a signal that does not fit int64.
    """
    if codec.length > (64 if codec.signed else 63):
        raise ValueError(f"{codec.key}: {codec.length} bits do not fit a trace")
    first, place = divmod(codec.shift, 8)
    accumulated = np.zeros(len(data), np.uint64)
    for number in range((place + codec.length + 7) // 8):
        column = frame_bytes - 1 - first - number if codec.big_endian else first + number
        byte = data[:, column].astype(np.uint64)
        # A signal of 57 bits or more may touch nine bytes: the first gives its upper bits alone.
        at = 8 * number - place
        accumulated |= byte << np.uint64(at) if at >= 0 else byte >> np.uint64(-at)
    # To the top of the word and back: an arithmetic shift extends the sign.
    unused = 64 - codec.length
    accumulated <<= np.uint64(unused)
    if codec.signed:
        return accumulated.view(np.int64) >> np.int64(unused)
    return (accumulated >> np.uint64(unused)).view(np.int64)


def values_of(codec: SignalCodec, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Counts that have one to canonical values: the floats of `SignalCodec.value` while products stay below 2**53."""
    if codec.meanings:
        return np.array([codec.value(int(raw)) for raw in counts], np.float64)
    return (counts.astype(np.float64) * codec.numerator + codec.offset) / codec.denominator


def have_values(codec: SignalCodec, counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which counts stand for a value at all; see `SignalCodec.has_value`."""
    if codec.meanings:
        return np.isin(counts, [raw for raw, _ in codec.meanings])
    return (counts <= min(codec.top, (1 << 63) - 1)) & ~np.isin(counts, list(codec.no_values))


def _counts(
    recorded: Capture | Columns, db: BusDatabase, role: str, since_s: float
) -> tuple[Columns, NDArray[np.int64]]:
    """The frames that carry a value of the role, and the counts in them."""
    spec, codec = db.message_of(role), db.codec(role)
    columns = recorded.frames(since_s=since_s) if isinstance(recorded, Capture) else recorded
    frames = columns.carrying(spec)
    frames = frames[(frames.length >= spec.length) & (frames.timestamp_s >= since_s)]
    counts = raw_counts(codec, frames.data, spec.length)
    has_value = have_values(codec, counts)
    return frames[has_value], counts[has_value]


def _first(
    recorded: Capture | Columns,
    db: BusDatabase,
    role: str,
    limit: float,
    since_s: float,
    *,
    above: bool,
    checked: bool,
) -> Hit | None:
    spec, codec = db.message_of(role), db.codec(role)
    frames, counts = _counts(recorded, db, role, since_s)
    bound = codec.bound(limit)
    up = above == codec.above_is_up
    beyond = counts > math.floor(bound) if up else counts < math.ceil(bound)
    for position in np.flatnonzero(beyond):
        data = frames.data[position, : spec.length].tobytes()
        if checked and spec.e2e is not None and not check(data, spec.e2e.data_id):
            continue
        value = codec.value(int(counts[position]))
        return Hit(float(frames.timestamp_s[position]), value, int(frames.index[position]))
    return None
