"""The order of trials: every delay, both directions, void ones again, within a bound."""

from collections import Counter

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.qualification.run import DELAYS_MS, MOST_ERRORS, PHASE_S, QualificationPlan, take
from v2g_bench.qualification.score import Outcome


def fine(delay_ms, power_w, phase_s):
    return Outcome(delay_ms=delay_ms, power_w=power_w, phase_s=phase_s, measured_ms=delay_ms, true_ms=delay_ms)


def test_every_delay_in_both_directions():
    found = take(fine, QualificationPlan(trials=4, seed=3))
    assert Counter(one.delay_ms for one in found) == dict.fromkeys(DELAYS_MS, 4)
    assert Counter(one.power_w > 0 for one in found) == {True: len(found) / 2, False: len(found) / 2}
    assert all(0 <= one.phase_s <= PHASE_S for one in found)


def test_the_seed_makes_the_order():
    one, again, other = (take(fine, QualificationPlan(trials=2, seed=seed)) for seed in (1, 1, 2))
    assert one == again
    assert one != other
    assert [trial.delay_ms for trial in one] != sorted(trial.delay_ms for trial in one)


def test_a_void_trial_is_taken_again():
    calls = []

    def sometimes(delay_ms, power_w, phase_s):
        calls.append(delay_ms)
        void = "stalled" if len(calls) % 3 == 0 else ""
        return Outcome(delay_ms=delay_ms, void=void)

    found = take(sometimes, QualificationPlan(trials=3, delays_ms=[10, 20]))
    assert Counter(one.delay_ms for one in found if not one.void) == {10: 3, 20: 3}
    assert any(one.void for one in found)


def test_too_many_voids_end_it():
    found = take(lambda *given: Outcome(delay_ms=given[0], void="stalled"), QualificationPlan(trials=1, delays_ms=[10]))
    assert len(found) == 21


def test_a_trial_that_breaks_is_void_with_its_reason():
    calls = []

    def breaks_once(*given):
        calls.append(given)
        if len(calls) == 1:
            raise BenchError("bus", "is silent")
        return fine(*given)

    found = take(breaks_once, QualificationPlan(trials=2, delays_ms=[10]))
    assert [one.void for one in found] == ["bus: is silent", "", ""]


def test_a_rig_that_stays_broken_is_an_error():
    calls = []

    def breaks(*given):
        calls.append(given)
        raise BenchError("bus", "is silent")

    with pytest.raises(BenchError, match="is silent"):
        take(breaks, QualificationPlan(trials=20, delays_ms=[10]))
    assert len(calls) == MOST_ERRORS


@pytest.mark.parametrize(
    "bad", [{"trials": 0}, {"delays_ms": []}, {"delays_ms": [-1.0]}, {"delays_ms": [float("nan")]}]
)
def test_an_impossible_plan(bad):
    with pytest.raises(BenchError, match="at least one trial"):
        QualificationPlan(**bad)


def test_the_default_delays_are_dense_around_the_limit_twice():
    assert min(DELAYS_MS) == 5
    assert max(DELAYS_MS) == 60
    for centre in (41.5, 50.0):  # where the current is gone after 50 ms, and where the stop is
        assert sum(abs(delay - centre) <= 2 for delay in DELAYS_MS) >= 5
