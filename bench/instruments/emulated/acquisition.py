"""When a triggered digitizer takes which sample: the time line of one acquisition, without a signal.

The sample grid runs free from the start on; a trigger takes effect at the next sample. That is why the trigger of a
real digitizer has a jitter of one sample interval.

    waiting (grid runs, the last `pre` samples are kept) --trigger--> filling --(count - pre samples)--> complete

>>> line = Acquisition(start_s=0.0, dt_s=0.1, count=5, pre=2, aperture_s=0.05)
>>> line.trigger(0.51)
>>> [round(float(t), 3) for t in line.times_s()], line.complete(0.84), line.complete(0.86)
([0.4, 0.5, 0.6, 0.7, 0.8], False, True)
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass
class Acquisition:
    """One record. start_s: first possible sample; dt_s: true sample interval; all on the bench clock."""

    start_s: float
    dt_s: float
    count: int
    pre: int
    aperture_s: float
    first_post: int | None = None

    def trigger(self, time_s: float) -> None:
        """The edge; ignored before the start and after the first one.

        An edge before `pre` samples were recorded leaves a record with fewer of them.
        """
        if self.first_post is None and time_s >= self.start_s:
            self.first_post = math.ceil((time_s - self.start_s) / self.dt_s - 1e-9)

    @property
    def triggered(self) -> bool:
        """Has the edge come?"""
        return self.first_post is not None

    @property
    def first(self) -> int:
        """Grid index of the oldest sample of the record; a trigger must have come."""
        assert self.first_post is not None
        return self.first_post - min(self.pre, self.first_post)

    def end_s(self) -> float:
        """When the last sample is complete; infinite while there was no trigger."""
        if self.first_post is None:
            return math.inf
        return self.start_s + (self.first_post + self.count - self.pre - 1) * self.dt_s + self.aperture_s

    def complete(self, now_s: float) -> bool:
        """Whether the last sample has been recorded."""
        return now_s >= self.end_s()

    def points(self, now_s: float) -> int:
        """Samples in memory at `now_s`."""
        taken = max(0, math.floor((now_s - self.start_s - self.aperture_s) / self.dt_s + 1e-9) + 1)
        if self.first_post is None:
            return min(taken, self.pre)
        return max(0, min(taken, self.first_post + self.count - self.pre) - self.first)

    def times_s(self) -> NDArray[np.float64]:
        """When the aperture of each sample of the record opens."""
        assert self.first_post is not None
        total = self.first_post - self.first + self.count - self.pre
        return self.start_s + np.arange(self.first, self.first + total, dtype=np.float64) * self.dt_s
