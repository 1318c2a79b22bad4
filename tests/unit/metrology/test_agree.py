import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from v2g_bench.metrology.agree import agree, e_n
from v2g_bench.metrology.budget import Uncertainty


@pytest.mark.parametrize(("apart", "ok"), [(0.0, True), (49.9, True), (50.0, True), (50.1, False), (-50.1, False)])
def test_the_boundary_is_the_combined_uncertainty(apart, ok):
    assert agree({"meter": (1000.0, 30.0), "inverter": (1000.0 + apart, 40.0)}, "W")[0] is ok


def test_a_disagreement_names_both_and_the_figures():
    ok, text = agree({"meter": (-3000.0, 36.0), "inverter": (-2860.0, 48.0), "BMS": (-2990.0, 200.0)}, "W")
    assert not ok
    assert text == "meter and inverter disagree by 140 W, combined U 60 W, E_n = 2.33"


@pytest.mark.parametrize(
    "values",
    [{}, {"meter": (1.0, 0.1)}, {"meter": (1.0, 0.1), "bms": (math.nan, 0.1)}, {"a": (1, 0.1), "b": (1, math.inf)}],
)
def test_what_was_not_seen_twice_is_no_agreement(values):
    assert agree(values)[0] is False


def test_without_any_uncertainty_only_equals_agree():
    assert e_n(1.0, 0.0, 1.0, 0.0) == 0.0
    assert e_n(1.0, 0.0, 1.1, 0.0) == math.inf


def test_an_uncertainty_counts_with_its_k():
    few = Uncertainty.of(1.0, dof=2)
    assert agree({"a": (0.0, few), "b": (4.0, 0.0)})[0]
    assert not agree({"a": (0.0, Uncertainty.of(1.0)), "b": (4.0, 0.0)})[0]


@settings(deadline=None, max_examples=50)
@given(st.floats(-1e3, 1e3), st.floats(0.1, 10), st.floats(-1e3, 1e3), st.floats(0.1, 10))
def test_the_order_of_witnesses_does_not_matter(a, u_a, b, u_b):
    assert agree({"a": (a, u_a), "b": (b, u_b)})[0] == agree({"b": (b, u_b), "a": (a, u_a)})[0]
