"""What runs of schema 2 kept is read as the evidence that a run keeps today."""

import dataclasses
import json
import math

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.evidence.record import Evidence, Fall, Kind, LogSearch, Shown, Signal, mean_of, share_of, witnesses
from v2g_bench.evidence.schema2 import evidence_of, evidence_of_marks
from v2g_bench.metrology.component import Component, Term

PART = {
    "name": "repeatability",
    "distribution": "normal",
    "u": 0.5,
    "sensitivity": 1.0,
    "dof": "4",
    "source": "5 readings",
    "unit": "",
}
MEAN = {"kind": "mean", "samples": [1.0, 2.0], "parts": [PART]}
COMPONENT = Component(Term.REPEATABILITY, "normal", 0.5, 1.0, 4.0, "5 readings")
EXPECTED = {"role": "soc", "op": ">=", "value": 60.0, "tolerance": 0.25, "minus": "", "change": False}
MARKS = {
    "t0_s": 1001.0,
    "fraction": 0.05,
    "ripple_hz": 2e4,
    "components": json.dumps([PART | {"dof": "inf"}]),
    "t0_shown": json.dumps({**EXPECTED, "before": {"soc": 50.0}, "asked_s": 1000.9}),
    "wall_minus_bench_s": 1.79e9,
}


@pytest.mark.parametrize(
    ("basis", "evidence"),
    [
        (MEAN, mean_of([1.0, 2.0], [COMPONENT])),
        ({"kind": "share", "value": MEAN, "reference": MEAN}, share_of(*[mean_of([1.0, 2.0], [COMPONENT])] * 2)),
        (
            {"kind": "witnesses", "unit": "W", "values": {"a": MEAN, "b": {"kind": "stated", "value": 3, "parts": []}}},
            witnesses({"a": mean_of([1.0, 2.0], [COMPONENT]), "b": Evidence(kind=Kind.STATED, value=3.0)}),
        ),
        (
            {"kind": "least share", "since_s": 1.5, "parts": [PART]},
            Evidence(kind=Kind.LEAST_SHARE, since_s=1.5, components=[COMPONENT]),
        ),
        (
            {"kind": "log", "pattern": "x", "file": "y.log", "searched": [3, 9]},
            Evidence(kind=Kind.LOG, log=LogSearch(pattern="x", file="y.log", searched=[3, 9])),
        ),
        (
            {"kind": "observed", "signals": [["soc", 50.0, 7.5]], "wall_minus_bench_s": 9.0},
            Evidence(kind=Kind.OBSERVED, signals=[Signal(role="soc", value=50.0, at_s=7.5)], wall_minus_bench_s=9.0),
        ),
    ],
)
def test_a_basis_is_evidence(basis, evidence):
    assert evidence_of(json.dumps(basis)) == evidence


def test_no_basis_is_no_evidence():
    assert evidence_of("") is None


@pytest.mark.parametrize(
    "basis", ["{", '{"kind": "share"}', '{"kind": "mean", "parts": [{"name": "x"}]}', '{"kind": "log"}']
)
def test_a_damaged_basis_is_an_error(basis):
    with pytest.raises((ValueError, KeyError, TypeError)):
        evidence_of(basis)


def test_marks_are_a_latencys_evidence():
    shown = Shown(role="soc", op=">=", value=60.0, tolerance=0.25, before={"soc": 50.0}, asked_s=1000.9)
    fall = Fall(t0_s=1001.0, fraction=0.05, ripple_hz=2e4, shown=shown)
    part = dataclasses.replace(COMPONENT, dof=math.inf)
    assert evidence_of_marks(MARKS, "w.npz") == Evidence(
        kind=Kind.LATENCY, fall=fall, components=[part], wall_minus_bench_s=1.79e9
    )


@pytest.mark.parametrize(("shown", "found"), [("", None), ("{}", None), ('{"silence": true}', Shown(silence=True))])
def test_what_no_frame_shows(shown, found):
    evidence = evidence_of_marks(MARKS | {"t0_shown": shown, "ripple_hz": math.nan}, "w.npz")
    assert evidence.fall.shown == found
    assert evidence.fall.ripple_hz is None


def test_marks_that_lack_something_are_refused():
    with pytest.raises(BenchError, match=r"w.npz: lacks fraction, ripple_hz, components"):
        evidence_of_marks({"t0_s": 0.0, "samples": []}, "w.npz")
