"""The CAN bus of a simulation, and what the bench captures of it.

A frame takes its bits' time on the wire and waits for the one before it; it is complete, timestamped and received by all other
nodes in the same instant. There is no arbitration by identifier (first come, first served), no error frame, no stuff
bit, and every frame is acknowledged.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import lru_cache, partial
from pathlib import Path

import can

from v2g_bench.can import wire
from v2g_bench.can.blf import BlfFile
from v2g_bench.can.columns import WINDOW_S, Columns, Frame, FrameStore, Held
from v2g_bench.errors import BenchError
from v2g_bench.sim.timeline import WALL_EPOCH_S, Timeline

# Bits at the nominal rate of a classic frame with 11-bit identifier, without data: SOF to interframe space, ISO 11898-1.
CLASSIC_BITS, EXTENDED_BITS = 47, 67
# CAN FD: arbitration, EOF and interframe space at the nominal rate; BRS to CRC delimiter at the data rate.
FD_NOMINAL_BITS, FD_EXTENDED_NOMINAL_BITS, FD_DATA_BITS, FD_CRC17_BITS, FD_CRC21_BITS = 30, 49, 8, 22, 27

FLUSH_S = 1.0  # simulated: what a killed run may lose

OnFrame = Callable[[can.Message], object]


@lru_cache(maxsize=4096)
def wire_time_s(length: int, is_fd: bool, extended: bool, bitrate: int, data_bitrate: int) -> float:
    """How long a frame of `length` bytes occupies the bus, s, without stuff bits.

    >>> wire_time_s(8, False, False, 500_000, 500_000)
    0.000222
    """
    if not is_fd:
        return ((EXTENDED_BITS if extended else CLASSIC_BITS) + 8 * length) / bitrate
    nominal = FD_EXTENDED_NOMINAL_BITS if extended else FD_NOMINAL_BITS
    crc = FD_CRC17_BITS if length <= 16 else FD_CRC21_BITS
    return nominal / bitrate + (FD_DATA_BITS + 8 * length + crc) / data_bitrate


class SimBus:
    """Nodes join with what they do with a frame; `send` puts one on the wire.

    log: the frames of the last WINDOW_S, in order. record: told of each frame that is logged, as it is logged.
    """

    def __init__(self, timeline: Timeline, bitrate: int, data_bitrate: int) -> None:
        self._timeline, self._rates = timeline, (bitrate, data_bitrate)
        self._nodes: list[tuple[object, OnFrame]] = []
        self._free_s = float("-inf")
        self.log = FrameStore(WINDOW_S)
        self.record: Callable[[Frame], object] | None = None

    def join(self, node: object, on_frame: OnFrame, name: str = "ems") -> None:
        """A node that receives all frames but its own; `name` identifies it where the bus has physics."""
        self._nodes.append((node, on_frame))

    def leave(self, node: object) -> None:
        """It receives no more frames."""
        self._nodes = [known for known in self._nodes if known[0] is not node]

    def send(self, node: object, message: can.Message) -> None:
        """Put a frame on the wire as soon as that is free."""
        begin_s = max(self._timeline.now_s(), self._free_s)
        extended, is_fd = message.is_extended_id, message.is_fd
        self._free_s = complete_s = begin_s + wire_time_s(len(message.data), is_fd, extended, *self._rates)
        self._timeline.at(complete_s, partial(self._complete, node, message))

    def _complete(self, node: object, message: can.Message) -> None:
        flags = (wire.EXTENDED if message.is_extended_id else 0) | (wire.FD if message.is_fd else 0)
        flags |= wire.BRS if message.bitrate_switch else 0
        self._keep(self._timeline.now_s(), message.arbitration_id, flags, bytes(message.data))
        for known, on_frame in self._nodes:
            if known is not node:
                on_frame(message)

    def _keep(self, at_s: float, frame_id: int, flags: int, data: bytes) -> None:
        index = self.log.end
        self.log.append(at_s, index, frame_id, flags, len(data), data)
        if self.record is not None:
            self.record(Frame(index, at_s, frame_id, flags, data))


class SimCapture:
    """The bus's log as the bench asks for it, and its BLF file; whoever waits moves the time forward."""

    def __init__(self, bus: SimBus, timeline: Timeline, path_blf: Path | None = None) -> None:
        self._store, self._timeline = bus.log, timeline
        self._file: BlfFile | None = None
        self._flush_at_s = float("-inf")
        if path_blf is not None:
            self._file, bus.record = BlfFile(path_blf), self._record
            before = self._store.since(float("-inf"))
            for position in range(len(before)):
                self._record(before.frame(position))

    def __len__(self) -> int:
        return len(self._store)

    def frames(
        self, frame_id: int | None = None, since_s: float = float("-inf"), *, is_extended: bool = False
    ) -> Columns:
        """The frames complete at or after `since_s`; all identifiers if `frame_id` is None."""
        columns = self._store.since(since_s)
        return columns if frame_id is None else columns.of(frame_id, is_extended)

    def wait_for(
        self, predicate: Callable[[Frame], bool], since_s: float = float("-inf"), timeout_s: float = 1.0
    ) -> Frame:
        """The first frame complete at or after `since_s` that satisfies `predicate`; TimeoutError if none in time."""
        store, index = self._store, self._store.index_since(since_s)
        found: list[Frame] = []

        def looked() -> bool:
            nonlocal index
            while index < store.end:
                frame = store.frame(index)
                index += 1
                if frame.timestamp_s >= since_s and predicate(frame):
                    found.append(frame)
                    return True
            return False

        if not self._timeline.wait(looked, self._timeline.now_s() + timeout_s):
            raise TimeoutError(f"simulated bus: no such frame within {timeout_s:g} s")
        return found[0]

    def hold(self, since_s: float, until_s: float) -> Held:
        """The frames of this time, those still to come included, for as long as the answer lives."""
        return self._store.hold(since_s, until_s)

    def holding(self, since_s: float) -> AbstractContextManager[None]:
        """Nothing complete at or after `since_s` leaves the memory while the block runs."""
        return self._store.holding(since_s)

    def stop(self) -> None:
        """Close the file: every frame as BLF, timestamps on the simulated wall clock."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _record(self, frame: Frame) -> None:
        if self._file is None:
            return
        message = frame.message()
        message.timestamp += WALL_EPOCH_S
        try:
            self._file.write(message)
            if frame.timestamp_s >= self._flush_at_s:
                self._flush_at_s = frame.timestamp_s + FLUSH_S
                self._file.flush()
        except OSError as error:
            raise BenchError("capture", f"cannot be written: {error.strerror}", "is the disk full?") from None
