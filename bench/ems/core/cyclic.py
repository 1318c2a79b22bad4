"""Cyclic sending that holds its phase: the n-th frame is due at start + n * cycle, however late those before it."""

from collections.abc import Mapping
from math import floor, inf


class CyclicSender:
    """Which messages are due. Cycles that were missed altogether are left out, never sent as a burst."""

    def __init__(self, cycles_s: Mapping[str, float]) -> None:
        self._cycles_s = dict(cycles_s)
        self._start_s: float | None = None
        self._sent: dict[str, int] = {}  # message -> number of the cycle that was sent last

    def due(self, now_s: float) -> list[str]:
        """The messages to send now."""
        if self._start_s is None:
            self._start_s = now_s
        due = []
        for message, cycle_s in self._cycles_s.items():
            number = floor((now_s - self._start_s) / cycle_s + 1e-6)
            if number > self._sent.get(message, -1):
                self._sent[message] = number
                due.append(message)
        return due

    def next_due_s(self, now_s: float) -> float:
        """When the next message is due; inf if there are none."""
        if self._start_s is None:
            return now_s
        start_s = self._start_s
        return min((start_s + (self._sent.get(m, -1) + 1) * c for m, c in self._cycles_s.items()), default=inf)
