import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from v2g_bench.metrology.independence import check_order, runs_chance


@pytest.mark.parametrize(("n1", "n2"), [(1, 1), (2, 3), (4, 4), (5, 2)])
def test_runs_chances_are_those_of_counting(n1, n2):
    counted: dict[int, int] = {}
    orders = set(itertools.permutations([True] * n1 + [False] * n2))
    for order in orders:
        runs = 1 + sum(a != b for a, b in itertools.pairwise(order))
        counted[runs] = counted.get(runs, 0) + 1
    for runs in range(2, n1 + n2 + 1):
        assert runs_chance(runs, n1, n2) == pytest.approx(counted.get(runs, 0) / len(orders))


def series(kind: str, n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = rng.gamma(4.0, 1.0, n)  # latencies are skewed
    if kind == "drift":
        return noise + 0.15 * np.arange(n)
    if kind == "alternating":
        return noise + 4 * (np.arange(n) % 2)
    if kind == "memory":
        for i in range(1, n):
            noise[i] += 0.8 * (noise[i - 1] - 4)
    return noise


@pytest.mark.parametrize("kind", ["drift", "alternating", "memory"])
def test_dependence_is_found_in_59_trials(kind):
    found = [not check_order(series(kind, 59, seed)).independent for seed in range(20)]
    assert np.mean(found) >= 0.9


@pytest.mark.parametrize("n", [5, 8, 20, 59])
def test_false_alarms_are_as_rare_as_stated(n):
    alarms = sum(not check_order(series("none", n, seed), alpha=0.05).independent for seed in range(100))
    assert alarms <= 12  # 5 % of 100 is 5; more than 12 happens once in a thousand


def test_a_few_trials_say_that_they_are_few():
    few = check_order([1.0, 2.0, 3.0, 4.0, 5.0])
    assert few.independent
    assert not few.able
    assert "too few" in str(few)
    assert few.tests[1].p == pytest.approx(2 / 120)


def test_what_was_found_is_named():
    assert "trend" in str(check_order(list(range(10))))


def rising_minus_falling(values):
    return sum(np.sign(later - earlier) for earlier, later in itertools.combinations(values, 2))


def trended(n, slope, step):
    values = np.random.default_rng(n).normal(size=n) + slope * np.arange(n)
    return np.round(values / step) * step if step else values


@pytest.mark.parametrize("n", [3, 5, 7])
@pytest.mark.parametrize("slope", [0.0, 0.4, -0.5])
@pytest.mark.parametrize("step", [0.0, 1.0])  # values in steps of one have ties
def test_the_trend_of_a_few_is_that_of_all_their_orders(n, slope, step):
    values = trended(n, slope, step)
    own = abs(rising_minus_falling(values))
    p = np.mean([abs(rising_minus_falling(order)) >= own for order in itertools.permutations(values)])
    assert check_order(values).tests[1].p == pytest.approx(p, rel=1e-12)


@pytest.mark.parametrize(
    ("n", "falling", "p"),
    [(8, 2, 0.00087), (9, 10, 0.060), (10, 5, 0.00047), (10, 11, 0.023), (33, 0, 1 / math.factorial(33))],
)
def test_the_trend_of_up_to_33_values_is_counted(n, falling, p):
    """p: of so many falling pairs or fewer, as Kendall's table 1 has it in two digits; of the one order that has none."""
    order = list(range(n))
    for _ in range(falling):  # one exchange of neighbours is one falling pair more
        place = next(i for i in range(n - 1) if order[i] < order[i + 1])
        order[place], order[place + 1] = order[place + 1], order[place]
    assert check_order([float(v) for v in order]).tests[1].p == pytest.approx(2 * p, rel=0.02)


@pytest.mark.parametrize(("n", "step"), [(8, 1.0), (20, 1.0), (34, 0.0), (59, 0.0), (59, 1.0), (299, 0.0), (299, 1.0)])
@pytest.mark.parametrize("slope", [0.0, 0.02, -0.05])
def test_the_trend_of_many_is_kendalls_by_its_variance(n, slope, step):
    """Kendall, Rank Correlation Methods, chapter 4: tau-b, and the variance of the sum over all pairs, with ties."""
    values = trended(n, slope, step)
    ties = np.unique(values, return_counts=True)[1]
    pairs, own = n * (n - 1) / 2, rising_minus_falling(values)
    variance = (n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)) / 18
    trend = check_order(values).tests[1]
    assert trend.statistic == pytest.approx(
        own / math.sqrt(pairs * (pairs - sum(t * (t - 1) / 2 for t in ties))), abs=1e-12
    )
    assert trend.p == pytest.approx(math.erfc(abs(own) / math.sqrt(2 * variance)), rel=1e-9, abs=1e-30)


def test_equal_values_have_no_order():
    same = check_order([3.0] * 30)
    assert same.independent
    assert same.tests == ()


def test_ties_do_not_break_it():
    assert check_order([1, 1, 2, 2, 1, 2]).independent
    assert not check_order([1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4]).independent


def test_no_number_is_refused():
    with pytest.raises(ValueError, match="no number"):
        check_order([1.0, float("nan"), 2.0])


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(-50, 50), min_size=3, max_size=12), st.integers(1, 9))
def test_unit_and_zero_do_not_matter(values, factor):
    one, other = check_order(values), check_order([factor * v + 7 for v in values])
    assert [t.p for t in one.tests] == pytest.approx([t.p for t in other.tests], abs=2e-3)
