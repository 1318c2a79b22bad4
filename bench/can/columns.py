"""Captured frames in columns: cheap to append one by one, cheap to look at with numpy.

A frame is one record of `RECORD`, 88 bytes. Records are written once and never changed, so that a snapshot is a view
wherever it lies in one block.
"""

import struct
from collections import deque
from dataclasses import dataclass
from typing import Any

import can
import numpy as np
from numpy.typing import NDArray

from v2g_bench.can import wire

RECORD = np.dtype(
    [
        ("stamp_s", "<f8"),
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


@dataclass(frozen=True, slots=True)
class Frame:
    """One captured frame. index: its place in the capture, from 0; stamp_s: on the bench clock; flags: see `wire`."""

    index: int
    stamp_s: float
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
            timestamp=self.stamp_s,
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

    index: place in the capture; stamp_s: float64, bench clock; sequence: the hub's number, -1 elsewhere;
    frame_id: uint32; flags: uint8, see `wire`; length: uint8, bytes; data: uint8, shape (n, 64), zeros after the end.
    """

    index: NDArray[np.int64]
    stamp_s: NDArray[np.float64]
    sequence: NDArray[np.int64]
    frame_id: NDArray[np.uint32]
    flags: NDArray[np.uint8]
    length: NDArray[np.uint8]
    data: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.stamp_s)

    def __getitem__(self, chosen: Any) -> "Columns":
        """The frames of a slice, a mask or an array of positions."""
        return Columns(
            self.index[chosen],
            self.stamp_s[chosen],
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

    def frame(self, position: int) -> Frame:
        """One of them."""
        return Frame(
            int(self.index[position]),
            float(self.stamp_s[position]),
            int(self.frame_id[position]),
            int(self.flags[position]),
            self.data[position, : self.length[position]].tobytes(),
        )

    @classmethod
    def from_records(cls, records: NDArray[Any], first: int) -> "Columns":
        """Views of an array of `RECORD`; `first` is the index of its first frame."""
        return cls(
            np.arange(first, first + len(records), dtype=np.int64),
            *(records[name] for name in ("stamp_s", "sequence", "frame_id", "flags", "length", "data")),
        )


class FrameStore:
    """Growing storage in blocks of 65,536 frames. Not thread-safe: its owner has the lock. `begin` and `end` bound the
    indices that are kept.
    """

    def __init__(self) -> None:
        self.begin = 0
        self.end = 0
        self._blocks: deque[NDArray[Any]] = deque()
        self._room: memoryview | None = None
        self._fill = _BLOCK

    def __len__(self) -> int:
        return self.end

    def append(self, stamp_s: float, sequence: int, frame_id: int, flags: int, length: int, data: bytes) -> None:
        """Add one frame at the end."""
        if self._fill == _BLOCK:
            block = np.zeros(_BLOCK, RECORD)
            self._blocks.append(block)
            self._room = block.view(np.uint8).data
            self._fill = 0
        _PACK.pack_into(self._room, self._fill * RECORD.itemsize, stamp_s, sequence, frame_id, flags, length, data)  # type: ignore[arg-type]
        self._fill += 1
        self.end += 1

    def forget(self, before_s: float) -> None:
        """Drop the blocks whose frames are all older than `before_s`."""
        while len(self._blocks) > 1 and self._blocks[0]["stamp_s"][-1] < before_s:
            self._blocks.popleft()
            self.begin += _BLOCK

    def index_since(self, since_s: float) -> int:
        """Index of the first frame stamped at or after `since_s`; `end` if there is none."""
        for number, records in enumerate(self._filled()):
            if len(records) and records["stamp_s"][-1] >= since_s:
                return self.begin + number * _BLOCK + int(np.searchsorted(records["stamp_s"], since_s, side="left"))
        return self.end

    def since(self, since_s: float) -> Columns:
        """The frames stamped at or after `since_s`."""
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
        return Frame(index, float(record["stamp_s"]), int(record["frame_id"]), int(record["flags"]), data)

    def _filled(self) -> list[NDArray[Any]]:
        blocks = list(self._blocks)
        if blocks:
            blocks[-1] = blocks[-1][: self._fill]
        return blocks
