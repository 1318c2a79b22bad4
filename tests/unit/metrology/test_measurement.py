import json
import math

import numpy as np
import pytest

from v2g_bench.metrology.budget import Budget, Component, Uncertainty
from v2g_bench.metrology.decision import DecisionRule
from v2g_bench.metrology.measurement import Measurement, Trial, as_plain
from v2g_bench.metrology.verdict import Verdict


def test_plain_form_is_json_and_complete():
    budget = Budget("latency", "ms", [Component.rectangular("stamp", 0.03), Component("x", "normal", 0.1, dof=9)])
    one = Trial(0, 0, 0.013, 23.4, budget.combined(), details={"samples": np.array([1.0, math.nan]), "n": np.int64(3)})
    void = Trial(0, 1, 0.02, 80.0, void_reason="the machine stood still")
    taken = Measurement("SAF-01", "latency", 23.4, "ms", budget.combined(), upper=50, trials=[one, void], budget=budget)
    plain = json.loads(json.dumps(taken.judged(DecisionRule()).to_dict(), allow_nan=False))
    assert plain["verdict"] == "PASS"
    assert plain["trials"][1]["void_reason"] == "the machine stood still"
    assert plain["trials"][0]["details"] == {"samples": [1.0, None], "n": 3}
    assert [row["name"] for row in plain["budget"]["rows"]] == ["stamp", "x", "combined"]
    assert plain["decision"]["limit_text"] == "<= 50 ms"


def test_without_a_decision_it_is_no_pass():
    assert Measurement("m", "q", 1.0, "s").verdict == Verdict.INCONCLUSIVE
    assert Measurement("m", "q", None, "s", Uncertainty.of(1.0), upper=5).judged(DecisionRule()).verdict == (
        Verdict.INCONCLUSIVE
    )


def test_the_worst_valid_trial_counts_and_a_void_one_does_not():
    good = Measurement("m", "q", 1.0, "s", Uncertainty.of(0.1), upper=5)
    failed = Trial(0, 0, 0.0, 9.0, verdict=Verdict.FAIL)
    void = Trial(0, 0, 0.0, 9.0, verdict=Verdict.FAIL, void_reason="stalled")
    kept = Measurement("m", "q", 1.0, "s", Uncertainty.of(0.1), upper=5, trials=[failed])
    assert kept.judged(DecisionRule()).verdict == Verdict.FAIL
    ignored = Measurement("m", "q", 1.0, "s", Uncertainty.of(0.1), upper=5, trials=[void])
    assert ignored.judged(DecisionRule()).verdict == good.judged(DecisionRule()).verdict == Verdict.PASS


def test_what_has_no_plain_form_is_an_error():
    with pytest.raises(TypeError, match="object"):
        as_plain(object())
