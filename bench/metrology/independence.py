"""Do the trials look like independent draws? A statistical claim rests on it.

Three exact tests of order: runs about the median, Kendall's trend, and the correlation of each trial with the one
before against all (or 5,000 seeded) reorderings. Each states the smallest p that its n could have shown at all: a test
that could not have found anything has found nothing. What is left is judged together after Holm, so that three tests
give no more false alarms than one.

>>> rising = check_order([20.1, 20.4, 20.9, 21.3, 21.8, 22.2, 22.7, 23.1])
>>> rising.independent, [test.name for test in rising.against]
(False, ['trend', 'correlation'])
>>> print(check_order([20.1, 20.4, 20.9]))
3 trials are too few to show a trend, a pattern or a correlation
"""

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ALPHA = 0.01
_EXACT_UP_TO = 7  # 5040 orders
_COUNTED_UP_TO = 33
_DRAWS = 5_000
_SEED = 20_261_122


@dataclass(frozen=True)
class OrderTest:
    """statistic: runs, Kendall's tau, or correlation; p: two-sided; least_p: the smallest p that this n can give."""

    name: str
    statistic: float
    p: float
    least_p: float


@dataclass(frozen=True)
class Order:
    """The three tests of one series, and those that speak against independence at `alpha` together."""

    n: int
    tests: tuple[OrderTest, ...]
    against: tuple[OrderTest, ...]
    alpha: float

    @property
    def independent(self) -> bool:
        """True when no test speaks against it: which is no proof, and least so for few trials."""
        return not self.against

    @property
    def able(self) -> tuple[OrderTest, ...]:
        """The tests that could have found something."""
        return tuple(test for test in self.tests if test.least_p <= self.alpha)

    def __str__(self) -> str:
        if self.against:
            found = ", ".join(f"{test.name} (p = {test.p:.2g})" for test in self.against)
            return f"the trials are not independent: {found}"
        if not self.able:
            return f"{self.n} trials are too few to show a trend, a pattern or a correlation"
        return "nothing speaks against independence: " + ", ".join(f"{t.name} p = {t.p:.2g}" for t in self.able)


def check_order(values: Sequence[float], alpha: float = ALPHA) -> Order:
    """Test values in the order in which they were measured."""
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise ValueError("a value that is no number has no place in an order")
    tests = () if array.size < 3 or np.ptp(array) == 0 else (_runs(array), _trend(array), _correlation(array))
    # Tests that cannot reach alpha cost nothing: they can give no false alarm.
    able = sorted((test for test in tests if test.least_p <= alpha), key=lambda test: test.p)
    against = []
    for rank, test in enumerate(able):
        if test.p > alpha / (len(able) - rank):
            break
        against.append(test)
    return Order(int(array.size), tests, tuple(against), alpha)


def _runs(array: Array) -> OrderTest:
    """Wald and Wolfowitz's runs about the median; values at the median are left out."""
    median = float(np.median(array))
    above = array[array != median] > median
    n1, n2 = int(above.sum()), int((~above).sum())
    runs = 1 + int(np.count_nonzero(above[1:] != above[:-1])) if above.size else 0
    if n1 == 0 or n2 == 0:
        return OrderTest("runs", float(runs), 1.0, 1.0)
    chances = {r: runs_chance(r, n1, n2) for r in range(2, n1 + n2 + 1)}

    def two_sided(seen: int) -> float:
        low = sum(chance for r, chance in chances.items() if r <= seen)
        high = sum(chance for r, chance in chances.items() if r >= seen)
        return min(1.0, 2 * min(low, high))

    return OrderTest("runs", float(runs), two_sided(runs), min(two_sided(r) for r in chances if chances[r] > 0))


def runs_chance(runs: int, n1: int, n2: int) -> float:
    """Probability of exactly `runs` runs when n1 and n2 of two kinds stand in random order."""
    half, odd = divmod(runs, 2)
    if odd:
        ways = math.comb(n1 - 1, half) * math.comb(n2 - 1, half - 1)
        ways += math.comb(n1 - 1, half - 1) * math.comb(n2 - 1, half)
    else:
        ways = 2 * math.comb(n1 - 1, half - 1) * math.comb(n2 - 1, half - 1)
    return ways / math.comb(n1 + n2, n1)


def _trend(array: Array) -> OrderTest:
    """Kendall's tau-b against the order: exact up to 33 values, and up to 7 with ties among them; else by its variance."""
    from scipy import stats  # half a second, which no start should pay for

    n, tied = array.size, np.unique(array).size < array.size
    counted = not tied and n <= _COUNTED_UP_TO
    found = stats.kendalltau(np.arange(n), array, method="exact" if counted else "asymptotic")
    p = float(found.pvalue)
    if tied and n <= _EXACT_UP_TO:  # which scipy has for different values alone
        p = float(np.mean(np.abs(_concordance(array[_orders(n)])) >= abs(_concordance(array[None, :])[0])))
    return OrderTest("trend", float(found.statistic), p, min(1.0, 2 / math.factorial(min(n, 20))))


@functools.cache
def _orders(n: int) -> NDArray[np.intp]:
    """All orders of n things, one per row."""
    return np.array(list(itertools.permutations(range(n))), dtype=np.intp)


def _concordance(rows: Array) -> Array:
    """Rising minus falling pairs of each row."""
    first, second = np.triu_indices(rows.shape[1], 1)
    return np.asarray(np.sign(rows[:, second] - rows[:, first]).sum(axis=1), dtype=np.float64)


def _correlation(array: Array) -> OrderTest:
    """Lag-1 autocorrelation against reorderings of the same values."""
    centred = array - array.mean()
    power = float(centred @ centred)
    if array.size <= _EXACT_UP_TO:
        orders = centred[_orders(array.size)]
    else:
        orders = np.random.default_rng(_SEED).permuted(np.tile(centred, (_DRAWS, 1)), axis=1)
    others = np.sum(orders[:, 1:] * orders[:, :-1], axis=1) / power
    own = float(centred[1:] @ centred[:-1]) / power
    # About its mean under reordering, which is -1/n and not 0.
    far = np.abs(others + 1 / array.size)
    exact = array.size <= _EXACT_UP_TO
    hits = int(np.sum(far >= abs(own + 1 / array.size) - 1e-12))
    p = hits / far.size if exact else (hits + 1) / (far.size + 1)
    least = float(np.mean(far >= far.max() - 1e-12)) if exact else 1 / (far.size + 1)
    return OrderTest("correlation", own, p, least)
