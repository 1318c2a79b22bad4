"""Repetitions: what the slowest of n says about all, and whether the trials were independent of each other.

>>> print(Claim.of(59))
95 % of reactions, with 95 % confidence
>>> runs_test(range(20)).suspicious
True
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from v2g_bench.metrology.budget import Uncertainty

CONFIDENCE = 0.95
SUSPICIOUS_P = 0.01


@dataclass(frozen=True)
class Claim:
    """With `confidence`, the share `coverage` of all reactions is not above the largest of n independent ones.

    Distribution-free, by order statistics: the largest of n covers the share p with confidence 1 - p**n.
    """

    n: int
    coverage: float
    confidence: float

    @classmethod
    def of(cls, n: int, confidence: float = CONFIDENCE) -> "Claim":
        """The share that n trials can speak for with this confidence; ValueError for n < 1."""
        if n < 1:
            raise ValueError("no trial says nothing")
        return cls(n, (1.0 - confidence) ** (1.0 / n), confidence)

    def __str__(self) -> str:
        # Rounded down: a claim never says more than the trials do.
        return f"{math.floor(100 * self.coverage + 1e-9)} % of reactions, with {100 * self.confidence:.0f} % confidence"


def trials_for(coverage: float, confidence: float = CONFIDENCE) -> int:
    """How many trials it takes to speak for that share with that confidence."""
    return math.ceil(math.log(1.0 - confidence) / math.log(coverage) - 1e-9)


@dataclass(frozen=True)
class RunsTest:
    """p: probability of so few or so many runs about the median, if the order were random; exact, two-sided."""

    runs: int
    p: float

    @property
    def suspicious(self) -> bool:
        """The order of the trials is not random: a trend, or a pattern."""
        return self.p < SUSPICIOUS_P


def runs_test(values: Sequence[float]) -> RunsTest:
    """Wald-Wolfowitz runs about the median, exact (Swed and Eisenhart 1943); values at the median are left out."""
    array = np.asarray(values, dtype=np.float64)
    above = array[array != np.median(array)] > np.median(array)
    n1, n2 = int(above.sum()), int((~above).sum())
    if n1 == 0 or n2 == 0:
        return RunsTest(min(1, n1 + n2), 1.0)
    runs = 1 + int(np.count_nonzero(above[1:] != above[:-1]))
    chances = {r: _chance_of_runs(r, n1, n2) for r in range(2, n1 + n2 + 1)}
    low = sum(chance for r, chance in chances.items() if r <= runs)
    high = sum(chance for r, chance in chances.items() if r >= runs)
    return RunsTest(runs, min(1.0, 2.0 * min(low, high)))


def _chance_of_runs(r: int, n1: int, n2: int) -> float:
    half, odd = divmod(r, 2)
    if odd:
        ways = math.comb(n1 - 1, half) * math.comb(n2 - 1, half - 1) + math.comb(n1 - 1, half - 1) * math.comb(n2 - 1, half)
    else:
        ways = 2 * math.comb(n1 - 1, half - 1) * math.comb(n2 - 1, half - 1)
    return ways / math.comb(n1 + n2, n1)


def autocorrelation(values: Sequence[float]) -> float:
    """Correlation of each trial with the one before, -1..1; 0 where it is not defined."""
    array = np.asarray(values, dtype=np.float64)
    if array.size < 3 or float(np.ptp(array)) == 0.0:
        return 0.0
    return float(stats.pearsonr(array[:-1], array[1:]).statistic) if np.ptp(array[:-1]) and np.ptp(array[1:]) else 0.0


def claim_of(values: Sequence[float], uncertainty: Uncertainty | None, unit: str) -> str:
    """The sentence that these trials support, with what speaks against their independence."""
    if not values or uncertainty is None:
        return ""
    bound = max(values) + uncertainty.expanded
    text = f"below {bound:.4g} {unit} (slowest + U): {Claim.of(len(values))} ({len(values)} trials at random phase)"
    test = runs_test(values)
    if test.suspicious:
        text += f"; NOT independent: {test.runs} runs about the median, p = {test.p:.2g}"
    return f"{text}; lag-1 autocorrelation {autocorrelation(values):+.2f}"
