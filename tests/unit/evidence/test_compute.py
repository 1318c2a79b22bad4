"""A value recomputed from its evidence is the value; from other evidence it is another."""

import math

import numpy as np
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.evidence.compute import agreement, latency_of, recomputed, recomputed_latency
from v2g_bench.evidence.record import Evidence, Fall, Kind, mean_of, observed, share_of, stated, witnesses
from v2g_bench.metrology.budget import Budget
from v2g_bench.metrology.component import Component, Term
from v2g_bench.metrology.decision import DecisionRule, Limits
from v2g_bench.metrology.verdict import Verdict
from v2g_bench.metrology.waveform import Waveform

T0_S, DT_S = 1000.0, 20e-6
RULE, LIMITS = DecisionRule(), Limits(high=50.0, unit="ms")
PARTS = [Component(Term.CROSSING, "normal", 1.0, 1000.0), Component.rectangular(Term.FRAME_STAMP, 150e-6, 1000.0)]


def parts(samples):
    return [Component.of_samples(Term.REPEATABILITY, samples), Component.rectangular("accuracy", 6.0)]


def mean(samples):
    return mean_of(samples, parts(samples))


def record(latency_s=0.02, *, falls=True, current=8.0):
    t = np.arange(-0.05, 0.1, DT_S)
    off = latency_s + 0.0015 * math.log(0.05)
    wave = np.full(t.shape, current)
    if falls:
        wave = np.where(t < off, current, current * np.exp(-np.clip(t - off, 0, None) / 0.0015))
    wave = wave + np.random.default_rng(3).normal(0, 0.01, t.shape)
    return Waveform(T0_S - 0.05, DT_S, wave)


def latency(components=tuple(PARTS)):
    return Evidence(kind=Kind.LATENCY, fall=Fall(t0_s=T0_S, fraction=0.05), components=list(components))


def test_a_mean_and_its_uncertainty_come_from_the_samples():
    samples = [10.0, 11.0, 12.0, 13.0]
    found = recomputed(mean(samples))
    assert found.value == 11.5
    assert found.uncertainty == Budget("power", "W", parts(samples)).combined()
    wider = mean_of([0.0, 5.0, 20.0, 21.0], parts(samples))
    assert recomputed(wider).uncertainty.expanded > found.uncertainty.expanded


def test_a_share_has_the_uncertainty_of_both():
    one, other = [50.0, 50.2], [100.0, 100.4]
    found = recomputed(share_of(mean(one), mean(other)))
    assert found.value == pytest.approx(50.0, abs=0.01)
    relative = [Budget("p", "W", parts(v)).combined().u / np.mean(v) for v in (one, other)]
    assert found.uncertainty.u == pytest.approx(50.0 * math.hypot(*relative), rel=1e-3)
    assert recomputed(share_of(mean(one), mean([0.0, 0.0]))).value is None


def test_extremes_need_their_waveform():
    wave = Waveform(0.0, 1e-3, np.concatenate([np.full(100, 8.0), np.full(100, 4.0)]) + np.tile([0.001, -0.001], 100))
    kept = [Component(Term.NOISE, "normal", 9.0), Component(Term.ZERO, "normal", 0.01)]
    share = Evidence(kind=Kind.LEAST_SHARE, since_s=0.09, components=kept)
    assert recomputed(share, wave).value == pytest.approx(50.0, abs=0.3)
    assert recomputed(share, wave).uncertainty.u < 1.0, "the noise is that of the waveform, not the one that was kept"
    discharge = recomputed(Evidence(kind=Kind.DISCHARGE, components=kept), wave)
    assert discharge.value == pytest.approx(-4.0, abs=0.01)
    assert discharge.uncertainty.u < 0.02, "as above"
    assert recomputed(Evidence(kind=Kind.CHARGE, components=kept), wave).value == pytest.approx(8.0, abs=0.01)
    with pytest.raises(BenchError, match="there is none"):
        recomputed(share)
    still = Waveform(0.0, 1e-3, np.tile([0.001, -0.001], 100))
    assert recomputed(share, still).why == "no current flowed before the fault"


def test_a_latency_is_that_of_the_waveform():
    found = recomputed_latency(latency(), record())
    assert found.value == pytest.approx(20.0, abs=found.uncertainty.expanded)
    assert found.t1_s == pytest.approx(T0_S + 0.02, abs=1e-4)
    assert 0.17 < found.uncertainty.expanded < 0.25, "the crossing's own u is estimated anew, not the 1 s that was kept"


def test_a_latency_and_its_recomputation_are_one():
    """What is measured goes through the same function; its evidence gives it back to the last bit."""
    wave = record()

    def components(crossing):
        zero = Component.rectangular(Term.DIGITIZER_ZERO, 0.004, abs(1 / crossing.slope_per_s) * 950.0)
        return [Component(Term.CROSSING, "normal", crossing.u_s, 1000.0, crossing.dof), PARTS[1], zero]

    measured = latency_of(Fall(t0_s=T0_S, fraction=0.05), wave, components, "kernel stamp")
    found = recomputed(measured.evidence, wave)
    assert (found.value, found.t1_s) == (measured.value, measured.t1_s)
    assert found.uncertainty.expanded == pytest.approx(measured.uncertainty.expanded, rel=1e-12)
    assert (measured.t0_s, measured.t0_source) == (T0_S, "kernel stamp")


@pytest.mark.parametrize(
    ("how", "verdict"),
    [({"latency_s": 0.06}, "FAIL"), ({"falls": False}, "FAIL"), ({"current": 0.0}, "INCONCLUSIVE"), ({}, "PASS")],
)
def test_the_verdict_of_a_latency_follows_from_its_evidence_alone(how, verdict):
    found = recomputed_latency(latency(), record(**how))
    assert found.judged(RULE, LIMITS).verdict == verdict
    assert bool(found.failed) is (how == {"falls": False})
    assert bool(found.unclear) is (how == {"current": 0.0})


def test_without_components_there_is_no_uncertainty_and_no_verdict():
    found = recomputed_latency(latency([]), record())
    assert found.uncertainty is None
    assert found.judged(RULE, LIMITS).verdict == Verdict.INCONCLUSIVE


def test_witnesses_agree_or_do_not():
    accuracy = [Component.rectangular("accuracy", 10.0)]
    a, near, far = (stated(value, accuracy) for value in (100.0, 105.0, 200.0))
    assert agreement(witnesses({"a": a, "b": near})) == "PASS"
    assert agreement(witnesses({"a": a, "b": far})) == "INCONCLUSIVE"
    assert agreement(witnesses({"a": a, "b": stated(105.0, [])})) == "INCONCLUSIVE", "one has no uncertainty"
    assert agreement(witnesses({"a": a, "b": near, "c": stated(105.0, [])})) == "INCONCLUSIVE", "nor does a third"
    assert agreement(witnesses({"a": a})) == "INCONCLUSIVE"


@pytest.mark.parametrize(
    "evidence", [Evidence(kind=""), Evidence(kind="guess"), observed(), Evidence(kind=Kind.STATED), witnesses({})]
)
def test_what_is_no_value_is_an_error(evidence):
    with pytest.raises(BenchError, match="unknown kind"):
        recomputed(evidence)


@pytest.mark.parametrize("evidence", [Evidence(kind=Kind.LATENCY), observed()])
def test_what_is_no_latency_is_an_error(evidence):
    with pytest.raises(BenchError, match="is no latency's"):
        recomputed_latency(evidence, record())
