"""The newest good values on a bus, as a node that checks every frame has them."""

import math

from v2g_bench.can.columns import Columns, Frame
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.e2e import check
from v2g_bench.can.roles import EMS_ROLES

MEMORY_S, MEMORY_CYCLES = 1.0, 3


def sound(db: BusDatabase, frame: Frame) -> bool:
    """True for a frame of the database whose end-to-end checksum, if it has one, fits."""
    spec = db.by_id(frame.frame_id, frame.is_extended)
    if spec is None or len(frame.data) < spec.length:
        return False
    return spec.e2e is None or check(frame.data[: spec.length], spec.e2e.data_id)


def memory_s(db: BusDatabase) -> float:
    """How far back the frames for `newest` have to reach."""
    return max([MEMORY_S, *(MEMORY_CYCLES * spec.cycle_s for spec in db.messages.values())])


def newest(
    db: BusDatabase, columns: Columns, begun_s: float = -math.inf, *, now_s: float = -math.inf
) -> dict[str, float]:
    """The newest good value of every role in these frames; of the controller's, none from before it was started.

    begun_s: when that was (bench clock). What it sent before its start is not used. now_s: a value is used for a second,
    that of a slow message for three of its cycles.
    """
    values: dict[str, float] = {}
    for spec in db.messages.values():
        frames = columns.carrying(spec)
        for position in range(len(frames) - 1, -1, -1):
            frame = frames.frame(position)
            if frame.timestamp_s < now_s - max(MEMORY_S, MEMORY_CYCLES * spec.cycle_s):
                break
            if sound(db, frame):
                values |= _of_this_life(db.decode(frame.message()), frame.timestamp_s, begun_s)
                break
    return values


def _of_this_life(seen: dict[str, float], timestamp_s: float, begun_s: float) -> dict[str, float]:
    return seen if timestamp_s >= begun_s else {role: value for role, value in seen.items() if role not in EMS_ROLES}
