"""Capture: everything that a bus carries, on disk as BLF during the run, and its last minute in memory in columns.

A reader thread takes the frames off the bus, converts their stamps to the bench clock and appends them; whoever waits
for a frame is woken by it. The BLF file is flushed twice a second, so that a killed run leaves a readable file. Who
needs frames for longer than the memory keeps them holds them (`hold`, `holding`); a question that comes too late is an error.

    new --start()--> reading --stop()--> stopped
                        +--(the bus fails _FAILURES times in a row)--> failed: every wait raises BenchError

>>> with Capture(bus, Path("run/bms.blf")) as capture:                                        # doctest: +SKIP
...     frame = capture.wait_for(lambda frame: frame.frame_id == 0x80, since_s, timeout_s=1)
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import can

from v2g_bench.can.blf import BlfFile, flags_of
from v2g_bench.can.columns import WINDOW_S, Columns, Frame, FrameStore, Held
from v2g_bench.can.errors import KEPT_EVENTS, BusHealth
from v2g_bench.can.timestamps import WallClock
from v2g_bench.errors import BenchError

_RECV_S = 0.05
_FLUSH_S = 0.5  # a run that is killed loses less than a second, on a slow machine too
_FAILURES = 3
_JOIN_S = 10.0
_AT_ONCE = 1024  # frames that a waiting caller checks before it lets the reader continue


@dataclass(frozen=True)
class CaptureCounters:
    """frames: captured so far; lost: missed by this node; loss_known: False if the interface cannot tell its losses;
    error_frames: of those captured; bus_errors: failed reads.
    """

    frames: int
    lost: int
    loss_known: bool
    error_frames: int
    bus_errors: int


class Capture:
    """Records a bus from `start` to `stop`; the bus stays the caller's, who closes it after `stop`.

    path_blf: None for memory alone. keep_s: how much is kept in memory (inf: everything, 88 bytes a frame), see
    `FrameStore`; the file always holds everything. All methods may be called from any thread.

    health: the state by the error frames. interruptions: (bench clock in s, reason) of the last KEPT_EVENTS failed reads, as of
    an interface that went down. wall: the clock that the stamps are of, with its steps.
    """

    def __init__(self, bus: can.BusABC, path_blf: str | Path | None = None, *, keep_s: float = WINDOW_S) -> None:
        self.bus = bus
        self.path_blf = Path(path_blf) if path_blf is not None else None
        self._store = FrameStore(keep_s)
        self._arrived = threading.Condition()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._file: BlfFile | None = None
        self._failure: Exception | None = None
        self._bus_errors = 0
        self.interruptions: list[tuple[float, str]] = []
        self.health = BusHealth()
        self.wall = WallClock()

    def __enter__(self) -> "Capture":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to record; BenchError if the file cannot be written."""
        if self._thread is not None:
            raise BenchError("capture", "has been started before", "a capture runs once: make a new one")
        if self.path_blf is not None:
            self._file = BlfFile(self.path_blf)
        self._thread = threading.Thread(target=self._run, name="can-capture", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the recording and close the file; BenchError if the recording had failed."""
        thread = self._thread
        if thread is None:
            return
        self._stopping.set()
        thread.join(_JOIN_S)
        if thread.is_alive():
            raise BenchError(str(self.bus), f"the capture thread has not ended within {_JOIN_S:g} s")
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except Exception as error:  # noqa: BLE001  (what failed first is the cause that is told)
                self._failure = self._failure or error
        self.check()

    def check(self) -> None:
        """BenchError if the recording has failed and is incomplete."""
        if self._failure is not None:
            raise BenchError(str(self.bus), f"the capture has failed: {self._failure}", "is the bus still there?")

    @property
    def counters(self) -> CaptureCounters:
        """What has been captured and what has been missed so far."""
        with self._arrived:
            known = hasattr(self.bus, "lost")
            return CaptureCounters(len(self._store), self.lost, known, self.health.error_frames, self._bus_errors)

    @property
    def lost(self) -> int:
        """Frames that were on the bus and are missing here; meaningless unless `counters.loss_known`."""
        return int(getattr(self.bus, "lost", 0))

    def __len__(self) -> int:
        with self._arrived:
            return len(self._store)

    def frames(
        self, frame_id: int | None = None, since_s: float = float("-inf"), *, is_extended: bool = False
    ) -> Columns:
        """A snapshot of the frames stamped at or after `since_s`; all identifiers if `frame_id` is None.

        -inf: all that are kept. BenchError if frames since then are not kept any more.
        """
        with self._arrived:
            columns = self._store.since(since_s)
        return columns if frame_id is None else columns.of(frame_id, is_extended)

    def hold(self, since_s: float, until_s: float) -> Held:
        """The frames of this time, those still to come included, for as long as the answer lives; see `FrameStore`."""
        with self._arrived:
            return self._store.hold(since_s, until_s, self._arrived)

    @contextlib.contextmanager
    def holding(self, since_s: float) -> Iterator[None]:
        """Nothing stamped at or after `since_s` leaves the memory while the block runs."""
        with self._arrived:
            pinned = self._store.holding(since_s)
            pinned.__enter__()
        try:
            yield
        finally:
            with self._arrived:
                pinned.__exit__(None, None, None)

    def wait_for(
        self, predicate: Callable[[Frame], bool], since_s: float = float("-inf"), timeout_s: float = 1.0
    ) -> Frame:
        """The first frame stamped at or after `since_s` that satisfies `predicate`, in the order of arrival.

        TimeoutError if there is none within `timeout_s` of the call; BenchError if the recording fails meanwhile, or if
        frames since then are not kept any more, also because `predicate` takes longer than they come.
        """
        deadline_s = time.monotonic() + timeout_s
        with self._arrived:
            index = self._store.index_since(since_s)
            seen = 0
        while True:
            with self._arrived:
                while index >= self._store.end:
                    self.check()
                    left_s = deadline_s - time.monotonic()
                    if left_s <= 0 or not self._arrived.wait(left_s):
                        raise TimeoutError(f"{self.bus}: none of {seen} frames within {timeout_s:g} s was the one")
                if index < self._store.begin and since_s > float("-inf"):
                    raise BenchError(str(self.bus), f"a search of its frames is {len(self._store) - index} behind")
                index = max(index, self._store.begin)
                end = min(self._store.end, index + _AT_ONCE)
                fresh = [self._store.frame(place) for place in range(index, end)]
            # The predicate runs without the lock: it may be slow, or use this capture itself.
            for frame in fresh:
                seen += 1
                if frame.timestamp_s >= since_s and predicate(frame):
                    return frame
            index = end

    def _run(self) -> None:
        failures, flush_at_s = 0, time.monotonic() + _FLUSH_S
        while not self._stopping.is_set():
            try:
                message = self.bus.recv(_RECV_S)
                if message is not None:
                    failures = 0
                    self._take(message)
                now_s = time.monotonic()
                if now_s >= flush_at_s:
                    flush_at_s = now_s + _FLUSH_S
                    if self._file is not None:
                        self._file.flush()
            except can.CanError as error:
                failures += 1
                self._bus_errors += 1
                self.interruptions.append((time.monotonic(), str(error)))
                del self.interruptions[:-KEPT_EVENTS]
                if failures >= _FAILURES:
                    self._fail(error)
                    return
                self._stopping.wait(_RECV_S)
            except Exception as error:  # noqa: BLE001  (a full disk, a bus closed under us, a stamp that is no time)
                self._fail(error)
                return

    def _fail(self, error: Exception) -> None:
        if self._file is not None and isinstance(error, can.CanError):
            with contextlib.suppress(OSError):  # the bus is the cause that is reported
                self._file.flush()
        with self._arrived:
            self._failure = error
            self._arrived.notify_all()

    def _take(self, message: can.Message) -> None:
        timestamp_s = message.timestamp - self.wall.offset_ns() / 1e9
        sequence, data = getattr(self.bus, "sequence", -1), bytes(message.data)
        with self._arrived:
            self._store.append(timestamp_s, sequence, message.arbitration_id, flags_of(message), message.dlc, data)
            if message.is_error_frame:
                self.health.on_error_frame(message.arbitration_id, data, timestamp_s)
            self._arrived.notify_all()
        if self._file is not None:
            self._file.write(message)
