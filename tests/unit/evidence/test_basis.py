"""A value said again from its basis is the value; from another basis it is another."""

import json
import math

import numpy as np
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.evidence.basis import (
    REPEATABILITY,
    again,
    conformity,
    decided,
    mean_of,
    of_waveform,
    share_of,
    stated,
    witnesses_again,
)
from v2g_bench.metrology.budget import Budget, Component
from v2g_bench.metrology.decision import DecisionRule
from v2g_bench.metrology.waveform import Waveform


def power(samples):
    parts = [Component.of_samples(REPEATABILITY, samples), Component.rectangular("accuracy", 6.0)]
    return Budget("power", "W", parts)


def kept(basis):
    """As a run keeps it: through JSON."""
    return json.loads(json.dumps(basis))


def test_a_mean_and_its_uncertainty_come_from_the_samples():
    samples = [10.0, 11.0, 12.0, 13.0]
    found = again(kept(mean_of(samples, power(samples))))
    assert found.value == 11.5
    assert found.uncertainty == power(samples).combined()
    wider = kept(mean_of(samples, power(samples))) | {"samples": [0.0, 5.0, 20.0, 21.0]}
    assert again(wider).uncertainty.expanded > found.uncertainty.expanded


def test_a_share_has_the_uncertainty_of_both():
    one, other = [50.0, 50.2], [100.0, 100.4]
    found = again(kept(share_of(mean_of(one, power(one)), mean_of(other, power(other)))))
    assert found.value == pytest.approx(50.0, abs=0.01)
    relative = [power(v).combined().u / np.mean(v) for v in (one, other)]
    assert found.uncertainty.u == pytest.approx(50.0 * math.hypot(*relative), rel=1e-3)
    nothing = mean_of([0.0, 0.0], power([0.0, 0.0]))
    assert again(share_of(mean_of(one, power(one)), nothing)).value is None


def test_extremes_need_their_waveform():
    wave = Waveform(0.0, 1e-3, np.concatenate([np.full(100, 8.0), np.full(100, 4.0)]) + np.tile([0.001, -0.001], 100))
    budget = Budget("x", "%", [Component("noise of the mean", "normal", 9.0), Component("zero offset", "normal", 0.01)])
    share = kept(of_waveform("least share", budget, since_s=0.09))
    assert again(share, wave).value == pytest.approx(50.0, abs=0.3)
    assert again(share, wave).uncertainty.u < 1.0, "the noise is that of the waveform, not the one that was kept"
    flowing = kept(of_waveform("discharge", budget))
    assert again(flowing, wave).value == pytest.approx(-4.0, abs=0.01)
    with pytest.raises(BenchError, match="there is none"):
        again(share)
    still = Waveform(0.0, 1e-3, np.tile([0.001, -0.001], 100))
    assert again(share, still).unclear == "no current flowed before the fault"


def test_witnesses_agree_or_do_not():
    budget = Budget("x", "W", [Component.rectangular("accuracy", 10.0)])
    assert witnesses_again({"a": stated(100.0, budget), "b": stated(105.0, budget)}, "W") == "PASS"
    assert witnesses_again({"a": stated(100.0, budget), "b": stated(200.0, budget)}, "W") == "INCONCLUSIVE"


def test_what_is_decided_is_what_the_rule_decides():
    samples = [10.0, 11.0, 12.0, 13.0]
    found = again(mean_of(samples, power(samples)))
    decision = DecisionRule().decide(found.value, found.uncertainty, 50.0, None)
    assert found.verdict("non-binary", 50.0) == decision.verdict
    assert conformity(found, 50.0, None) == decision.p_conform
    u = found.uncertainty
    assert decided(found.value, u.expanded, u.k, "non-binary", 50.0, None) == decision.verdict


@pytest.mark.parametrize("basis", [{}, {"kind": "guess"}])
def test_an_unknown_kind_is_an_error(basis):
    with pytest.raises(BenchError, match="unknown kind"):
        again(basis)
