"""Which of a requirement's measurements stands for it: the one that is nearest to its own limit, or furthest beyond it.

>>> near = Measurement(name="a", value=106.0, unit="ms", expanded=0.1, limit_high=500.0, verdict="PASS")
>>> nearer = Measurement(name="b", value=40.0, unit="ms", expanded=0.1, limit_high=50.0, verdict="PASS")
>>> share_of_limit(near), share_of_limit(nearer)
(0.212, 0.8)
>>> deciding([near, nearer], "PASS").name
'b'
"""

import math
from collections.abc import Iterable

from v2g_bench.reports.model.run import SOURCES, Measurement

FAR = 0.1  # below this share of its room a value is far from its limit, and how far says no more


def share_of_limit(m: Measurement) -> float:
    """How much of the room up to its limit a measurement takes: 1 at the limit, more beyond it; infinite without a value."""
    value, low, high = m.value, m.limit_low, m.limit_high
    if value is None:
        return math.inf
    if low is not None and high is not None:
        return _ratio(abs(value - (low + high) / 2), (high - low) / 2)
    if high is not None:
        return _below(value, high)
    return 0.0 if low is None else _below(-value, -low)


def deciding(measurements: Iterable[Measurement], verdict: str) -> Measurement | None:
    """The measurement that shows this verdict; None where none has it.

    What was measured comes before what was observed, and both before the comparison of sources beside them. Of those that
    are far from their limits one with a single limit comes before a power that is about what was asked for.
    """

    def nearness(m: Measurement) -> tuple[int, float, bool, float]:
        share = share_of_limit(m)
        return _weight(m), max(share, FAR), m.limit_low is None or m.limit_high is None, share

    return max((m for m in measurements if m.verdict == verdict), key=nearness, default=None)


def _weight(m: Measurement) -> int:
    if m.name.startswith(SOURCES):
        return 0
    return 2 if m.expanded is not None or m.trials else 1


def _below(value: float, high: float) -> float:
    """Against an upper limit; one of zero, or below it, leaves no room to take a share of."""
    if high < 0 and value < 0:
        return high / value
    return _ratio(value, high) if high > 0 else _ratio(value - high, 0.0)


def _ratio(part: float, whole: float) -> float:
    if part <= 0:
        return 0.0
    return part / whole if whole > 0 else math.inf
