import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from v2g_bench.metrology.budget import Budget, Component, Uncertainty, coverage_factor

# An illustrative latency budget in microseconds, with the known result u = 35.0, dof = 38, U(95 %) = 71.
EXAMPLE = [
    Component.resolution("stamp tick", 1.0),
    Component.rectangular("stamp point", 30.0),
    Component("clock offset", "normal", 5.0, dof=9),
    Component.rectangular("clock rate", 2.5),
    Component.resolution("sample interval", 20.0),
    Component.rectangular("trigger", 20.0),
    Component("amplitude", "normal", 50.0, sensitivity=0.5, dof=10, unit="mA"),
    Component("noise", "normal", 10.0),
    Component.rectangular("group delay", 5.0),
]


def test_the_known_example():
    found = Budget("latency", "us", EXAMPLE, coverage=0.95).combined()
    assert found.u == pytest.approx(35.0, abs=0.1)
    assert found.dof == pytest.approx(38, abs=1)
    assert found.k == pytest.approx(2.02, abs=0.01)
    assert found.expanded == pytest.approx(71, abs=0.5)


@pytest.mark.parametrize("coverage", [0.9, 0.95, 0.9545, 0.99])
def test_gtc_agrees(coverage):
    gtc = pytest.importorskip("GTC")
    result = sum(c.sensitivity * gtc.ureal(0.0, c.u, df=c.dof) for c in EXAMPLE)
    ours = Budget("latency", "us", EXAMPLE, coverage).combined()
    assert ours.u == pytest.approx(gtc.uncertainty(result), rel=1e-9)
    assert ours.dof == pytest.approx(gtc.dof(result), rel=1e-9)
    assert ours.k == pytest.approx(gtc.reporting.k_factor(gtc.dof(result), 100 * coverage), rel=1e-6)


@settings(deadline=None, max_examples=40)  # GTC is slow to import
@given(
    st.lists(
        st.tuples(st.floats(1e-6, 1e3), st.floats(-10, 10).filter(lambda c: abs(c) > 1e-3), st.integers(1, 50)),
        min_size=1,
        max_size=8,
    )
)
def test_gtc_agrees_on_any_budget(rows):
    gtc = pytest.importorskip("GTC")
    budget = Budget("x", "", [Component(str(i), "normal", u, c, dof) for i, (u, c, dof) in enumerate(rows)])
    result = sum(c * gtc.ureal(0.0, u, df=dof) for u, c, dof in rows)
    assert budget.combined().u == pytest.approx(gtc.uncertainty(result), rel=1e-9)
    assert budget.combined().dof == pytest.approx(gtc.dof(result), rel=1e-6)


def test_k_is_two_for_a_normal_and_grows_when_little_is_known():
    assert coverage_factor(math.inf) == 2.0
    assert coverage_factor(4) == pytest.approx(2.87, abs=0.01)  # JCGM 100:2008, table G.2, 95.45 %
    assert coverage_factor(1) == pytest.approx(13.97, abs=0.01)


def test_monte_carlo_agrees_where_normal_inputs_rule():
    check = Budget("latency", "us", EXAMPLE).monte_carlo(200_000, seed=7)
    assert check.agrees
    # A little wider: JCGM 101 draws a scaled t where the GUM takes s / sqrt(n) for the standard deviation.
    assert check.half_width == pytest.approx(Budget("latency", "us", EXAMPLE).combined().expanded, rel=0.05)


def test_monte_carlo_sees_that_one_rectangle_is_no_normal():
    budget = Budget("x", "s", [Component.rectangular("only", 1.0)])
    check = budget.monte_carlo(100_000, seed=1)
    assert not check.agrees
    assert check.conservative
    assert check.half_width == pytest.approx(0.9545, abs=0.01)
    assert budget.combined().expanded == pytest.approx(2 / math.sqrt(3))


def test_monte_carlo_sees_an_understated_interval():
    # Two degrees of freedom declared as infinitely many: U is far too small, and the check must say so.
    honest = Budget("x", "s", [Component("few", "normal", 1.0, dof=2)])
    low = Budget("x", "s", [Component("few", "normal", 1.0)])
    assert honest.combined().expanded > 2 * low.combined().expanded
    assert honest.monte_carlo(100_000).half_width > 2 * low.combined().expanded


@pytest.mark.parametrize("kind", ["normal", "rectangular", "triangular", "arcsine"])
def test_each_distribution_has_its_stated_spread(kind):
    draws = Component("x", kind, 3.0).draw(np.random.default_rng(1), 200_000)
    assert np.std(draws) == pytest.approx(3.0, rel=0.01)
    assert np.mean(draws) == pytest.approx(0.0, abs=0.03)


def test_monte_carlo_repeats_from_its_seed():
    budget = Budget("latency", "us", EXAMPLE)
    assert budget.monte_carlo(5000, seed=3) == budget.monte_carlo(5000, seed=3) != budget.monte_carlo(5000, seed=4)


def test_type_a_of_repeated_readings():
    component = Component.of_samples("offset", [1.0, 2.0, 3.0, 4.0])
    assert component.u == pytest.approx(np.std([1, 2, 3, 4], ddof=1) / 2)
    assert component.dof == 3


def test_table_shares_add_up_and_end_with_the_total():
    rows = Budget("latency", "us", EXAMPLE).table()
    assert sum(row["share_pct"] for row in rows[:-1]) == pytest.approx(100)
    assert rows[-1]["name"] == "combined"
    assert rows[-1]["u"] == pytest.approx(35.0, abs=0.1)
    assert rows[6]["unit"] == "mA"
    assert rows[0]["unit"] == "us"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Budget("x", "s", []),
        lambda: Component("x", "gaussian", 1.0),
        lambda: Component("x", "normal", -1.0),
        lambda: Component("x", "normal", math.nan),
        lambda: Component("x", "normal", 1.0, dof=0),
        lambda: Component.of_samples("x", [1.0]),
        lambda: Uncertainty.of(-1.0),
        lambda: Uncertainty.of(math.inf),
        lambda: Budget("x", "s", EXAMPLE).monte_carlo(10),
    ],
)
def test_nonsense_is_refused(make):
    with pytest.raises(ValueError, match="."):
        make()


@settings(deadline=None, max_examples=50)
@given(st.floats(1e-9, 1e6), st.floats(1e-3, 1e3))
def test_the_unit_does_not_matter(u, factor):
    one = Budget("x", "s", [Component("a", "normal", u, dof=5), Component.rectangular("b", u)])
    other = Budget("x", "ms", [Component("a", "normal", u, factor, dof=5), Component.rectangular("b", u, factor)])
    assert other.combined().expanded == pytest.approx(factor * one.combined().expanded, rel=1e-9)
