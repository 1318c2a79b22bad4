"""The verdict on the bench itself: a sound one qualifies, a biased or wrong one does not."""

import random
from dataclasses import replace

import pytest

from v2g_bench.metrology.budget import Uncertainty
from v2g_bench.metrology.decision import DecisionRule, Limits
from v2g_bench.metrology.verdict import Verdict
from v2g_bench.qualification.run import DELAYS_MS
from v2g_bench.qualification.score import Outcome, score

LAG_MS = 8.6
EACH = 10
WANTED = EACH * len(DELAYS_MS)


def outcomes(bias_ms=0.0, sd_ms=0.05, expanded_ms=0.2, seed=1):
    """What a bench with this error and this claimed U would bring home."""
    rng = random.Random(seed)
    found = []
    for delay_ms in DELAYS_MS:
        for _ in range(EACH):
            true_ms = delay_ms + LAG_MS + rng.uniform(-0.1, 0.1)
            measured_ms = true_ms + bias_ms + rng.gauss(0.0, sd_ms)
            decision = DecisionRule().decide(measured_ms, Uncertainty.of(expanded_ms / 2), Limits(high=50.0, unit="ms"))
            found.append(
                Outcome(
                    delay_ms=delay_ms,
                    measured_ms=measured_ms,
                    expanded_ms=expanded_ms,
                    verdict=str(decision.verdict),
                    true_ms=true_ms,
                )
            )
    return found


def test_a_sound_bench_qualifies():
    found = score(outcomes(), WANTED)
    assert found.verdict == Verdict.PASS
    assert found.reasons == ()
    assert found.total.valid == WANTED
    assert found.total.coverage > 0.99
    assert [row.delay_ms for row in found.rows] == sorted(DELAYS_MS)
    assert all(abs(row.bias_ms) < 0.1 for row in found.rows)


def test_a_biased_bench_does_not():
    found = score(outcomes(bias_ms=0.4), WANTED)
    assert found.verdict == Verdict.FAIL
    assert "not in 95 %" in found.text
    assert found.total.bias_ms == pytest.approx(0.4, abs=0.02)


def test_a_bench_that_claims_too_little_uncertainty_does_not():
    found = score(outcomes(sd_ms=0.2, expanded_ms=0.1), WANTED)
    assert found.verdict == Verdict.FAIL
    assert "not in 95 %" in found.text


def test_a_bench_that_claims_too_much_uncertainty_does_not():
    found = score(outcomes(expanded_ms=1.5), WANTED)
    assert found.verdict == Verdict.FAIL
    assert "more than 1 ms" in found.text


@pytest.mark.parametrize("bias_ms", [-1.6, 1.6])
def test_a_bench_that_judges_wrongly_does_not(bias_ms):
    # U is honest about the bias, but the decision ignores it: the verdicts themselves are wrong.
    found = score([replace(one, expanded_ms=0.9) for one in outcomes(bias_ms=bias_ms)], WANTED)
    assert found.verdict == Verdict.FAIL
    assert any("wrong verdict" in reason for reason in found.reasons)
    assert found.total.wrong > 0


@pytest.mark.parametrize(
    ("true_ms", "verdict", "wrong"),
    [
        (51.0, "PASS", True),
        (50.99, "PASS", False),
        (49.0, "FAIL", True),
        (49.01, "FAIL", False),
        (51.0, "INCONCLUSIVE", False),
        (49.0, "INCONCLUSIVE", False),
        (51.0, "FAIL", False),
        (49.0, "PASS", False),
    ],
)
def test_what_a_wrong_verdict_is(true_ms, verdict, wrong):
    assert bool(Outcome(delay_ms=1, true_ms=true_ms, verdict=verdict).wrong) is wrong


def test_one_wrong_verdict_among_many_is_enough():
    found = outcomes()
    place = next(n for n, one in enumerate(found) if one.true_ms > 51)
    found[place] = replace(found[place], verdict="PASS")
    assert score(found, WANTED).verdict == Verdict.FAIL


def test_void_trials_do_not_count_and_are_counted():
    found = outcomes()
    broken = replace(found[0], measured_ms=found[0].measured_ms + 30, verdict="FAIL", void="processor 1: stood still")
    reported = score([*found, broken], WANTED)
    assert reported.verdict == Verdict.PASS
    assert reported.total.voids == 1
    assert reported.total.valid == WANTED
    assert "1 of the void ones would have been judged wrongly" in reported.text


def test_a_trial_without_a_value_does_not_hold_the_truth():
    found = [replace(one, measured_ms=None, expanded_ms=None, verdict="FAIL") for one in outcomes()]
    reported = score(found, WANTED)
    assert reported.verdict == Verdict.FAIL
    assert reported.total.held == 0


def test_an_uncertainty_that_is_no_number_never_qualifies():
    found = outcomes()
    found[3] = replace(found[3], expanded_ms=float("nan"))
    assert score(found, WANTED).verdict == Verdict.FAIL


def test_too_few_trials_say_nothing():
    reported = score(outcomes()[:-1], WANTED)
    assert reported.verdict == Verdict.INCONCLUSIVE
    assert f"only {WANTED - 1} of {WANTED}" in reported.text


def test_no_trial_at_all_says_nothing():
    assert score([], 0).verdict == Verdict.INCONCLUSIVE
    assert score([Outcome(delay_ms=5, void="stalled")], 1).verdict == Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("keep", "missing"), [(lambda t: t < 50, "51 ms or more"), (lambda t: t > 50, "49 ms or less")]
)
def test_one_side_of_the_limit_is_not_enough(keep, missing):
    found = [one for one in outcomes() if keep(one.true_ms)]
    reported = score(found, len(found))
    assert reported.verdict == Verdict.INCONCLUSIVE
    assert missing in reported.text


def test_rows_are_texts_for_a_report():
    reported = score(outcomes(), WANTED)
    for row in (*reported.rows, reported.total):
        assert all(isinstance(cell, str) for cell in row.as_text().values())
    assert reported.total.as_text()["truth within U"].endswith("%")
    assert score([Outcome(delay_ms=5, void="stalled")], 1).rows[0].as_text()["largest U"] == ""
