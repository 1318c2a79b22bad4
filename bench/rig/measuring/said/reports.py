"""Roles over time, as they were on the bus during a test: of frames alone whose checksum, if they have one, fits."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from v2g_bench.can.columns import Columns
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.dbcfile import MessageSpec
from v2g_bench.can.e2e import check
from v2g_bench.can.trace import signal

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """One role: times (s, bench clock, ascending) and values in its canonical unit, of one length."""

    time_s: Floats
    value: Floats

    def __len__(self) -> int:
        return len(self.time_s)

    def between(self, from_s: float, to_s: float) -> "Series":
        """The values stamped in this time, both ends included."""
        inside = (self.time_s >= from_s) & (self.time_s <= to_s)
        return Series(self.time_s[inside], self.value[inside])

    def runs(self, holds: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
        """(first, last) place of each run of samples for which it holds; holds: bool, one for each sample."""
        edges = np.flatnonzero(np.diff(np.concatenate(([False], holds, [False])).astype(np.int8)))
        for first, end in zip(edges[::2], edges[1::2], strict=True):
            yield int(first), int(end) - 1

    def largest_gap_s(self, from_s: float, to_s: float) -> float:
        """The longest time in this span without a value; all of it where there is none."""
        inside = self.between(from_s, to_s).time_s
        return float(np.max(np.diff(np.concatenate(([from_s], inside, [to_s])))))


class Reports:
    """The roles of one database in these frames."""

    def __init__(self, db: BusDatabase, frames: Columns) -> None:
        self.db, self._frames = db, frames
        self._sound: dict[str, Columns] = {}
        self._known: dict[str, Series] = {}

    def of(self, role: str) -> Series | None:
        """The role over time; None where the database does not have it."""
        if not self.db.has(role):
            return None
        if role not in self._known:
            self._known[role] = Series(*signal(self._of(self.db.message_of(role)), self.db, role))
        return self._known[role]

    def each(self, role: str) -> Iterator[tuple[str, Series]]:
        """The role, or all of an indexed one by their names."""
        for name in self.db.roles:
            if name.partition("[")[0] == role and (series := self.of(name)) is not None:
                yield name, series

    def cycle_s(self, role: str) -> float:
        """The cycle of the role's message by the database; 0 where it states none."""
        return self.db.message_of(role).cycle_s or 0.0

    def _of(self, spec: MessageSpec) -> Columns:
        if spec.name not in self._sound:
            frames = self._frames.carrying(spec)
            if spec.e2e is not None:
                data_id, length = spec.e2e.data_id, spec.length
                fits = [check(row[:length].tobytes(), data_id) for row in frames.data]
                frames = frames[np.asarray(fits, np.bool_)]
            self._sound[spec.name] = frames
        return self._sound[spec.name]
