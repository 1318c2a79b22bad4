"""What the bench's own node sees of the bus: the newest sound values, and measures of the BMS's traffic."""

from collections.abc import Sequence

import numpy as np

from v2g_bench.bms.tampering import in_scope
from v2g_bench.can.columns import Columns
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.dbcfile import MessageSpec
from v2g_bench.can.e2e import COUNTER_BYTE, check
from v2g_bench.faults import BusWindow, spread_ms


def protection(columns: Columns, specs: Sequence[MessageSpec]) -> tuple[int, list[str]]:
    """How many of these frames are of the given protected messages; each that has a wrong checksum or counter."""
    count, wrong = 0, []
    for spec in specs:
        assert spec.e2e is not None
        frames = columns.carrying(spec)
        count += len(frames)
        last: int | None = None
        for position in range(len(frames)):
            data = frames.data[position, : spec.length].tobytes()
            where = f"{spec.name} at {float(frames.timestamp_s[position]):.3f} s"
            if not check(data, spec.e2e.data_id):
                wrong.append(f"{where}: wrong checksum")
            elif last is not None and data[COUNTER_BYTE] != (last + 1) % 256:
                wrong.append(f"{where}: counter {data[COUNTER_BYTE]} after {last}")
            last = data[COUNTER_BYTE]
    return count, wrong


def bms_frames(db: BusDatabase, columns: Columns) -> Columns:
    """The data frames of the BMS's cyclic messages."""
    wanted = [columns.carry(spec) for spec in db.senders("BMS") if spec.cycle_s > 0]
    return columns[np.logical_or.reduce(wanted)] if wanted else columns[:0]


def _counter_before(spec: MessageSpec, columns: Columns, before_s: float) -> int:
    """The counter of the last sound frame of a protected message before this time; -1 without one."""
    assert spec.e2e is not None
    frames = columns.carrying(spec)
    for position in reversed(range(int(np.searchsorted(frames.timestamp_s, before_s)))):
        data = frames.data[position, : spec.length].tobytes()
        if check(data, spec.e2e.data_id):
            return data[COUNTER_BYTE]
    return -1


def window(db: BusDatabase, columns: Columns, from_s: float, to_s: float, scope: str = "all") -> BusWindow:
    """Measures of the BMS's cyclic frames stamped between two times. scope: of which messages.

    columns: those from before as well, by which the counter of the first frame is judged.
    """
    inside = columns[(columns.timestamp_s >= from_s) & (columns.timestamp_s <= to_s)]
    expected = received = bad = repeated = out_of_step = short = 0
    spread = 0.0
    for spec in db.senders("BMS"):
        if spec.cycle_s <= 0 or not in_scope(db, spec, scope):
            continue
        frames = inside.carrying(spec)
        expected += int((to_s - from_s) / spec.cycle_s)
        received += len(frames)
        short += int(np.count_nonzero(frames.length < spec.length))
        spread = max(spread, spread_ms(frames.timestamp_s, spec.cycle_s))
        if spec.e2e is None:
            continue
        last = _counter_before(spec, columns, from_s)
        for position in range(len(frames)):
            data = frames.data[position, : spec.length].tobytes()
            if not check(data, spec.e2e.data_id):
                bad += 1
                continue
            repeated += data[COUNTER_BYTE] == last
            out_of_step += last >= 0 and (data[COUNTER_BYTE] - last) & 0xFF > 1
            last = data[COUNTER_BYTE]
    return BusWindow(to_s - from_s, expected, received, bad, repeated, spread, out_of_step, short)
