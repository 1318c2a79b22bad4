"""What every ageing law has in common: its source, its fitted range, what it is blind to, and its answer.

A law is asked with a Stress: `law.fade(stress, years)` takes the stress as one piece of a life that repeats. `draws` vary
the parameters; the same Draws for two configurations make their difference a paired one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from v2g_bench.pack.ageing.rainflow import Cycles
from v2g_bench.pack.ageing.series import Floats
from v2g_bench.pack.ageing.stress import SOC_NODES, TEMPERATURE_NODES_C, Stress

YEAR_S = 365.0 * 86400.0  # ten years are 3650 days, as in the sources' figures
ZERO_C_K = 273.15
GAS_J_MOL_K = 8.314


@dataclass(frozen=True)
class Fade:
    """Shares of the new cell's capacity that are lost; shape (n draws,) + shape of years.

    capacity is the whole loss. calendar and cyclic are its parts, which add up to it. resistance: the increase as a
    share of the new cell's; None where the law has none.
    """

    calendar: Floats
    cyclic: Floats
    capacity: Floats
    resistance: Floats | None

    @property
    def calendar_share(self) -> Floats:
        """The part of calendar ageing in the loss; 0 where nothing is lost."""
        return np.divide(self.calendar, self.capacity, out=np.zeros_like(self.capacity), where=self.capacity > 0)


@dataclass(frozen=True)
class Draws:
    """Parameter draws, each (n,): factors on a law's calendar and cycling rate, on its slope over depth and on its

    activation energy; kelvin of warmer or colder weather.
    """

    calendar: Floats
    cyclic: Floats
    depth: Floats
    activation: Floats
    warmer_k: Floats

    def __len__(self) -> int:
        return len(self.calendar)


@dataclass(frozen=True)
class Spread:
    """Standard deviations of the draws.

    0.15 is the scalar spread of BLAST-Lite (NREL); the others are assumptions of this bench, since none of the laws'
    papers states standard errors of its parameters.
    """

    calendar: float = 0.15  # of the logarithm
    cyclic: float = 0.15  # of the logarithm
    depth: float = 0.2  # of the logarithm
    activation: float = 0.05
    warmer_k: float = 1.5

    def draws(self, n: int, rng: np.random.Generator) -> Draws:
        """n draws; the factors have the median 1."""
        calendar, cyclic, depth, activation, warmer = rng.standard_normal((5, n))
        return Draws(
            np.exp(self.calendar * calendar),
            np.exp(self.cyclic * cyclic),
            np.exp(self.depth * depth),
            np.maximum(1.0 + self.activation * activation, 0.5),
            self.warmer_k * warmer,
        )


NOMINAL = Draws(np.ones(1), np.ones(1), np.ones(1), np.ones(1), np.zeros(1))


@dataclass(frozen=True)
class Bounds:
    """A range of the tests that a law was fitted to; `source` says who states it. None: no source at hand states it."""

    low: float
    high: float
    source: str

    def holds(self, value: Floats) -> "np.typing.NDArray[np.bool_]":
        """Whether each value lies in the range, its ends included."""
        return (value >= self.low - 1e-9) & (value <= self.high + 1e-9)


@dataclass(frozen=True)
class Fitted:
    """The ranges of a law's tests. None where no source at hand states one: that counts as outside."""

    calendar_c: Bounds | None = None
    calendar_soc: Bounds | None = None
    cycling_c: Bounds | None = None
    depth: Bounds | None = None
    c_rate: Bounds | None = None


@dataclass(frozen=True)
class InRange:
    """Which share of the damage lies in the fitted range: of calendar ageing, of cycling, and of both (by their loss).

    calendar_damage, cyclic_damage: of a known second, in the quantity that adds up (loss^(1/p)); None where a law has none.
    """

    calendar: float
    cyclic: float
    total: float
    calendar_damage: float | None = None
    cyclic_damage: float | None = None


@dataclass(frozen=True)
class Facts:
    """What is known of a law."""

    name: str
    title: str
    chemistry: str
    cell: str
    source: str
    fitted: Fitted
    blind_to: frozenset[str]
    saturates: bool = False
    order_matters: bool = False
    headline: bool = True  # whether it may carry a verdict for a pack of its chemistry
    notes: tuple[str, ...] = field(default=())


class Law(Protocol):
    """An ageing law."""

    @property
    def facts(self) -> Facts: ...

    @property
    def name(self) -> str: ...

    @property
    def chemistry(self) -> str: ...

    @property
    def blind_to(self) -> frozenset[str]: ...

    @property
    def order_matters(self) -> bool: ...

    def fade(self, stress: Stress, years: float | Floats, draws: Draws = NOMINAL) -> Fade:
        """The loss after `years` (scalar or (m,)) of a life that repeats `stress`: (n,) or (n, m)."""
        ...

    def draws(self, n: int, rng: np.random.Generator) -> Draws:
        """n draws of the parameters."""
        ...

    def in_range(self, stress: Stress) -> InRange:
        """The share of the damage within the fitted range."""
        ...

    def clamps(self, stress: Stress) -> Mapping[str, float]:
        """Where a clamp acted: its name, and the share of the hours or of the cycles' travel."""
        ...


def kelvin(temperature_c: Floats) -> Floats:
    """K from °C."""
    return temperature_c + ZERO_C_K


def occupied(stress: Stress) -> tuple[Floats, Floats, Floats]:
    """(soc, temperature_c, hours), each (k,): the nodes of the occupancy that hold any time."""
    i, j = np.nonzero(stress.occupancy_h)
    return SOC_NODES[i], TEMPERATURE_NODES_C[j], stress.occupancy_h[i, j]


def lives(stress: Stress, years: float | Floats) -> Floats:
    """How often the known part of the stress fits into `years`."""
    if stress.known_s <= 0:
        raise ValueError("nothing in this history is known: no SoC, or no temperature")
    return np.asarray(years, dtype=float) * YEAR_S / stress.known_s


def inside(bounds: tuple[tuple[Bounds | None, Floats], ...]) -> "np.typing.NDArray[np.bool_]":
    """Where all values lie in their ranges; a range that is None holds nothing."""
    result = np.ones(len(bounds[0][1]), dtype=bool)
    for bound, value in bounds:
        result &= False if bound is None else bound.holds(value)
    return result


def cycling_inside(fitted: Fitted, cycles: Cycles) -> "np.typing.NDArray[np.bool_]":
    """(k,) which cycles lie in the fitted range of temperature, depth and C-rate."""
    return inside(
        ((fitted.cycling_c, cycles.temperature_c), (fitted.depth, cycles.depth), (fitted.c_rate, cycles.c_rate))
    )
