"""What the bench's own node sees of the bus: the newest sound values, and measures of the BMS's traffic."""

import math
from collections.abc import Sequence

import numpy as np

from v2g_bench.can.columns import Columns, Frame
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.dbcfile import MessageSpec
from v2g_bench.can.e2e import COUNTER_BYTE, check
from v2g_bench.can.roles import EMS_ROLES
from v2g_bench.faults import BusWindow, spread_ms


def sound(db: BusDatabase, frame: Frame) -> bool:
    """True for a frame of the database whose end-to-end checksum, if it has one, fits."""
    spec = db.by_id(frame.frame_id, frame.is_extended)
    if spec is None or len(frame.data) < spec.length:
        return False
    return spec.e2e is None or check(frame.data[: spec.length], spec.e2e.data_id)


def newest(db: BusDatabase, columns: Columns, begun_s: float = -math.inf) -> dict[str, float]:
    """The newest sound value of every role in these frames; of the controller's, none from before it was started.

    begun_s: when it was (bench clock). What it sent in the life before that is not its word any more.
    """
    values: dict[str, float] = {}
    for spec in db.messages.values():
        frames = columns.of(spec.frame_id, spec.is_extended)
        for position in range(len(frames) - 1, -1, -1):
            frame = frames.frame(position)
            if sound(db, frame):
                values |= _of_this_life(db.decode(frame.message()), frame.stamp_s, begun_s)
                break
    return values


def _of_this_life(seen: dict[str, float], stamp_s: float, begun_s: float) -> dict[str, float]:
    return seen if stamp_s >= begun_s else {role: value for role, value in seen.items() if role not in EMS_ROLES}


def protection(columns: Columns, specs: Sequence[MessageSpec]) -> tuple[int, list[str]]:
    """How many of these frames are of the given protected messages; each that has a wrong checksum or counter."""
    count, wrong = 0, []
    for spec in specs:
        assert spec.e2e is not None
        frames = columns.of(spec.frame_id, spec.is_extended)
        count += len(frames)
        last: int | None = None
        for position in range(len(frames)):
            data = frames.data[position, : spec.length].tobytes()
            where = f"{spec.name} at {float(frames.stamp_s[position]):.3f} s"
            if not check(data, spec.e2e.data_id):
                wrong.append(f"{where}: wrong checksum")
            elif last is not None and data[COUNTER_BYTE] != (last + 1) % 256:
                wrong.append(f"{where}: counter {data[COUNTER_BYTE]} after {last}")
            last = data[COUNTER_BYTE]
    return count, wrong


def bms_frames(db: BusDatabase, columns: Columns) -> Columns:
    """The frames that carry identifiers of the BMS's cyclic messages."""
    wanted = [spec.frame_id for spec in db.senders("BMS") if spec.cycle_s > 0]
    return columns[np.isin(columns.frame_id, wanted)]


def window(db: BusDatabase, columns: Columns, from_s: float, to_s: float) -> BusWindow:
    """Measures of the BMS's cyclic frames stamped between two times."""
    inside = columns[(columns.stamp_s >= from_s) & (columns.stamp_s <= to_s)]
    expected = received = bad = repeated = 0
    spread = 0.0
    for spec in db.senders("BMS"):
        if spec.cycle_s <= 0:
            continue
        frames = inside.of(spec.frame_id, spec.is_extended)
        expected += int((to_s - from_s) / spec.cycle_s)
        received += len(frames)
        spread = max(spread, spread_ms(frames.stamp_s, spec.cycle_s))
        if spec.e2e is None:
            continue
        last = -1
        for position in range(len(frames)):
            data = frames.data[position, : spec.length].tobytes()
            if not check(data, spec.e2e.data_id):
                bad += 1
                continue
            repeated += data[COUNTER_BYTE] == last
            last = data[COUNTER_BYTE]
    return BusWindow(to_s - from_s, expected, received, bad, repeated, spread)
