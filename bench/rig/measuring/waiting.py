"""Waiting for a condition with a bound, on the clock that the rig has."""

from collections.abc import Callable
from typing import TypeVar

from v2g_bench.rig.parts.protocol import Parts

POLL_S = 0.02

T = TypeVar("T")


def wait_until(parts: Parts, condition: Callable[[], T], within_s: float, poll_s: float = POLL_S) -> T:
    """The last value of the condition, which is false when the time is over."""
    deadline_s = parts.clock.now_s() + within_s
    while not (value := condition()) and parts.clock.now_s() < deadline_s:
        parts.clock.pause(poll_s)
    return value
