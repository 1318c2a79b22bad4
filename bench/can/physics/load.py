"""How busy the wire is: the share of the time in which a node sends, over the last second."""

import math
from collections import deque

WINDOW_S, SLICE_S = 1.0, 0.1


class Load:
    """Busy time in slices of 0.1 s.

    >>> load = Load()
    >>> load.busy(0.0, 0.25); load.percent(1.0)
    25.0
    """

    def __init__(self) -> None:
        self._slices: deque[list[float]] = deque()  # [number, busy seconds]
        self.total_s = 0.0

    def busy(self, begin_s: float, for_s: float) -> None:
        """A node sent from then on for this long, intermission included; times do not go backwards."""
        self.total_s += for_s
        number = _slice(begin_s)
        if not self._slices or self._slices[-1][0] != number:
            self._slices.append([number, 0.0])
            while self._slices[0][0] < number - 2 * WINDOW_S / SLICE_S:
                self._slices.popleft()
        self._slices[-1][1] += for_s

    def percent(self, now_s: float) -> float:
        """Of the last ten whole slices before `now_s`."""
        last = _slice(now_s)
        busy_s = sum(busy_s for number, busy_s in self._slices if last - WINDOW_S / SLICE_S <= number < last)
        return min(100.0, 100.0 * busy_s / WINDOW_S)


def _slice(time_s: float) -> int:
    """The number of the slice that a time is in; the end of one, but for rounding, is the begin of the next."""
    return math.floor(time_s / SLICE_S + 1e-6)
