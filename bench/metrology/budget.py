"""Uncertainty budgets: components in, combined and expanded uncertainty out.

The law of propagation for independent inputs and the Welch-Satterthwaite effective degrees of freedom are those of
the GUM (JCGM 100:2008, 5.1.2 and G.4.1); the Monte Carlo check propagates distributions after JCGM 101:2008. The
coverage probability is 95.45 %, so that k = 2 for infinitely many degrees of freedom and grows when there are few.

>>> latency = Budget("latency", "ms", [
...     Component.rectangular("timestamp", 0.030, source="software timestamp"),
...     Component("offset", "normal", 0.005, dof=9, source="10 sync pulses"),
... ])
>>> print(latency.combined())
u = 0.01803, k = 2.00, U = 0.036
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from scipy import special  # not stats: that takes half a second of each start

from v2g_bench.metrology.component import Component, Term

__all__ = [
    "COVERAGE",
    "Budget",
    "Component",
    "MonteCarlo",
    "Term",
    "Uncertainty",
    "coverage_factor",
    "half_digit",
    "share_below",
]

COVERAGE = math.erf(2 / math.sqrt(2))  # 0.9545: k = 2 of a normal distribution


@dataclass(frozen=True)
class Uncertainty:
    """u: standard uncertainty; dof: effective degrees of freedom; k: coverage factor; expanded: U = k u."""

    u: float
    dof: float
    k: float
    expanded: float

    @classmethod
    def of(cls, u: float, dof: float = math.inf, coverage: float = COVERAGE) -> Self:
        """The expanded uncertainty that belongs to u: k is Student's t for `coverage` (GUM G.3.4)."""
        if not (u >= 0 and math.isfinite(u)) or not dof > 0 or not 0 < coverage < 1:
            raise ValueError(f"not an uncertainty: u={u}, dof={dof}, coverage={coverage}")
        k = coverage_factor(dof, coverage)
        return cls(u=u, dof=dof, k=k, expanded=k * u)

    def __str__(self) -> str:
        return f"u = {self.u:.4g}, k = {self.k:.2f}, U = {self.expanded:.2g}"


def coverage_factor(dof: float, coverage: float = COVERAGE) -> float:
    """Half width of the central `coverage` interval of Student's t, in standard uncertainties."""
    tail = (1 + coverage) / 2
    # Rounded so that k of a normal distribution prints, and compares, as 2.
    return round(float(special.ndtri(tail) if math.isinf(dof) else special.stdtrit(dof, tail)), 12)


def share_below(x: float, dof: float) -> float:
    """Student's t distribution function with `dof` degrees of freedom; the normal one where they are infinite."""
    return float(special.ndtr(x) if math.isinf(dof) else special.stdtr(dof, x))


@dataclass(frozen=True)
class MonteCarlo:
    """A budget propagated by random draws.

    u: standard deviation of the draws; low, high: the shortest-tail symmetric coverage interval about zero error;
    half_width: half of high - low; agrees: the interval equals ± U within half a digit of u (JCGM 101:2008, 8.1.3);
    conservative: ± U is at least as wide, as it is when a rectangular input dominates.
    """

    n: int
    seed: int
    u: float
    low: float
    high: float
    half_width: float
    agrees: bool
    conservative: bool


@dataclass(frozen=True)
class Budget:
    """The uncertainty of one quantity from independent components. ValueError when there is none."""

    quantity: str
    unit: str
    components: Sequence[Component]
    coverage: float = field(default=COVERAGE)

    def __post_init__(self) -> None:
        if not self.components:
            raise ValueError(f"{self.quantity}: a budget without components has no uncertainty")
        object.__setattr__(self, "components", tuple(self.components))

    def combined(self) -> Uncertainty:
        """Combined standard uncertainty, effective degrees of freedom, k and U, in the budget's unit."""
        parts = [c.contribution for c in self.components]
        u = math.hypot(*parts)
        if u == 0:
            return Uncertainty.of(0.0, coverage=self.coverage)
        # Relative contributions keep the fourth powers of microseconds away from the smallest floats.
        share = sum((part / u) ** 4 / c.dof for part, c in zip(parts, self.components, strict=True))
        return Uncertainty.of(u, 1 / share if share > 1e-12 else math.inf, self.coverage)

    def table(self) -> list[dict[str, float | str]]:
        """One row per component, then the combined row; shares are % of the combined variance."""
        total = self.combined()
        rows: list[dict[str, float | str]] = [
            {
                "name": c.name,
                "distribution": c.distribution,
                "u": c.u,
                "unit": c.unit or self.unit,
                "sensitivity": c.sensitivity,
                "contribution": c.contribution,
                "share_pct": 100 * (c.contribution / total.u) ** 2 if total.u else 0.0,
                "dof": c.dof,
                "source": c.source,
            }
            for c in self.components
        ]
        last: dict[str, float | str] = {
            "name": "combined",
            "distribution": f"k = {total.k:.2f}, U = {total.expanded:.3g} {self.unit}",
            "u": total.u,
            "unit": self.unit,
            "sensitivity": 1.0,
            "contribution": total.u,
            "share_pct": 100.0 if total.u else 0.0,
            "dof": total.dof,
            "source": "GUM 5.1.2 and G.4.1",
        }
        return [*rows, last]

    def monte_carlo(self, n: int = 200_000, seed: int = 1) -> MonteCarlo:
        """Propagate the distributions themselves and compare with ± U."""
        if n < 1000:
            raise ValueError(f"{n} draws cannot show a {self.coverage:.0%} interval")
        rng = np.random.default_rng(seed)
        total = np.zeros(n)
        for component in self.components:
            total += component.sensitivity * component.draw(rng, n)
        tail = (1 - self.coverage) / 2
        low, high = (float(x) for x in np.quantile(total, [tail, 1 - tail]))
        combined = self.combined()
        worst = max(abs(-combined.expanded - low), abs(combined.expanded - high))
        return MonteCarlo(
            n=n,
            seed=seed,
            u=float(np.std(total)),
            low=low,
            high=high,
            half_width=(high - low) / 2,
            agrees=worst <= half_digit(combined.u),
            conservative=combined.expanded >= (high - low) / 2 - half_digit(combined.u) / 5,
        )


def half_digit(u: float) -> float:
    """Half of the last unit of u written with one significant digit: JCGM 101:2008, 7.9.2, the tolerance delta."""
    return 0.5 * 10.0 ** math.floor(math.log10(u)) if u > 0 else 0.0
