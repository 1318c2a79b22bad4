import math
from random import Random

import numpy as np
import pytest
from scipy import stats

from v2g_bench.metrology.budget import Uncertainty
from v2g_bench.metrology.trials import Claim, claim_of, confidence_of, phase_s, trials_for


@pytest.mark.parametrize(("above", "n"), [(0, 59), (1, 93), (2, 124), (3, 153), (4, 181)])
def test_trials_for_95_95(above, n):
    assert trials_for(0.95, 0.95, above) == n
    assert confidence_of(n, 0.95, above) >= 0.95 > confidence_of(n - 1, 0.95, above)


@pytest.mark.parametrize(
    ("coverage", "confidence", "above", "n"),
    [(0.99, 0.95, 0, 299), (0.99, 0.95, 1, 473), (0.99, 0.95, 2, 628), (0.999, 0.95, 0, 2995), (0.95, 0.99, 0, 90)],
)
def test_more_of_the_known_table(coverage, confidence, above, n):
    assert trials_for(coverage, confidence, above) == n


@pytest.mark.parametrize(("n", "uncovered"), [(5, 0.45), (30, 0.095), (59, 0.0495), (299, 0.00997)])
def test_what_n_trials_leave_open(n, uncovered):
    assert 1 - Claim.of(n).coverage == pytest.approx(uncovered, rel=0.01)


def test_the_claim_never_says_more_than_the_trials():
    assert str(Claim.of(58)).startswith("94 %")
    assert str(Claim.of(59)).startswith("95 %")
    assert str(Claim.of(298)).startswith("98 %")
    assert str(Claim.of(299)).startswith("99.0 %")
    assert str(Claim.of(5)).startswith("54 %")


def test_the_claim_holds_as_often_as_stated():
    # The largest of 59 draws from a skewed distribution covers its 95 % quantile in at least 95 % of repetitions.
    rng = np.random.default_rng(5)
    covered = rng.gamma(2.0, size=(4000, 59)).max(axis=1) >= stats.gamma(2.0).ppf(0.95)
    assert covered.mean() == pytest.approx(1 - 0.95**59, abs=0.012)


@pytest.mark.parametrize(("n", "above"), [(0, 0), (3, 3), (3, -1)])
def test_nothing_can_be_said(n, above):
    with pytest.raises(ValueError, match="nothing can be said"):
        Claim.of(n, above=above)


def test_certainty_takes_more_than_trials():
    with pytest.raises(ValueError, match="no number of trials"):
        trials_for(1.0)


def test_the_phase_is_uniform_against_every_period():
    random = Random(1)
    periods = [0.01, 0.033, 0.05]
    phases = np.array([phase_s(random, periods) for _ in range(4000)])
    assert phases.min() >= 0
    assert phases.max() <= sum(periods)
    for period in periods:
        assert stats.kstest(phases % period / period, "uniform").pvalue > 1e-3


def test_a_draw_over_one_period_alone_would_miss_another():
    # What phase_s guards against: a 10 ms delay is anything but uniform against a 33 ms cycle.
    random = Random(1)
    phases = np.array([phase_s(random, [0.01]) for _ in range(2000)])
    assert stats.kstest(phases % 0.033 / 0.033, "uniform").pvalue < 1e-6


def test_phases_repeat_from_the_seed():
    assert phase_s(Random(3), [0.05, 0.01]) == phase_s(Random(3), [0.01, 0.05, 0.05])
    with pytest.raises(ValueError, match="positive"):
        phase_s(Random(1), [])


def test_the_sentence():
    values = list(20 + np.random.default_rng(2).random(59))
    text = claim_of(values, Uncertainty.of(0.1), "ms")
    bound = max(values) + 0.2
    assert text.startswith(f"below {bound:.4g} ms (slowest + U): 95 % of reactions, with 95 % confidence (59 trials")
    assert "nothing speaks against independence" in text


def test_a_trend_takes_the_claim_back():
    assert claim_of(list(range(20)), Uncertainty.of(0.1), "ms").startswith("NOT SUPPORTED")


def test_no_claim_without_values_or_uncertainty():
    assert claim_of([], Uncertainty.of(0.1), "ms") == ""
    assert claim_of([1.0], None, "ms") == ""
    assert math.isclose(Claim.of(1).coverage, 0.05)
