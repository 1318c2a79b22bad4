"""Readings print value and uncertainty alike, and a share carries the uncertainty of both."""

import math

import pytest

from v2g_bench.evidence.reading import Reading
from v2g_bench.metrology.budget import Budget, Component


def reading(value, u=1.0, unit="W"):
    budget = None if u is None else Budget("power", unit, [Component("all", "normal", u)])
    return Reading("power", value, unit, budget)


@pytest.mark.parametrize(
    ("value", "u", "text"),
    [
        (-2994.04, 6.0, "-2994 W ± 12 W"),
        (9.1866, 0.085, "9.19 W ± 0.17 W"),
        (0.05, 1e-9, "0.0500 W ± 0.0000 W"),
        (5.0, 0.0, "5.000 W ± 0.000 W"),
        (-0.00002, 0.0022, "0.0000 W ± 0.0044 W"),
    ],
)
def test_prints_two_digits_of_u(value, u, text):
    assert str(reading(value, u)) == text


def test_says_why_there_is_none():
    assert str(Reading("time", None, "ms", None, "no current flowed")) == "no current flowed"
    assert str(Reading("time", None, "ms", None)) == "not measured"


def test_a_share_is_in_percent_with_both_uncertainties():
    share = reading(-1500, 15).share_of(reading(-3000, 30))
    assert share.value == pytest.approx(50.0)
    assert share.unit == "%"
    assert share.uncertainty.u == pytest.approx(50.0 * math.hypot(0.01, 0.01))


@pytest.mark.parametrize(
    ("part", "whole", "why"),
    [
        (reading(None), reading(5), "nothing flowed before"),
        (reading(5), reading(0.0), "nothing flowed before"),
        (reading(5, None), reading(5), "the value has no uncertainty"),
        (reading(5), reading(5, None), "the reference has no uncertainty"),
    ],
)
def test_a_share_of_nothing_is_none_and_says_why(part, whole, why):
    share = part.share_of(whole)
    assert (share.value, share.why) == (None, why)
