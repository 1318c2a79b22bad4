"""Repetitions: what the slowest of n trials allows to claim about all.

Distribution-free, by order statistics: of n independent trials, the share of all reactions that lie below the largest
but r is at least p with confidence P(Bin(n, p) <= n - r - 1); for r = 0 that is 1 - p^n. 59 trials give 95 % / 95 %.
`independence` judges whether the trials were independent; the random phase that makes them so is drawn here.

>>> print(Claim.of(59))
95 % of reactions, with 95 % confidence
>>> trials_for(0.95), trials_for(0.99), trials_for(0.95, above=1)
(59, 299, 93)
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from scipy import special

from v2g_bench.metrology.budget import Uncertainty
from v2g_bench.metrology.independence import check_order

CONFIDENCE = 0.95
# The periods that a phase must be random against: the BMS's safety frame, the manual's poll, the slowest cyclic frame.
PERIODS_S = (0.01, 0.05, 0.1)


@dataclass(frozen=True)
class Claim:
    """With `confidence`, at least the share `coverage` of all reactions is below the largest but `above` of n trials."""

    n: int
    coverage: float
    confidence: float
    above: int = 0

    @classmethod
    def of(cls, n: int, confidence: float = CONFIDENCE, above: int = 0) -> "Claim":
        """The share that n trials can speak for; ValueError unless 0 <= above < n and 0 < confidence < 1."""
        if not 0 <= above < n or not 0 < confidence < 1:
            raise ValueError(f"{n} trials, {above} of them above, confidence {confidence}: nothing can be said")
        # The Clopper-Pearson bound: the beta quantile that inverts the binomial sum.
        return cls(n, float(special.betaincinv(n - above, above + 1, 1 - confidence)), confidence, above)

    def __str__(self) -> str:
        # Rounded down, to a tenth of a percent where that matters: a claim never exceeds what the trials support.
        digits = 1 if self.coverage > 0.99 else 0
        percent = math.floor(100 * self.coverage * 10**digits + 1e-9) / 10**digits
        return f"{percent:.{digits}f} % of reactions, with {100 * self.confidence:.0f} % confidence"


def confidence_of(n: int, coverage: float, above: int = 0) -> float:
    """Confidence that n trials give to the claim that `coverage` of all lies below the largest but `above`."""
    return float(special.betainc(above + 1, n - above, 1 - coverage))  # the binomial sum as an integral


def trials_for(coverage: float, confidence: float = CONFIDENCE, above: int = 0) -> int:
    """The fewest trials that speak for that share with that confidence; ValueError for a share or confidence of 1."""
    if not 0 < coverage < 1 or not 0 < confidence < 1:
        raise ValueError(f"no number of trials covers {coverage:g} with confidence {confidence:g}")
    low, high = above, above + 1
    while confidence_of(high, coverage, above) < confidence:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if confidence_of(middle, coverage, above) >= confidence else (middle, high)
    return high


def phase_s(random: Random, periods_s: Sequence[float]) -> float:
    """A random delay (s) whose phase against each of these periods is uniform.

    The sum of one uniform draw per period: modulo a period, one uniform summand makes the whole sum uniform. A stimulus
    that is locked to the controller's cycle can miss its slowest reaction for ever.
    """
    if not periods_s or min(periods_s) <= 0:
        raise ValueError(f"a phase needs periods, all positive: {periods_s}")
    return sum(random.uniform(0.0, period) for period in sorted(set(periods_s)))


def draw_key(seed: int, nodeid: str) -> str:
    """What the draws of one test in one run depend on, whatever else is run, and in whatever order."""
    return f"{seed} {nodeid}"


def phase_of_trial(key: str, index: int, attempt: int) -> float:
    """The delay (s) before the stimulus of one attempt at a trial, both from 1. key: see `draw_key`."""
    return phase_s(Random(hashlib.sha256(f"{key} {index} {attempt}".encode()).digest()), PERIODS_S)


def claim_of(values: Sequence[float], uncertainty: Uncertainty | None, unit: str) -> str:
    """The sentence that these trials, in the order in which they were measured, support; "" when there are none.

    Evidence against their independence is reported with it: the claim is then not supported.
    """
    if not values or uncertainty is None:
        return ""
    bound = max(values) + uncertainty.expanded
    order = check_order(values)
    text = f"below {bound:.4g} {unit} (slowest + U): {Claim.of(len(values))} ({len(values)} trials at random phase)"
    return f"{text}; {order}" if order.independent else f"NOT SUPPORTED: {text}; {order}"
