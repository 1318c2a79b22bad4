"""The stall monitor: what the machine does to the bench while a trial runs.

A process of its own has one thread per processor, pinned to it, that sleeps for PERIOD_S and notes when it was woken
late: then nothing else of the same priority ran there either. One of them also watches the wall clock, which timestamps the
frames, for steps. Its findings lie in shared memory, so that reading them disturbs nothing.

A trial during which the machine stood still for longer than what is tolerated is void: its latency could have been another
one on an undisturbed machine. Tolerated are 2 ms, or a hundredth of a long limit where the latency is clear of it
(`tolerated_s`). A monitor that has stopped reporting voids a trial as well.

    monitor = StallMonitor()
    monitor.start()
    ...
    monitor.reason(t0_s, t1_s)      # "" or why a latency measured between these times is not to be trusted
"""

import contextlib
import mmap
import os
import select
import struct
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass

from v2g_bench.clock import wall_offset_ns
from v2g_bench.errors import BenchError
from v2g_bench.priority import favoured

PERIOD_S = 0.001
KEPT_GAP_S = 0.001  # shorter ones are the ordinary life of a machine
TOLERANCE_S = 0.002
SHARE, CLEAR = 0.01, 0.1  # of the limit: what a stall may last, where the value is so far from the limit
CLOCK_STEP_S = 0.000_5  # a slew of 500 ppm moves the wall clock by 25 us in CLOCK_PERIOD_S
CLOCK_PERIOD_S = 0.02
SILENT_S = 1.0
START_S = 10.0
STOP_S = 5.0

# Shared memory: per lane (one per processor, the last for the wall clock) a header and a ring of records.
_HEADER = struct.Struct("<dQ")  # alive until (bench clock, s), records written so far
_RECORD = struct.Struct("<dd")  # start (s), length (s)
_RING = 4096
_LANE = _HEADER.size + _RING * _RECORD.size
_MOST_LANES = 9


def tolerated_s(value_s: float | None, limit_s: float) -> float:
    """How long the machine may stand still in a trial with this latency and limit, in s; None: it has not ended.

    Two milliseconds are much for a limit of 50 ms and nothing for one of three seconds: a hundredth of the limit, where the
    latency is a tenth of the limit away from it, on either side.

    >>> tolerated_s(0.012, 0.050), tolerated_s(0.9, 3.0), tolerated_s(2.9, 3.0), tolerated_s(3.5, 3.0)
    (0.002, 0.03, 0.002, 0.03)
    """
    clear = value_s is not None and abs(limit_s - value_s) >= CLEAR * limit_s
    return max(TOLERANCE_S, SHARE * limit_s) if clear else TOLERANCE_S


@dataclass(frozen=True)
class Stall:
    """From start_s (bench clock) on the machine stood still, or its wall clock jumped, by gap_s seconds."""

    start_s: float
    gap_s: float
    kind: str


class StallMonitor:
    """Owns the watching process; `stalls` and `reason` may be asked from any thread."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the monitor
        self._file.truncate(_LANE * _MOST_LANES)
        self._memory = mmap.mmap(self._file.fileno(), _LANE * _MOST_LANES)
        self.lanes = lanes()

    def start(self) -> None:
        """Start watching; BenchError if the process does not come up."""
        command = [sys.executable, "-m", "v2g_bench.metrology.stall", str(self._file.fileno())]
        self._process = process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[self._file.fileno()],
            start_new_session=True,  # as `favoured` wants it
        )
        assert process.stdout is not None
        if not select.select([process.stdout], [], [], START_S)[0] or process.stdout.readline().strip() != b"ready":
            _kill(process)
            self._process = None
            raise BenchError("stall monitor", f"did not start within {START_S:g} s", "is the machine overloaded?")

    @property
    def pid(self) -> int:
        """The process id of the watcher."""
        if self._process is None:
            raise BenchError("stall monitor", "is not running", "start it first")
        return self._process.pid

    def stop(self) -> None:
        """Stop watching; BenchError if the process had died: nothing was watched then."""
        process, self._process = self._process, None
        if process is None:
            return
        died = process.poll()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            _kill(process)
        process.stdout.close()
        if died is not None:
            raise BenchError("stall monitor", f"had ended by itself with status {died}")

    def stalls(self, from_s: float, to_s: float) -> list[Stall]:
        """What overlapped the time from from_s to to_s (bench clock), in order. Waits until it is known."""
        self._wait_until_seen(to_s)
        found = []
        for lane in range(len(self.lanes) + 1):
            kind = f"processor {self.lanes[lane]}" if lane < len(self.lanes) else "wall clock step"
            records = self._records(lane)
            if len(records) == _RING and records[0][0] > from_s:
                raise BenchError("stall monitor", f"no longer knows all stalls of {kind}: there were more than {_RING}")
            for start_s, gap_s in records:
                if start_s <= to_s and start_s + abs(gap_s) >= from_s:
                    found.append(Stall(start_s, gap_s, kind))
        return sorted(found, key=lambda stall: stall.start_s)

    def reason(self, from_s: float, to_s: float, tolerated_s: float = TOLERANCE_S) -> str:
        """Why a latency measured between these times could have been moved by the machine; "" if it could not.

        BenchError where the watching process has ended: no measurement after it can be valid.
        """
        try:
            disturbing = [
                stall
                for stall in self.stalls(from_s, to_s)
                if abs(stall.gap_s) > tolerated_s or stall.kind == "wall clock step"
            ]
        except BenchError as error:
            if self._process is not None and (status := self._process.poll()) is not None:
                what = (
                    f"has ended by itself with status {status}: nothing tells any more whether the machine stood still"
                )
                raise BenchError("stall monitor", what, "was it killed, or the machine out of memory?") from None
            return str(error)
        if not disturbing:
            return ""
        worst = max(disturbing, key=lambda stall: abs(stall.gap_s))
        after_ms = 1000.0 * (worst.start_s - from_s)
        return f"{worst.kind}: stood still for {1000.0 * worst.gap_s:.1f} ms, {after_ms:+.1f} ms from the frame"

    def _wait_until_seen(self, to_s: float) -> None:
        """All lanes must have looked after to_s; BenchError for a lane that has fallen silent."""
        deadline_s = time.monotonic() + SILENT_S
        while True:
            alive_s = min(self._header(lane)[0] for lane in range(len(self.lanes) + 1))
            if alive_s > to_s:
                return
            if time.monotonic() > max(deadline_s, to_s + SILENT_S):
                raise BenchError("stall monitor", f"has been silent for {time.monotonic() - alive_s:.1f} s")
            time.sleep(0.001)

    def _header(self, lane: int) -> tuple[float, int]:
        alive_s, count = _HEADER.unpack_from(self._memory, lane * _LANE)
        return float(alive_s), int(count)

    def _records(self, lane: int) -> list[tuple[float, float]]:
        _, count = self._header(lane)
        first = lane * _LANE + _HEADER.size
        return [
            _RECORD.unpack_from(self._memory, first + number % _RING * _RECORD.size)
            for number in range(max(0, count - _RING), count)
        ]


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End it at once. One that the kernel cannot end (it waits for a device) is left behind, and waited for no longer."""
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def lanes() -> list[int]:
    """The processors that are watched: those this process may run on, eight at the most."""
    return sorted(os.sched_getaffinity(0))[: _MOST_LANES - 1]


class _Lane:
    """One writer of the shared memory."""

    def __init__(self, memory: mmap.mmap, lane: int) -> None:
        self._memory, self._base, self._count = memory, lane * _LANE, 0

    def record(self, start_s: float, gap_s: float) -> None:
        offset = self._base + _HEADER.size + self._count % _RING * _RECORD.size
        _RECORD.pack_into(self._memory, offset, start_s, gap_s)
        self._count += 1

    def alive(self, now_s: float) -> None:
        _HEADER.pack_into(self._memory, self._base, now_s, self._count)


def _watch_processor(lane: _Lane, processor: int, stop: threading.Event) -> None:
    os.sched_setaffinity(0, {processor})
    last_s = time.monotonic()
    while not stop.is_set():
        time.sleep(PERIOD_S)
        now_s = time.monotonic()
        if now_s - last_s - PERIOD_S > KEPT_GAP_S:
            lane.record(last_s, now_s - last_s - PERIOD_S)
        lane.alive(now_s)
        last_s = now_s


def _watch_wall_clock(lane: _Lane, stop: threading.Event) -> None:
    offset_ns = wall_offset_ns()
    last_s = time.monotonic()
    while not stop.is_set():
        time.sleep(CLOCK_PERIOD_S)
        new_ns, now_s = wall_offset_ns(), time.monotonic()
        if abs(new_ns - offset_ns) > CLOCK_STEP_S * 1e9:
            lane.record(last_s, (new_ns - offset_ns) / 1e9)
        lane.alive(now_s)
        offset_ns, last_s = new_ns, now_s


def main(arguments: list[str]) -> int:
    """Watch until standard input is closed, which a parent's death does too."""
    favoured()
    memory = mmap.mmap(int(arguments[0]), _LANE * _MOST_LANES)
    stop = threading.Event()
    watched = lanes()
    watchers = [
        threading.Thread(target=_watch_processor, args=(_Lane(memory, number), processor, stop))
        for number, processor in enumerate(watched)
    ]
    watchers.append(threading.Thread(target=_watch_wall_clock, args=(_Lane(memory, len(watched)), stop)))
    for watcher in watchers:
        watcher.start()
    with contextlib.suppress(
        BrokenPipeError
    ):  # the parent has died already: its end of standard input is closed as well
        os.write(1, b"ready\n")
    sys.stdin.buffer.read()
    stop.set()
    for watcher in watchers:
        watcher.join()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
