"""Forwarding by the kernel's CAN gateway: its jobs, started, changed and ended, and the frames that pass through them.

The process that started them receives both channels as any node does. So it knows what the BMS sends, the forwarding delay,
and, when it takes the frames over or gives them back, which of them the kernel has forwarded: on each channel every frame
must be received once.
"""

import contextlib
from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping
from typing import Literal, NamedTuple

from v2g_bench.errors import BenchError
from v2g_bench.gateway import cangw
from v2g_bench.gateway.canjob import Change, Job
from v2g_bench.gateway.frame import Frame
from v2g_bench.gateway.kernelplan import ForwardingPlan, Key

Channel = Literal["bms", "controller"]
KEPT_TIMESTAMPS = 64


class ReceivedFrame(NamedTuple):
    """A frame, the channel it was received on, and its timestamp (ns of CLOCK_REALTIME)."""

    on: Channel
    frame: Frame
    timestamp_ns: int


class Flow:
    """The frames received on both channels while the kernel forwards. Core: no sockets, no clock.

    origins: the channel that a message comes from; the forwarding delay of other messages is not known.
    """

    def __init__(self, origins: Mapping[Key, Channel]) -> None:
        self._more: Counter[Key] = Counter()  # received on the BMS's channel more often than on the controller's
        self._origins = origins
        self._came: dict[Key, deque[int]] = {key: deque(maxlen=KEPT_TIMESTAMPS) for key in origins}

    def begin(self) -> None:
        """Restart the counts, at a moment when no frame is in transit."""
        self._more.clear()

    def on_frame(self, received: ReceivedFrame) -> int | None:
        """Count a frame; of a forwarded one the timestamp (ns) of its arrival, None where that is not known.

        It arrived at the newest timestamp of its identifier that is not after it: forwarding takes far less than a cycle, so
        frames that were dropped, or that were read in another order, do no harm to the next one.
        """
        key = received.frame.key
        self._more[key] += 1 if received.on == "bms" else -1
        if key not in self._origins:
            return None
        came, found = self._came[key], None
        if received.on == self._origins[key]:
            came.append(received.timestamp_ns)
            return None
        while came and came[0] <= received.timestamp_ns:
            found = came.popleft()
        return found

    def left(self, window: Iterable[ReceivedFrame], *, newest: bool) -> list[ReceivedFrame]:
        """Of the frames received since `begin`, those that the kernel has not forwarded: the newest of each identifier where
        it has stopped meanwhile, the oldest where it has begun.
        """
        ordered = list(window)
        missing = dict(self._more)
        found = []
        for received in reversed(ordered) if newest else ordered:
            key, one = received.frame.key, 1 if received.on == "bms" else -1
            if missing.get(key, 0) * one > 0:
                missing[key] -= one
                found.append(received)
        return found[::-1] if newest else found


class KernelPath:
    """The jobs between two interfaces. Whatever happens, `end` removes them; the supervisor does so for a process that died."""

    def __init__(self, plan: ForwardingPlan) -> None:
        self._plan = plan
        self._running: dict[int, Job] = {}
        self._past: Counter[str] = Counter()  # what ended jobs have counted

    @property
    def forwards(self) -> bool:
        """Whether any job runs."""
        return bool(self._running)

    def set(self, changes: Mapping[Key, Change | None], silent: bool) -> None:
        """Run the jobs that do this, and no others; each message changes in one piece. BenchError: none of them runs."""
        wanted = {job.uid: job for job in self._plan.jobs(changes, silent)}
        gone = [job for number, job in self._running.items() if number not in wanted]
        fresh = [job for number, job in wanted.items() if self._running.get(number) != job]
        try:
            self._remove(gone)
            self._running |= {job.uid: job for job in fresh}  # also those that are refused are looked for at the end
            cangw.add(fresh)
        except BenchError:
            self.end()
            raise

    def end(self) -> None:
        """No job runs any more; what an interface that is gone has taken with it is not missed."""
        with contextlib.suppress(BenchError, OSError):
            self._remove(list(self._running.values()))
        for job in self._running.values():
            with contextlib.suppress(BenchError):
                cangw.remove([job])
        self._running.clear()

    def counts(self) -> dict[str, int]:
        """Frames that the kernel has handed to each side, and those that an interface did not take."""
        return dict(self._past + self._counted(self._running))

    def _remove(self, jobs: list[Job]) -> None:
        """End jobs; what they have counted is kept."""
        if not jobs:
            return
        self._past += self._counted({job.uid for job in jobs})
        cangw.remove(jobs)
        for job in jobs:
            del self._running[job.uid]

    def _counted(self, numbers: Collection[int]) -> Counter[str]:
        counts: Counter[str] = Counter()
        of_controller = {job.uid for job in self._plan.to_bms}
        for job in cangw.found() if numbers else []:
            if job.uid in numbers:
                counts["to_bms" if job.uid in of_controller else "to_controller"] += job.handled
                counts["refused"] += job.dropped
        return counts
