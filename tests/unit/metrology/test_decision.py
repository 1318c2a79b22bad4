import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from v2g_bench.metrology.budget import Uncertainty
from v2g_bench.metrology.decision import DecisionRule, Limits, p_conform
from v2g_bench.metrology.verdict import Verdict

HALF = Uncertainty.of(0.25)  # U = 0.5
PASS, FAIL, UNSURE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("value", "verdict", "zone"),
    [
        (49.4999, PASS, "pass"),
        (49.5, PASS, "pass"),
        (49.5001, UNSURE, "conditional pass"),
        (50.0, UNSURE, "conditional pass"),
        (50.0001, UNSURE, "conditional fail"),
        (50.5, UNSURE, "conditional fail"),
        (50.5001, FAIL, "fail"),
    ],
)
def test_non_binary_on_both_sides_of_each_boundary(value, verdict, zone):
    found = DecisionRule().decide(value, HALF, Limits(high=50, unit="ms"))
    assert (found.verdict, found.zone) == (verdict, zone)
    assert found.guard_band == 0.5


@pytest.mark.parametrize(("expanded", "accept"), [(0.1, 49.9), (0.5, 49.5), (1.0, 49.0), (2.0, 48.0)])
def test_acceptance_limits(expanded, accept):
    rule, u = DecisionRule(), Uncertainty.of(expanded / 2)
    assert rule.decide(accept - 1e-9, u, Limits(high=50)).verdict == PASS
    assert rule.decide(accept + 1e-6, u, Limits(high=50)).verdict == UNSURE


@pytest.mark.parametrize(
    ("kind", "value", "verdict"),
    [
        ("guarded", 49.5, PASS),
        ("guarded", 49.51, FAIL),
        ("simple", 50.0, PASS),
        ("simple", 50.01, FAIL),
    ],
)
def test_the_binary_rules(kind, value, verdict):
    assert DecisionRule(kind).decide(value, HALF, Limits(high=50)).verdict == verdict


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(-3.2, FAIL), (-3.05, UNSURE), (-2.99, UNSURE), (-2.94, PASS), (-2.75, UNSURE), (-2.0, FAIL)],
)
def test_two_sided(value, verdict):
    assert DecisionRule().decide(value, Uncertainty.of(0.05), Limits(-3.05, -2.75)).verdict == verdict


def test_a_tolerance_narrower_than_its_uncertainty_never_passes():
    found = DecisionRule().decide(10.0, Uncertainty.of(1.0), Limits(9.5, 10.5))
    assert found.verdict == UNSURE
    assert found.p_conform == pytest.approx(0.383, abs=1e-3)


def test_a_lower_limit_mirrors_an_upper_one():
    assert DecisionRule().decide(0.6, HALF, Limits(low=0.0)).verdict == PASS
    assert DecisionRule().decide(0.4, HALF, Limits(low=0.0)).zone == "conditional pass"
    assert DecisionRule().decide(-0.6, HALF, Limits(low=0.0)).verdict == FAIL


def test_probability_of_conformity():
    assert p_conform(49.6, HALF, Limits(high=50)) == pytest.approx(0.945, abs=5e-4)
    assert p_conform(50.0, HALF, Limits(high=50)) == pytest.approx(0.5)
    # Few degrees of freedom leave more in the tail.
    assert p_conform(49.6, Uncertainty.of(0.25, dof=3), Limits(high=50)) == pytest.approx(0.896, abs=2e-3)
    assert p_conform(1.0, Uncertainty.of(0.0), Limits(high=1.0)) == 1.0
    assert p_conform(1.1, Uncertainty.of(0.0), Limits(high=1.0)) == 0.0


def test_what_is_printed():
    found = DecisionRule().decide(49.6, HALF, Limits(high=50, unit="ms"))
    assert str(found.limits) == "<= 50 ms"
    assert "ILAC-G8:09/2019, 4.2.3" in found.rule_text
    assert found.statement.startswith("conditional pass: 49.6 ms ± 0.5 ms (k = 2.00)")
    assert "94.5 %" in found.statement
    assert "2.3 %" in found.risk_text
    assert "50 %" in DecisionRule("simple").decide(1, HALF, Limits(high=50)).risk_text
    assert "97.7 %" in DecisionRule("guarded").decide(1, HALF, Limits(high=50)).risk_text


@pytest.mark.parametrize(
    ("value", "uncertainty"), [(10.0, None), (None, HALF), (None, None), (math.nan, HALF), (math.inf, HALF)]
)
def test_without_a_value_or_an_uncertainty_the_bench_cannot_tell(value, uncertainty):
    for kind in ("non-binary", "guarded", "simple"):
        found = DecisionRule(kind).decide(value, uncertainty, Limits(high=50))
        assert found.verdict == UNSURE
        assert math.isnan(found.p_conform)


@pytest.mark.parametrize(
    "limits", [{}, {"high": math.nan}, {"low": -math.inf}, {"high": 1.0, "low": 1.0}, {"high": 0.0, "low": 1.0}]
)
def test_limits_are_sensible(limits):
    with pytest.raises(ValueError, match="limit"):
        Limits(**limits)


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (Limits(high=50, unit="ms"), "<= 50 ms"),
        (Limits(low=0.5), ">= 0.5"),
        (Limits(-3.1, -2.9, "kW"), "-3.1 to -2.9 kW"),
        (Limits.around(-3000.0, 60.0, "W"), "-3060 to -2940 W"),
    ],
)
def test_limits_print_themselves(limits, text):
    assert str(limits) == text


@pytest.mark.parametrize(
    ("value", "beyond"), [(-3.2, 0.1), (-3.1, 0.0), (-3.0, -0.1), (-2.9, 0.0), (-2.5, 0.4), (3.0, 5.9)]
)
def test_how_far_a_value_lies_beyond_its_limits(value, beyond):
    limits = Limits(-3.1, -2.9)
    assert limits.beyond(value) == pytest.approx(beyond)
    assert (value in limits) is (beyond <= 0)
    assert (value in Limits(low=-3.1)) is (value >= -3.1)
    assert (value in Limits(high=-2.9)) is (value <= -2.9)


@pytest.mark.parametrize("kind", ["non-binary", "guarded", "simple"])
def test_what_had_to_happen_and_did_not_fails_by_every_rule(kind):
    found = DecisionRule(kind).decide(None, None, Limits(high=50), failed="the current stays")
    assert (found.verdict, found.statement) == (FAIL, "the current stays")


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match="unknown decision rule"):
        DecisionRule("lenient")


@settings(deadline=None, max_examples=50)
@given(value=st.floats(-100, 100), u=st.floats(1e-3, 10), limit=st.floats(-100, 100))
def test_a_false_pass_is_rarer_than_the_stated_risk(value, u, limit):
    found = DecisionRule().decide(value, Uncertainty.of(u), Limits(high=limit))
    if found.verdict == PASS:
        assert found.p_conform >= 0.977
    if found.verdict == FAIL:
        assert found.p_conform <= 0.023


@settings(deadline=None, max_examples=50)
@given(value=st.floats(-100, 100), u=st.floats(1e-3, 10), limit=st.floats(-100, 100))
def test_mirrored_world_same_verdict(value, u, limit):
    rule = DecisionRule()
    one, other = (
        rule.decide(value, Uncertainty.of(u), Limits(high=limit)),
        rule.decide(-value, Uncertainty.of(u), Limits(low=-limit)),
    )
    assert one.zone == other.zone
    assert one.p_conform == pytest.approx(other.p_conform)
