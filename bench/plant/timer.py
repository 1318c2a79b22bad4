"""A timer for an asyncio loop that wakes at an absolute time to the kernel's precision.

asyncio's own `call_at` sleeps in epoll, whose timeout is rounded up to whole milliseconds: a 10 ms frame would leave 0
to 1 ms late, at random. A Linux timerfd on CLOCK_MONOTONIC has no such step. Python has it from 3.13 on; this goes
through the C library.
"""

import asyncio
import ctypes
import os
import time
from collections.abc import Callable

from v2g_bench.errors import BenchError

_TFD_NONBLOCK, _TFD_CLOEXEC, _TFD_TIMER_ABSTIME = 0o4000, 0o2000000, 1


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("it_interval", _Timespec), ("it_value", _Timespec))


class LoopTimer:
    """Calls `wake` in the loop once per `set`, not before the given bench-clock time. OSError's text as BenchError."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        self._loop, self._wake = loop, wake
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._spec = _Itimerspec()
        self._fd: int = self._libc.timerfd_create(time.CLOCK_MONOTONIC, _TFD_NONBLOCK | _TFD_CLOEXEC)
        if self._fd < 0:
            raise BenchError("timer", f"timerfd: {os.strerror(ctypes.get_errno())}", "the plant needs Linux")
        loop.add_reader(self._fd, self._fired)

    def set(self, at_s: float) -> None:
        """Wake at `at_s` (at once if that is past), instead of what was set before."""
        at_ns = max(1, int(at_s * 1e9))  # zero would disarm it
        self._spec.it_value.tv_sec, self._spec.it_value.tv_nsec = divmod(at_ns, 1_000_000_000)
        self._libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, ctypes.byref(self._spec), None)

    def close(self) -> None:
        """Stop waking, and give the timer back."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _fired(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return  # it was set again between the wake-up and this call
        self._wake()
