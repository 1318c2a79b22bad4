"""Stamps of received frames: which clock they are of, and how they are brought to the bench's.

SO_TIMESTAMPING gives two stamps with a frame: the kernel's (CLOCK_REALTIME, when the interface handed the frame over) and,
where the interface has a clock, the hardware's, whose zero and rate are its own. `HardwareClock` joins the latter to the
monotonic clock: a kernel stamp is never earlier than the frame, so the smallest distance between the two over the last
second is the distance of the clocks, and what is above it is the kernel's delay. An own frame's echo is stamped in the
same way, when its transmission is complete.

>>> clock = HardwareClock()
>>> clock.join(1_000, 500_001_000)          # the first pair: nothing better is known than the kernel's timestamp
500001000
>>> clock.join(2_000, 500_001_900)          # this one came through faster: the clocks are 499_999_900 apart
500001900
>>> clock.join(3_000, 500_005_000)          # and this one was delayed by 2,100 ns on its way
500002900
"""

import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from v2g_bench.clock import wall_offset_ns

# linux/socket.h, linux/net_tstamp.h
SO_TIMESTAMPING = 37
RX_HARDWARE, RX_SOFTWARE, SOFTWARE, RAW_HARDWARE = 1 << 2, 1 << 3, 1 << 4, 1 << 6
WANTED = RX_HARDWARE | RX_SOFTWARE | SOFTWARE | RAW_HARDWARE
_THREE_TIMES = struct.Struct("@llllll")  # software, unused, hardware

WINDOW_NS = 1_000_000_000  # two quartz clocks 50 ppm apart move by 50 us in it
STEP_NS = 1_000_000_000


@dataclass(frozen=True)
class Pair:
    """The stamps of one frame in ns; 0: not given."""

    software_ns: int
    hardware_ns: int


def read_timestamps(ancillary: list[tuple[int, int, bytes]]) -> Pair | None:
    """The stamps among a frame's control messages; None if there are none."""
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPING and len(data) >= _THREE_TIMES.size:
            soft_s, soft_ns, _, _, hard_s, hard_ns = _THREE_TIMES.unpack_from(data)
            return Pair(soft_s * 1_000_000_000 + soft_ns, hard_s * 1_000_000_000 + hard_ns)
    return None


class HardwareClock:
    """Joins a hardware clock to the monotonic clock by the least distance seen during the last second.

    A distance that jumps by a second or more is a clock that was set or an interface that was restarted: it restarts, and
    counted in `steps`.
    """

    def __init__(self) -> None:
        self.steps = 0
        self._least: deque[tuple[int, int]] = deque()  # (monotonic_ns, distance), distances rising

    def join(self, hardware_ns: int, monotonic_ns: int) -> int:
        """The hardware stamp in ns of the monotonic clock, given the kernel's stamp of the same frame on it."""
        distance = monotonic_ns - hardware_ns
        if self._least and abs(distance - self._least[0][1]) > STEP_NS:
            self.steps += 1
            self._least.clear()
        while self._least and self._least[0][0] < monotonic_ns - WINDOW_NS:
            self._least.popleft()
        while self._least and self._least[-1][1] >= distance:
            self._least.pop()
        self._least.append((monotonic_ns, distance))
        return hardware_ns + self._least[0][1]


class TimestampSelector:
    """Chooses one stamp per frame: hardware as long as every frame has one, else the kernel's for the rest of the run.

    `source` is "hardware" or "software", as of the newest frame, "" before the first.
    """

    def __init__(self) -> None:
        self.source = ""
        self.clock = HardwareClock()

    def timestamp_ns(self, pair: Pair, wall_offset_ns: int) -> int:
        """ns of CLOCK_REALTIME; wall_offset_ns: CLOCK_REALTIME minus the monotonic clock, measured about now.

        ValueError for a frame without the kernel's stamp.
        """
        if not pair.software_ns:
            raise ValueError("the kernel gave no time stamp with a frame")
        if pair.hardware_ns and self.source != "software":
            self.source = "hardware"
            return self.clock.join(pair.hardware_ns, pair.software_ns - wall_offset_ns) + wall_offset_ns
        self.source = "software"
        return pair.software_ns


class WallClock:
    """CLOCK_REALTIME minus the monotonic clock, measured every RENEW_NS, and the steps of it.

    A timestamp on CLOCK_REALTIME between two measurements is valid only if both agree; `steps` holds
    (from_ns, to_ns, step_ns) on the monotonic clock for every two that do not.
    """

    RENEW_NS = 20_000_000
    TOLERANCE_NS = 100_000  # a slew of 500 ppm moves it by 10 us in that time

    def __init__(self, measure: Callable[[], int] = wall_offset_ns, now: Callable[[], int] = time.monotonic_ns) -> None:
        self._measure, self._now = measure, now
        self._at_ns, self._offset_ns = now(), measure()
        self.steps: deque[tuple[int, int, int]] = deque(maxlen=1000)

    def offset_ns(self) -> int:
        """The offset, as of the last RENEW_NS."""
        now_ns = self._now()
        if now_ns - self._at_ns > self.RENEW_NS:
            offset_ns = self._measure()
            allowed_ns = self.TOLERANCE_NS + (now_ns - self._at_ns) // 1000  # and 1000 ppm of slewing
            if abs(offset_ns - self._offset_ns) > allowed_ns:
                self.steps.append((self._at_ns, now_ns, offset_ns - self._offset_ns))
            self._at_ns, self._offset_ns = now_ns, offset_ns
        return self._offset_ns

    def step_between(self, from_s: float, to_s: float) -> float | None:
        """The largest step (s) that could have moved a stamp between these bench times; None if there was none."""
        found = [step for begin, end, step in self.steps if begin <= to_s * 1e9 and end >= from_s * 1e9]
        return max(found, key=abs) / 1e9 if found else None
