"""The clock that is passed in: real or simulated.

The *bench clock* is a monotonic time in seconds. Every `now_s`, t0, t1 and plant time is on it. CAN interfaces stamp
with the wall clock (CLOCK_REALTIME, as the kernel's SO_TIMESTAMPNS does); `wall_to_bench` is the one place where such a
stamp is brought over.

>>> clock = SimClock()
>>> clock.advance(0.05)
>>> clock.now_s()
0.05
"""

import time
from typing import Protocol


class Clock(Protocol):
    """Seconds that never run backwards; the zero is arbitrary."""

    def now_s(self) -> float: ...


class RealClock:
    """The machine's CLOCK_MONOTONIC, which all processes of one machine share."""

    def now_s(self) -> float:
        return time.monotonic()


class SimClock:
    """A clock that stands still until it is advanced."""

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_s = start_s

    def now_s(self) -> float:
        return self._now_s

    def advance(self, dt_s: float) -> None:
        """Move time forward by `dt_s` seconds; ValueError if that would be backwards."""
        if dt_s < 0:
            raise ValueError(f"time cannot run backwards: dt_s={dt_s}")
        self._now_s += dt_s


def wall_offset_ns() -> int:
    """CLOCK_REALTIME minus CLOCK_MONOTONIC, in ns, now.

    The two clocks cannot be read at once: the wall clock is read between two monotonic readings, thrice, and the
    tightest bracket counts, so that a preemption between the readings does not end up in the offset.
    """
    best_ns, offset_ns = None, 0
    for _ in range(3):
        before = time.monotonic_ns()
        wall = time.time_ns()
        after = time.monotonic_ns()
        if best_ns is None or after - before < best_ns:
            best_ns, offset_ns = after - before, wall - (before + after) // 2
    return offset_ns


def wall_to_bench(wall_ns: int) -> float:
    """The bench-clock time (s) of a CLOCK_REALTIME stamp (ns) that was taken just now.

    Valid while the wall clock is not stepped between the stamp and this call; the stall monitor reports such steps.
    """
    return (wall_ns - wall_offset_ns()) / 1e9
