"""Laws that are sums of powers, accumulated exactly: q = k x^p with a k that varies gives q^(1/p) = sum of k^(1/p) dx.

The order of the stress does not matter, so a Stress is all that they need. A Part is one such power, of calendar time
or of cycling. Draws: the factor on the rate, on the slope over depth and on the activation energy (about 25 °C), and
warmer weather; without draws a Part is exact, with draws the depth acts by interpolation between 65 factors.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from v2g_bench.pack.ageing.law import (
    GAS_J_MOL_K,
    NOMINAL,
    Draws,
    Facts,
    Fade,
    InRange,
    Spread,
    cycling_inside,
    inside,
    kelvin,
    lives,
    occupied,
)
from v2g_bench.pack.ageing.rainflow import Cycles
from v2g_bench.pack.ageing.series import Floats
from v2g_bench.pack.ageing.stress import Stress

PIVOT_K = 298.15
_DEPTH_FACTORS = np.exp(np.linspace(-1.0, 1.0, 65))  # the middle one is 1


@dataclass(frozen=True)
class CalendarPart:
    """Loss k(soc, T) x days^power. rate: k for SoC and K, both (m,), clamped >= 0. activation_j_mol: for the draws."""

    power: float
    activation_j_mol: float
    rate: Callable[[Floats, Floats], Floats]

    def inner(self, stress: Stress) -> tuple[Floats, Floats, Floats]:
        """(k^(1/p) x days, soc, temperature_c) of each node."""
        soc, warm, hours = occupied(stress)
        return self.rate(soc, kelvin(warm)) ** (1.0 / self.power) * hours / 24.0, soc, warm

    def loss(self, stress: Stress, repeats: Floats, draws: Draws) -> Floats:
        """The loss after each number of repeats, (n, m)."""
        amount, _, warm = self.inner(stress)
        total = tilted(amount, warm, self.activation_j_mol / self.power, draws)
        return draws.calendar[:, None] * (total[:, None] * repeats) ** self.power


@dataclass(frozen=True)
class CyclingPart:
    """Loss k(cycle) x amount^power; rate: of Cycles, k (m,) over the depth factor, clamped >= 0; amount: (m,)."""

    power: float
    activation_j_mol: float
    rate: Callable[[Cycles], Callable[[float], Floats]]
    amount: Callable[[Cycles], Floats]
    warmth: Callable[[Floats, Floats], Floats] | None = None  # k over (K, C-rate) where it is no Arrhenius law

    def inner(self, cycles: Cycles, depth: float = 1.0) -> Floats:
        """k^(1/p) x amount of each cycle."""
        return self.rate(cycles)(depth) ** (1.0 / self.power) * self.amount(cycles)

    def loss(self, cycles: Cycles, repeats: Floats, draws: Draws) -> Floats:
        """The loss after each number of repeats, (n, m)."""
        amount = self.inner(cycles)
        if self.warmth is None:
            total = tilted(amount, cycles.temperature_c, self.activation_j_mol / self.power, draws)
        else:
            total = _warmed(amount, cycles, self.warmth, 1.0 / self.power, draws)
        if np.any(draws.depth != 1.0) and amount.sum() > 0:
            rate, each = self.rate(cycles), self.amount(cycles)
            by_depth = np.array([rate(factor) ** (1.0 / self.power) @ each for factor in _DEPTH_FACTORS]) / amount.sum()
            total = total * np.interp(np.log(draws.depth), np.log(_DEPTH_FACTORS), by_depth)
        return draws.cyclic[:, None] * (total[:, None] * repeats) ** self.power


def tilted(amount: Floats, temperature_c: Floats, activation_j_mol: float, draws: Draws) -> Floats:
    """(n,) the sum of `amount` when the weather is warmer and the activation energy another, pivoted at 25 °C."""
    if activation_j_mol == 0 or not len(amount) or _same_weather(draws):
        return np.full(len(draws), amount.sum())
    mean_c, sums = _by_degree(amount, temperature_c)
    now = 1.0 / kelvin(mean_c) - 1.0 / PIVOT_K
    then = 1.0 / (kelvin(mean_c) + draws.warmer_k[:, None]) - 1.0 / PIVOT_K
    then *= draws.activation[:, None]
    then -= now
    then *= -activation_j_mol / GAS_J_MOL_K
    return np.asarray(np.exp(then, out=then) @ sums)


def _warmed(
    amount: Floats, cycles: Cycles, warmth: Callable[[Floats, Floats], Floats], inverse: float, draws: Draws
) -> Floats:
    """The same for a law that is not Arrhenius': by the ratio of its own temperature term."""
    if not len(amount) or _same_weather(draws):
        return np.full(len(draws), amount.sum())
    mean_c, sums = _by_degree(amount, cycles.temperature_c)
    rate = np.full_like(mean_c, np.average(cycles.c_rate, weights=amount) if amount.sum() > 0 else 0.0)
    ratio = warmth(kelvin(mean_c) + draws.warmer_k[:, None], rate) / warmth(kelvin(mean_c), rate)
    return np.asarray(np.maximum(ratio, 0.0) ** inverse @ sums)


def _same_weather(draws: Draws) -> bool:
    return bool(np.all(draws.warmer_k == 0) and np.all(draws.activation == 1))


def _by_degree(amount: Floats, temperature_c: Floats) -> tuple[Floats, Floats]:
    """(mean temperature, sum) for each whole degree in which anything happened."""
    _, group = np.unique(np.rint(temperature_c).astype(int), return_inverse=True)
    sums, count = np.bincount(group, amount), np.bincount(group)
    return np.asarray(np.bincount(group, temperature_c) / count), np.asarray(sums, dtype=float)


@dataclass(frozen=True)
class PowerLaw:
    """A law of one calendar and one cycling part, for capacity and, if it has them, for resistance."""

    facts: Facts
    calendar: CalendarPart | None
    cycling: CyclingPart
    resistance_calendar: CalendarPart | None = None
    resistance_cycling: CyclingPart | None = None
    counted: Mapping[str, Callable[[Stress], float]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.facts.name

    @property
    def chemistry(self) -> str:
        return self.facts.chemistry

    @property
    def blind_to(self) -> frozenset[str]:
        return self.facts.blind_to

    @property
    def order_matters(self) -> bool:
        return self.facts.order_matters

    def draws(self, n: int, rng: np.random.Generator) -> Draws:
        return Spread().draws(n, rng)

    def fade(self, stress: Stress, years: float | Floats, draws: Draws = NOMINAL) -> Fade:
        repeats = np.atleast_1d(lives(stress, years))
        scalar, cycles = np.ndim(years) == 0, stress.cycles
        calendar = self._sum(self.calendar, None, stress, cycles, repeats, draws)
        cyclic = self._sum(None, self.cycling, stress, cycles, repeats, draws)
        resistance = None
        if self.resistance_calendar or self.resistance_cycling:
            resistance = self._sum(self.resistance_calendar, self.resistance_cycling, stress, cycles, repeats, draws)
        fade = Fade(calendar, cyclic, calendar + cyclic, resistance)
        return _squeezed(self.combined(fade), scalar)

    def combined(self, fade: Fade) -> Fade:
        """How the parts become the loss: here they add up."""
        return fade

    def in_range(self, stress: Stress) -> InRange:
        return range_of(self, stress)

    def clamps(self, stress: Stress) -> Mapping[str, float]:
        return {name: share(stress) for name, share in self.counted.items()}

    def _sum(
        self,
        calendar: CalendarPart | None,
        cycling: CyclingPart | None,
        stress: Stress,
        cycles: Cycles,
        repeats: Floats,
        draws: Draws,
    ) -> Floats:
        total = np.zeros((len(draws), len(repeats)))
        if calendar is not None:
            total += calendar.loss(stress, repeats, draws)
        if cycling is not None:
            total += cycling.loss(cycles, repeats, draws)
        return total


def range_of(law: PowerLaw, stress: Stress) -> InRange:
    """The share of the damage inside the fitted range: of each part by its inner sum, of both by a year's loss."""
    fitted, cycles = law.facts.fitted, stress.cycles
    calendar, still = 1.0, 0.0
    if law.calendar is not None:
        amount, soc, warm = law.calendar.inner(stress)
        calendar = share_of(amount, inside(((fitted.calendar_c, warm), (fitted.calendar_soc, soc))))
        still = float(amount.sum())
    moved = law.cycling.inner(cycles)
    cyclic = share_of(moved, cycling_inside(fitted, cycles))
    year = law.fade(stress, 1.0)
    parts = float(year.calendar[0]), float(year.cyclic[0])
    total = (calendar * parts[0] + cyclic * parts[1]) / sum(parts) if sum(parts) > 0 else 1.0
    return InRange(calendar, cyclic, total, still / stress.known_s, float(moved.sum()) / stress.known_s)


def share_of(amount: Floats, where: "np.typing.NDArray[np.bool_]") -> float:
    """The share of `amount` that lies where; 1 if there is none."""
    return float(amount[where].sum() / amount.sum()) if amount.sum() > 0 else 1.0


def _squeezed(fade: Fade, scalar: bool) -> Fade:
    if not scalar:
        return fade
    resistance = None if fade.resistance is None else fade.resistance[:, 0]
    return replace(
        fade,
        calendar=fade.calendar[:, 0],
        cyclic=fade.cyclic[:, 0],
        capacity=fade.capacity[:, 0],
        resistance=resistance,
    )
