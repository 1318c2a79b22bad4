import pytest

from v2g_bench.evidence.record import Evidence, Fall
from v2g_bench.metrology.budget import Budget
from v2g_bench.metrology.component import Component
from v2g_bench.reports.model.run import Measurement, Trial
from v2g_bench.reports.render.contributions import contributions


def trial(index, *parts, **more):
    expanded = Budget("latency", "ms", list(parts)).combined().expanded
    evidence = Evidence(kind="latency", fall=Fall(t0_s=1.0, fraction=0.05), components=list(parts))
    return Trial(index=index, value=9.0, expanded=expanded, evidence=evidence, **more)


def measured(*trials):
    return Measurement(name="time to isolation", unit="ms", value=9.0, verdict="PASS", trials=list(trials))


def test_each_shutdown_has_the_budget_of_its_own_u():
    first = trial(1, Component("frame stamp", "normal", 3e-6, 1000.0), Component("zero", "normal", 0.002, 2.0))
    second = trial(2, Component("frame stamp", "normal", 6e-6, 1000.0), Component("zero", "normal", 0.004, 2.0))
    table = contributions(measured(first, second))
    assert [column["title"] for column in table["columns"]] == ["Trial", "frame stamp", "zero", "u", "U"]
    assert [row["cells"] for row in table["rows"]] == [
        ["1", "0.003", "0.004", "0.005", "0.01"],
        ["2", "0.006", "0.008", "0.01", "0.02"],
    ]


def test_what_is_combined_is_what_the_trial_states():
    one = trial(1, Component("a", "normal", 0.3), Component("b", "rectangular", 0.4))
    (row,) = contributions(measured(one))["rows"]
    assert 2 * float(row["cells"][-2]) == pytest.approx(float(row["cells"][-1]), rel=0.01)


def test_a_trial_without_a_value_or_evidence_has_none():
    assert contributions(measured(Trial(index=1, value=9.0), Trial(index=2)))["rows"] == []
