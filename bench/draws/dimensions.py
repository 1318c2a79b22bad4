"""Dimensions: what one thing about a trial can be, and how often. Each makes its value of a number from 0 to 1 (`sequence`).

>>> Past(limit=45.0, first=45.1, step=0.1, far=150.0).at(0.2)
45.2
>>> Choice(("step", "ramp")).at(0.7)
'ramp'
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from v2g_bench.draws.sequence import even

NEAR = 3  # counts past a limit that half of the draws lie within


class Dimension(Protocol):
    """at: the value for a number from 0 to 1, which comes evenly."""

    def at(self, share: float) -> Any: ...


@dataclass(frozen=True)
class Uniform:
    """Every value from low to high, as often as any other."""

    low: float
    high: float

    def at(self, share: float) -> float:
        """The value."""
        return round(self.low + share * (self.high - self.low), 3)


@dataclass(frozen=True)
class LogUniform:
    """From low to high, each octave as often as any other: what matters may be small. at_high: the share at high itself."""

    low: float
    high: float
    at_high: float = 0.0

    def at(self, share: float) -> float:
        """The value."""
        if share >= 1.0 - self.at_high:
            return self.high
        return round(self.low * math.pow(self.high / self.low, share / (1.0 - self.at_high)), 3)


@dataclass(frozen=True)
class Choice:
    """One of these, each as often as any other."""

    values: Sequence[Hashable]

    def at(self, share: float) -> Hashable:
        """The value."""
        return self.values[int(share * len(self.values))]


@dataclass(frozen=True)
class Past:
    """A value past a limit: half of them within three counts of it, the others on to `far`, each octave as often as any.

    first: the first count past the limit; step: to the next one away from it, negative downwards.
    """

    limit: float
    first: float
    step: float
    far: float

    @property
    def counts(self) -> int:
        """How many counts there are past the limit."""
        return max(1, 1 + math.floor((self.far - self.first) / self.step + 1e-9))

    def at(self, share: float) -> float:
        """The value."""
        near = min(NEAR, self.counts)
        if share < 0.5 or self.counts <= NEAR:
            count = int(share * near * (2 if self.counts > NEAR else 1))
        else:
            count = int((NEAR + 1) * ((self.counts + 0.999) / (NEAR + 1)) ** (2 * share - 1)) - 1
        return round(self.first + min(count, self.counts - 1) * self.step, 9)


@dataclass(frozen=True)
class Made:
    """What is made of values of several dimensions, as a fault is."""

    make: Callable[..., Any]
    of: Mapping[str, "Dimension | Made"]


def drawn(dimensions: Mapping[str, Dimension | Made], key: str, place: int) -> dict[str, Any]:
    """A value of each dimension. key: of the run and the test; place: the trial's, from 0. The same for the same ones."""
    return {
        name: one.make(**drawn(one.of, f"{key}/{name}", place))
        if isinstance(one, Made)
        else one.at(even(f"{key}/{name}", place))
        for name, one in dimensions.items()
    }
