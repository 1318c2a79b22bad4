import json
import math

import numpy as np
import pytest

from v2g_bench.audit import MS, Again, T0Again, basis_marks, latency_again, marks_of
from v2g_bench.errors import BenchError
from v2g_bench.metrology.budget import Budget, Component, Uncertainty
from v2g_bench.metrology.verdict import Verdict

T0_S, DT_S = 1000.0, 20e-6


def marks(latency_s=0.02, *, falls=True, current=8.0, **rest):
    t = np.arange(-0.05, 0.1, DT_S)
    off = latency_s + 0.0015 * math.log(0.05)
    wave = np.full(t.shape, current)
    if falls:
        wave = np.where(t < off, current, current * np.exp(-np.clip(t - off, 0, None) / 0.0015))
    wave = wave + np.random.default_rng(3).normal(0, 0.01, t.shape)
    parts = [Component("crossing in the record", "normal", 1.0, MS), Component.rectangular("frame stamp", 150e-6, MS)]
    basis = basis_marks(Budget("time to isolation", "ms", parts), "", 0.05, None)
    return {"samples": wave, "start_s": T0_S - 0.05, "dt_s": DT_S, "unit": "A", "t0_s": T0_S, **basis, **rest}


def test_the_latency_is_that_of_the_waveform():
    again = latency_again(marks())
    assert again.value == pytest.approx(20.0, abs=again.uncertainty.expanded)
    assert again.t1_s == pytest.approx(T0_S + 0.02, abs=1e-4)
    assert 0.17 < again.uncertainty.expanded < 0.25, "the crossing's own u is estimated anew, not the 1 s that was kept"


def test_no_fall_is_a_failure_and_no_current_is_unclear():
    assert latency_again(marks(falls=False)).failed != ""
    assert latency_again(marks(falls=False)).value is None
    assert latency_again(marks(current=0.0)).unclear


def test_without_parts_of_a_budget_there_is_no_uncertainty_and_no_verdict():
    again = latency_again(marks(components="[]"))
    assert again.uncertainty is None
    assert again.verdict("non-binary", 50.0) == Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("value", "verdict"), [(49.0, "PASS"), (49.9, "INCONCLUSIVE"), (51.0, "FAIL"), (None, "INCONCLUSIVE")]
)
def test_the_verdict_is_the_rules(value, verdict):
    assert Again(value, Uncertainty.of(0.1), None).verdict("non-binary", 50.0) == verdict


def test_infinite_degrees_of_freedom_are_kept():
    (part,) = json.loads(basis_marks(Budget("x", "ms", [Component("a", "normal", 1.0)]), "", 0.05, 1.0)["components"])
    assert float(part["dof"]) == math.inf
    assert math.isnan(basis_marks(None, "", 0.05, None)["ripple_hz"])


def test_a_file_without_the_marks_is_refused(tmp_path):
    np.savez(tmp_path / "w.npz", samples=np.zeros(3), t0_s=0.0)
    with pytest.raises(BenchError, match="lacks fraction, ripple_hz, components"):
        marks_of(tmp_path / "w.npz")
    with pytest.raises(BenchError, match="cannot be read"):
        marks_of(tmp_path / "none.npz")


def test_a_database_that_is_none_is_refused(tmp_path):
    (tmp_path / "roles.json").write_text("{}")
    (tmp_path / "bus.dbc").write_text("no database")
    with pytest.raises(BenchError):
        T0Again(tmp_path / "main.blf", tmp_path / "bus.dbc", tmp_path / "roles.json")
