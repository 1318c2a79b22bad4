"""The simulated clock and its events: whoever waits moves time forward, event by event, and nothing else does.

Events of one instant happen in the order in which they were asked for. An event may ask for others; time never runs
backwards, and an event that is asked for in the past happens now.

>>> timeline = Timeline(start_s=0.0)
>>> message = []
>>> later = timeline.at(0.2, lambda: said.append("b"))
>>> _ = timeline.at(0.1, lambda: said.append("a"))
>>> timeline.pause(0.15); message, timeline.now_s()
(['a'], 0.15)
>>> timeline.wait(lambda: len(message) == 2, until_s=1.0), timeline.now_s()
(True, 0.2)
"""

import heapq
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from v2g_bench.errors import BenchError

# The simulated wall clock: zero of the simulated clock is 2000-01-01 UTC. A BLF file does not accept a timestamp of 1970.
WALL_EPOCH_S = 946_684_800.0

# So many events without any progress of time: something asks for itself for ever.
MOST_AT_ONCE = 100_000


class Event:
    """Something that will happen, unless it is cancelled."""

    __slots__ = ("do",)

    def __init__(self, do: Callable[[], object]) -> None:
        self.do: Callable[[], object] | None = do

    def cancel(self) -> None:
        """It will not happen."""
        self.do = None


class Timeline:
    """The clock of a simulation (`v2g_bench.clock.Clock`) and what is going to happen. Seconds."""

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_s = start_s
        self.around: Callable[[], AbstractContextManager[object]] = nullcontext  # entered while events happen
        self._events: list[tuple[float, int, Event]] = []
        self._number = 0
        self._at_once = 0
        self.happened = 0

    def now_s(self) -> float:
        return self._now_s

    def wall_minus_bench_s(self) -> float:
        """The timestamps in a simulated capture's file minus this clock."""
        return WALL_EPOCH_S

    def at(self, at_s: float, do: Callable[[], object]) -> Event:
        """Let `do` happen at that time, now if it is past."""
        self._number += 1
        event = Event(do)
        heapq.heappush(self._events, (at_s if at_s > self._now_s else self._now_s, self._number, event))
        return event

    def pause(self, for_s: float) -> None:
        """Let this much time pass, with all that happens in it."""
        self.run_until(self._now_s + for_s)

    def run_until(self, until_s: float) -> None:
        """Everything up to and at this time; an earlier time changes nothing."""
        if self._events and self._events[0][0] <= until_s:
            step = self._step
            with self.around():
                while step(until_s):
                    pass
        self._now_s = max(self._now_s, until_s)

    def wait(self, condition: Callable[[], bool], until_s: float) -> bool:
        """Event by event until the condition holds, or the time has come: whether it holds."""
        with self.around():
            while not condition():
                if not self._step(until_s):
                    self._now_s = max(self._now_s, until_s)
                    return condition()
        return True

    def _step(self, until_s: float) -> bool:
        """The next event, if there is one up to this time."""
        events = self._events
        while events and events[0][0] <= until_s:
            at_s, _, event = heapq.heappop(events)
            do = event.do
            if do is None:
                continue
            if at_s > self._now_s:
                self._now_s, self._at_once = at_s, 0
            self._at_once += 1
            if self._at_once > MOST_AT_ONCE:
                raise BenchError("simulation", f"no end of events at {self._now_s:.6f} s; the last: {do!r}")
            self.happened += 1
            do()
            return True
        return False
