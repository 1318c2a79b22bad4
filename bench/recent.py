"""What happened lately: bounded by age, so that a fast sender does not push a slow answer out.

>>> lately = Recent[str]("frames", keep_s=10.0)
>>> lately.add(1.0, "a"), lately.add(9.0, "b")
(None, None)
>>> lately.forget(12.0)
>>> list(lately.since(5.0))
['b']
"""

import math
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from v2g_bench.errors import BenchError

T = TypeVar("T")


class Recent(Generic[T]):
    """Things and their times (s), in order. The core of a memory: whoever has it says what time it is."""

    def __init__(self, name: str, keep_s: float) -> None:
        self._name, self._keep_s = name, keep_s
        self._kept: deque[tuple[float, T]] = deque()
        self._forgotten_s = -math.inf

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, at_s: float, item: T) -> None:
        """Keep this."""
        self._kept.append((at_s, item))

    def forget(self, now_s: float) -> None:
        """Drop what is older than `keep_s` by now."""
        while self._kept and self._kept[0][0] < now_s - self._keep_s:
            self._forgotten_s = max(self._forgotten_s, self._kept.popleft()[0])

    def since(self, since_s: float) -> Iterator[T]:
        """What happened at or after `since_s`, in order; BenchError where some of that is forgotten."""
        if since_s <= self._forgotten_s:
            what = f"asked for since {since_s:.3f} s, and known after {self._forgotten_s:.3f} s alone"
            raise BenchError(self._name, what, f"ask within {self._keep_s:g} s")
        return (item for at_s, item in self._kept if at_s >= since_s)
