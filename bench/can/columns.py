"""Captured frames in columns: cheap to append one by one, cheap to evaluate with numpy.

A frame is one record of `RECORD`, 88 bytes. Records are written once and never changed, so that a snapshot is a view
wherever it lies in one block. A store may keep a window of time alone; whoever needs frames for longer holds them:

    held = store.hold(10.0, 11.0)        these, for as long as `held` lives, in memory of their own
    with store.holding(10.0): ...        everything from then on, while the block runs
"""

import math
import struct
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import can
import numpy as np
from numpy.typing import NDArray

from v2g_bench.can import wire
from v2g_bench.errors import BenchError

if TYPE_CHECKING:
    from v2g_bench.can.dbcfile import MessageSpec

RECORD = np.dtype(
    [
        ("timestamp_s", "<f8"),
        ("sequence", "<i8"),
        ("frame_id", "<u4"),
        ("flags", "u1"),
        ("length", "u1"),
        ("_pad", "V2"),
        ("data", "u1", (64,)),
    ]
)
_PACK = struct.Struct("<dqIBB2x64s")
_BLOCK = 65_536
WINDOW_S = 60.0  # what a capture keeps; tests ask for the last seconds, and hold what they need for longer
# 60 s of the shortest classic frames (47 bits) at 1 Mbit/s are 1.28 million: 20 blocks, with the one in use 121 MB. It
# bounds the memory where timestamps do not advance, or were set back.
MOST_FRAMES = 1_310_720


@dataclass(frozen=True, slots=True)
class Frame:
    """One captured frame. index: its place in the capture, from 0; timestamp_s: on the bench clock; flags: see `wire`."""

    index: int
    timestamp_s: float
    frame_id: int
    flags: int
    data: bytes

    @property
    def is_extended(self) -> bool:
        """The identifier has 29 bits."""
        return bool(self.flags & wire.EXTENDED)

    @property
    def is_own(self) -> bool:
        """It is the echo of a frame that the capturing node sent itself."""
        return bool(self.flags & wire.ECHO)

    def message(self) -> can.Message:
        """The frame for python-can, e.g. for `BusDatabase.decode`; its timestamp is on the bench clock."""
        return can.Message(
            timestamp=self.timestamp_s,
            arbitration_id=self.frame_id,
            is_extended_id=self.is_extended,
            is_remote_frame=bool(self.flags & wire.REMOTE),
            is_error_frame=bool(self.flags & wire.ERROR),
            is_fd=bool(self.flags & wire.FD),
            bitrate_switch=bool(self.flags & wire.BRS),
            error_state_indicator=bool(self.flags & wire.ESI),
            is_rx=not self.is_own,
            data=self.data,
        )


@dataclass(frozen=True)
class Columns:
    """Frames as arrays of one length n.

    index: place in the capture; timestamp_s: float64, bench clock; sequence: the hub's number, -1 elsewhere;
    frame_id: uint32; flags: uint8, see `wire`; length: uint8, bytes; data: uint8, shape (n, 64), zeros after the end.
    """

    index: NDArray[np.int64]
    timestamp_s: NDArray[np.float64]
    sequence: NDArray[np.int64]
    frame_id: NDArray[np.uint32]
    flags: NDArray[np.uint8]
    length: NDArray[np.uint8]
    data: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.timestamp_s)

    def __getitem__(self, chosen: slice | NDArray[np.bool_] | NDArray[np.intp]) -> "Columns":
        """The frames of a slice, a mask or an array of positions."""
        return Columns(
            self.index[chosen],
            self.timestamp_s[chosen],
            self.sequence[chosen],
            self.frame_id[chosen],
            self.flags[chosen],
            self.length[chosen],
            self.data[chosen],
        )

    def of(self, frame_id: int, is_extended: bool = False) -> "Columns":
        """The data frames with this identifier: no error frames, no remote frames."""
        kind = self.flags & (wire.EXTENDED | wire.ERROR | wire.REMOTE)
        return self[(self.frame_id == frame_id) & (kind == (wire.EXTENDED if is_extended else 0))]

    def carrying(self, spec: "MessageSpec") -> "Columns":
        """As `of`, of a message of the database; of a J1939 message with the null address from any source."""
        return self[self.carry(spec)]

    def carry(self, spec: "MessageSpec") -> NDArray[np.bool_]:
        """Which of them are data frames of this message."""
        found: NDArray[np.bool_] = self.frame_id == spec.frame_id
        if spec.from_any_source:
            group = (self.frame_id & np.uint32(0xFFFF_FF00)) == spec.frame_id & ~0xFF
            found = group & ~np.isin(self.frame_id, np.array(sorted(spec.elsewhere), np.uint32))
        kind = self.flags & (wire.EXTENDED | wire.ERROR | wire.REMOTE)
        found &= kind == (wire.EXTENDED if spec.is_extended else 0)
        return found

    def frame(self, position: int) -> Frame:
        """One of them."""
        return Frame(
            int(self.index[position]),
            float(self.timestamp_s[position]),
            int(self.frame_id[position]),
            int(self.flags[position]),
            self.data[position, : self.length[position]].tobytes(),
        )

    def records(self) -> NDArray[np.void]:
        """Them as `RECORD`s."""
        records = np.zeros(len(self), RECORD)
        for name in ("timestamp_s", "sequence", "frame_id", "flags", "length", "data"):
            records[name] = getattr(self, name)
        return records

    @classmethod
    def from_records(cls, records: NDArray[np.void], first: int) -> "Columns":
        """Views of an array of `RECORD`; `first` is the index of its first frame."""
        return cls(
            np.arange(first, first + len(records), dtype=np.int64),
            *(records[name] for name in ("timestamp_s", "sequence", "frame_id", "flags", "length", "data")),
        )

    @classmethod
    def joined(cls, parts: Sequence["Columns"]) -> "Columns":
        """The frames of all parts, one after the other."""
        if not parts:
            return cls.from_records(np.zeros(0, RECORD), 0)
        return cls(*(np.concatenate(arrays) for arrays in zip(*(vars(part).values() for part in parts), strict=True)))


class Held:
    """The frames stamped from `since_s` to `until_s`, both included, for as long as this object is referenced."""

    def __init__(
        self, store: "FrameStore", since_s: float, until_s: float, lock: AbstractContextManager[object]
    ) -> None:
        self._store, self._since_s, self._until_s, self._lock = store, since_s, until_s, lock
        self._taken: list[Columns] = []

    def take(self, records: NDArray[np.void], first: int) -> None:
        """Copy what belongs to it out of records that are about to be forgotten; `first`: the index of the first."""
        if len(mine := self._of(records, first)):
            self._taken.append(mine)

    def frames(self) -> Columns:
        """Those received so far, in order."""
        with self._lock:
            taken, kept = list(self._taken), self._store.kept()
        return Columns.joined([*taken, *(self._of(records, first) for first, records in kept)])

    def _of(self, records: NDArray[np.void], first: int) -> Columns:
        places = np.flatnonzero((records["timestamp_s"] >= self._since_s) & (records["timestamp_s"] <= self._until_s))
        return replace(Columns.from_records(records[places], 0), index=first + places)


def nothing_held(since_s: float = math.inf, until_s: float = -math.inf) -> Held:
    """Where there is no bus."""
    return FrameStore().hold(since_s, until_s)


class FrameStore:
    """Growing storage in blocks of 65,536 frames. Not thread-safe: its owner has the lock. `begin` and `end` bound the
    indices that are kept.

    keep_s: frames older than this, counted from the newest, are forgotten, a whole block at a time; never those that
    are held. inf: everything is kept. With a finite one no more than MOST_FRAMES and the block in use are kept.
    """

    def __init__(self, keep_s: float = math.inf) -> None:
        self.begin = 0
        self.end = 0
        self.forgotten_s = -math.inf  # the newest stamp that is not kept any more
        self._keep_s = keep_s
        self._blocks: deque[NDArray[np.void]] = deque()
        self._room: memoryview | None = None
        self._fill = _BLOCK
        self._held: list[weakref.ref[Held]] = []
        self._pins: list[float] = []

    def __len__(self) -> int:
        return self.end

    def append(self, timestamp_s: float, sequence: int, frame_id: int, flags: int, length: int, data: bytes) -> None:
        """Add one frame at the end."""
        if self._fill == _BLOCK:
            if self._keep_s < math.inf:
                self.forget(timestamp_s - self._keep_s, MOST_FRAMES)
            block = np.zeros(_BLOCK, RECORD)
            self._blocks.append(block)
            self._room = block.view(np.uint8).data
            self._fill = 0
        _PACK.pack_into(self._room, self._fill * RECORD.itemsize, timestamp_s, sequence, frame_id, flags, length, data)  # type: ignore[arg-type]
        self._fill += 1
        self.end += 1

    def forget(self, before_s: float, most: int | None = None) -> None:
        """Drop the oldest blocks whose frames are all older than `before_s`, or that are more than `most` frames.

        The newest block stays, and so does what `holding` pins.
        """
        while len(self._blocks) > 1:
            newest_s = self._newest_s()
            old = newest_s < before_s or (most is not None and len(self._blocks) * _BLOCK > most)
            if not old or any(newest_s >= since_s for since_s in self._pins):
                return
            block = self._blocks.popleft()
            self._held = [one for one in self._held if one() is not None]
            for one in self._held:
                if (held := one()) is not None:
                    held.take(block, self.begin)
            self.begin += _BLOCK
            self.forgotten_s = max(self.forgotten_s, newest_s)

    def _newest_s(self) -> float:
        """The newest stamp in the oldest block. A clock that is set throws a few stamps far out: they do not count."""
        oldest, following = self._filled()[:2]
        timestamps = oldest["timestamp_s"]
        return float(timestamps.max(initial=-math.inf, where=timestamps <= np.median(following["timestamp_s"])))

    def hold(self, since_s: float, until_s: float, lock: AbstractContextManager[object] | None = None) -> Held:
        """These frames, those that are still to come included; BenchError if some of them are forgotten already.

        lock: the owner's, for whoever asks `Held.frames` in another thread.
        """
        self._require(since_s)
        held = Held(self, since_s, until_s, lock or nullcontext())
        self._held = [one for one in self._held if one() is not None] + [weakref.ref(held)]
        return held

    @contextmanager
    def holding(self, since_s: float) -> Iterator[None]:
        """Nothing stamped at or after `since_s` is forgotten while the block runs; BenchError if some is already."""
        self._require(since_s)
        self._pins.append(since_s)
        try:
            yield
        finally:
            self._pins.remove(since_s)

    def index_since(self, since_s: float) -> int:
        """Index of the first frame stamped at or after `since_s`; `end` if there is none.

        -inf: of the first that is kept. BenchError if frames since then are forgotten.
        """
        self._require(since_s)
        for number, records in enumerate(self._filled()):
            if len(records) and records["timestamp_s"][-1] >= since_s:
                return self.begin + number * _BLOCK + int(np.searchsorted(records["timestamp_s"], since_s, side="left"))
        return self.end

    def since(self, since_s: float) -> Columns:
        """The frames stamped at or after `since_s`; see `index_since`."""
        first = self.index_since(since_s)
        number, offset = divmod(first - self.begin, _BLOCK)
        parts = self._filled()[number:]
        if parts:
            parts[0] = parts[0][offset:]
        records = parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.zeros(0, RECORD)
        return Columns.from_records(records, first)

    def frame(self, index: int) -> Frame:
        """One frame by its index; IndexError if it is not kept."""
        if not self.begin <= index < self.end:
            raise IndexError(f"frame {index} is not kept (kept: {self.begin} to {self.end - 1})")
        number, offset = divmod(index - self.begin, _BLOCK)
        record = self._blocks[number][offset]
        data = record["data"].tobytes()[: record["length"]]
        return Frame(index, float(record["timestamp_s"]), int(record["frame_id"]), int(record["flags"]), data)

    def kept(self) -> list[tuple[int, NDArray[np.void]]]:
        """(index of its first frame, records) of every block that is kept."""
        return [(self.begin + number * _BLOCK, records) for number, records in enumerate(self._filled())]

    def _require(self, since_s: float) -> None:
        """Never fewer frames than were asked for, in silence: a count, or a first frame, would be wrong."""
        if -math.inf < since_s <= self.forgotten_s:
            raise BenchError(
                "capture",
                f"frames since {since_s:.3f} s are asked for, those until {self.forgotten_s:.3f} s are in its file alone",
                "hold them from the start: `holding`",
            )

    def _filled(self) -> list[NDArray[np.void]]:
        blocks = list(self._blocks)
        if blocks:
            blocks[-1] = blocks[-1][: self._fill]
        return blocks
