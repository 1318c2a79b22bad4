"""Every version of results.json comes back byte for byte; none may hold a key of another."""

import dataclasses
import json

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.evidence.record import Evidence, Fall, Kind, LogSearch, Shown, Signal, mean_of, witnesses
from v2g_bench.metrology.component import Component
from v2g_bench.reports.model.run import Controller, Measurement, Requirement, Run, TestResult, Trial, dumps, load
from v2g_bench.reports.model.versions import basis_kind

PART = Component("accuracy", "rectangular", 0.5, 2.0, 4, "data sheet", "A")
FALL = Fall(t0_s=1.0, fraction=0.05, shown=Shown(role="soc", op=">=", value=1.0, before={"soc": 2.0}, asked_s=0.5))
FULL = [
    dataclasses.replace(witnesses({"a": mean_of([1, 2], [PART])}), signals=[Signal(role="soc", value=1, at_s=2.0)]),
    Evidence(kind=Kind.LOG, log=LogSearch(pattern="x", file="", searched=[1, 2])),
]


def run(schema, **measurement):
    m = Measurement(name="m", value=1.0, verdict="PASS", **measurement)
    return Run(
        schema=schema,
        title="t",
        started="s",
        complete=True,
        rig="r",
        evidence="emulated",
        clock="real",
        controller=Controller(name="c"),
        requirements=[Requirement(id="A", title="a", tests=[TestResult(nodeid="t", measurements=[m])])],
    )


def latency(schema):
    evidence = Evidence(kind=Kind.LATENCY, fall=FALL, components=[PART]) if schema > 2 else None
    return run(schema, trials=[Trial(index=1, waveform="w.npz", evidence=evidence)])


@pytest.mark.parametrize(
    "made",
    [
        *(run(schema, evidence=evidence) for schema in (3, 4, 5) for evidence in (None, *FULL)),
        latency(3),
        latency(4),
        dataclasses.replace(latency(5), chain="chain 0123456789abcdef record 3 sha256 " + "0" * 64),
        run(2, basis='{"kind": "mean", "parts": [{"dof": "4"}]}'),
        run(2, basis="{"),
        latency(2),
    ],
)
def test_what_is_written_is_read_and_written_again(tmp_path, made):
    path = tmp_path / "results.json"
    path.write_bytes(dumps(made))
    assert load(path) == made
    assert dumps(load(path)) == path.read_bytes()


def first(data):
    return data["requirements"][0]["tests"][0]["measurements"][0]


def test_each_version_has_its_own_keys():
    old, new = (json.loads(dumps(latency(schema))) for schema in (2, 3))
    assert ("basis" in first(old), "evidence" in first(old), "evidence" in first(old)["trials"][0]) == (
        True,
        False,
        False,
    )
    assert ("basis" in first(new), "evidence" in first(new), "evidence" in first(new)["trials"][0]) == (
        False,
        True,
        True,
    )


def test_what_an_older_version_left_untested_stays_inconclusive(tmp_path):
    made = dataclasses.replace(run(3), requirements=[Requirement(id="A", title="a", verdict="INCONCLUSIVE")])
    path = tmp_path / "results.json"
    path.write_bytes(dumps(made))
    assert b"mandatory" not in path.read_bytes()
    assert (load(path).verdict, load(path).requirements[0].mandatory) == ("INCONCLUSIVE", True)


@pytest.mark.parametrize(
    ("schema", "change", "named"),
    [
        (3, lambda data: data["requirements"][0].update(mandatory=True), "unknown key 'mandatory'"),
        (4, lambda data: data["requirements"][0].pop("mandatory"), "mandatory: is missing"),
        (4, lambda data: data.update(chain=""), "unknown key 'chain'"),
        (5, lambda data: data.pop("chain"), "chain: is missing"),
        (2, lambda data: first(data).update(evidence=None), "unknown key 'evidence'"),
        (2, lambda data: first(data)["trials"][0].update(evidence=None), "unknown key 'evidence'"),
        (2, lambda data: first(data).pop("basis"), "basis: is missing"),
        (3, lambda data: first(data).update(basis=""), "unknown key 'basis'"),
        (3, lambda data: first(data).pop("evidence"), "evidence: is missing"),
        (3, lambda data: first(data)["trials"][0]["evidence"].pop("fall"), "evidence.fall: is missing"),
        (
            3,
            lambda data: first(data)["trials"][0]["evidence"]["components"][0].update(distribution="x"),
            "distribution",
        ),
        (3, lambda data: first(data)["trials"][0]["evidence"]["components"][0].update(distribution=[]), "distribution"),
        (3, lambda data: data.update(requirements={"tests": 1}), "requirements"),
        (3, lambda data: data.update(requirements=["x"]), "requirements"),
    ],
)
def test_what_is_of_neither_version_is_refused(tmp_path, schema, change, named):
    data = json.loads(dumps(latency(schema)))
    change(data)
    (tmp_path / "results.json").write_text(json.dumps(data))
    with pytest.raises(BenchError, match=named):
        load(tmp_path / "results.json")


@pytest.mark.parametrize(
    ("of", "key", "value", "message"),
    [
        (
            lambda evidence: evidence["components"][0],
            "u",
            -1.0,
            "components[0].u: -1.0 is not a number from 0, below inf",
        ),
        (lambda evidence: evidence["components"][0], "u", "inf", "components[0].u: 'inf' is not a number"),
        (lambda evidence: evidence["components"][0], "sensitivity", "nan", "components[0].sensitivity: 'nan' is not"),
        (lambda evidence: evidence["components"][0], "dof", 0, "components[0].dof: 0 is not a number above 0"),
        (lambda evidence: evidence["fall"], "fraction", 1.0, "fall.fraction: 1.0 is not a number above 0, below 1"),
        (lambda evidence: evidence["fall"], "ripple_hz", 0, "fall.ripple_hz: 0 is not a number above 0"),
        (lambda evidence: evidence["fall"]["shown"], "tolerance", "inf", "fall.shown.tolerance: 'inf' is not a number"),
        (
            lambda evidence: evidence,
            "log",
            {"pattern": "x", "file": "", "searched": [-1, 2]},
            "log.searched[0]: -1 is not",
        ),
    ],
)
def test_a_number_of_the_evidence_that_cannot_be_is_named(tmp_path, of, key, value, message):
    data = json.loads(dumps(latency(3)))
    of(first(data)["trials"][0]["evidence"])[key] = value
    (tmp_path / "results.json").write_text(json.dumps(data))
    with pytest.raises(BenchError) as refused:
        load(tmp_path / "results.json")
    assert f"measurements[0].trials[0].evidence.{message}" in str(refused.value)


@pytest.mark.parametrize(
    ("measurement", "kind"),
    [
        (Measurement(name="m"), ""),
        (Measurement(name="m", evidence=FULL[0]), "witnesses"),
        (Measurement(name="m", trials=[Trial(index=1, evidence=Evidence(kind=Kind.CHARGE))]), "charge"),
        (Measurement(name="m", trials=[Trial(index=1, t0_s=1.0)]), "latency"),
        (Measurement(name="m", basis='{"kind": "mean"}'), "mean"),
    ],
)
def test_what_a_measurement_was_computed_from(measurement, kind):
    assert measurement.kind == kind


@pytest.mark.parametrize("basis", ["", "{", "[]", "{}", "1"])
def test_a_basis_that_names_no_kind(basis):
    assert basis_kind(basis) == ""
