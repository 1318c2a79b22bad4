"""What a run leaves behind, and dangers on the bus that it does not account for."""

import dataclasses
import json

import pytest

from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.verify.records import check_records


def found(run, folder):
    result = Verification()
    check_records(folder, run, result)
    return [(one.kind, one.where) for one in result.findings]


@pytest.fixture
def run(kept, tmp_path):
    return kept.hardware(kept.kept_run(tmp_path), tmp_path)


def faults(folder, change):
    """The events with other faults."""
    path = folder / "events.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        if line["event"] == "faults":
            line["faults"] = change(line["faults"])
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_run_with_all_its_records_fits(run, tmp_path):
    result = Verification()
    check_records(tmp_path, run, result)
    assert result.findings == []
    assert "2 dangers on the bus against 2 injected faults, these against trials" in result.done


@pytest.mark.parametrize(
    "name", ["events.jsonl", "main.blf", "bms.blf", "database/bus.dbc", "exchanges.jsonl", "supervisor.jsonl"]
)
def test_each_record_is_missed(run, tmp_path, name):
    (tmp_path / name).unlink()
    assert ("missing", name) in found(run, tmp_path)


def test_a_run_whose_rig_was_never_opened_has_none(run, tmp_path):
    assert found(dataclasses.replace(run, instruments=[]), tmp_path / "nowhere") == []


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_capture_of_another_time_is_found(run, kept, tmp_path, hours):
    began = kept.BEGUN + kept.timedelta(hours=hours)
    moved = dataclasses.replace(run, started=began.isoformat(), ended=(began + kept.timedelta(minutes=1)).isoformat())
    assert found(moved, tmp_path) == [("capture", "main.blf")]


def test_a_danger_without_a_fault_is_found(run, tmp_path):
    faults(tmp_path, lambda _: [])
    assert found(run, tmp_path) == [("capture", "main.blf")] * 2


def test_a_fault_without_a_trial_and_a_trial_without_a_fault_are_found(run, kept, tmp_path):
    (one,) = run.requirements
    (test,) = one.tests
    fewer = dataclasses.replace(test.measurements[0], trials=test.measurements[0].trials[:1])
    tests = [dataclasses.replace(test, measurements=[fewer])]
    dropped = dataclasses.replace(run, requirements=[dataclasses.replace(one, tests=tests)])
    assert found(dropped, tmp_path) == [("capture", kept.NODE)]
    faults(tmp_path, lambda known: [known[0], {**known[1], "on_bus_s": known[1]["on_bus_s"] + 0.1}])
    assert found(run, tmp_path) == [("capture", kept.NODE)] * 2


def test_a_fault_that_prepares_another_of_its_kind_needs_no_trial(run, tmp_path):
    def nearly(known):
        first = known[0]
        return [{**first, "asked_s": first["asked_s"] - 1, "on_bus_s": first["on_bus_s"] - 0.9}, *known]

    faults(tmp_path, nearly)
    assert found(run, tmp_path) == []


def test_faults_of_a_test_that_is_gone_are_found(run, tmp_path):
    gone = dataclasses.replace(run, requirements=[dataclasses.replace(run.requirements[0], tests=[])])
    assert ("capture", "events.jsonl") in found(gone, tmp_path)


def test_an_older_run_did_not_record_its_faults(run, tmp_path):
    faults(tmp_path, lambda _: [])
    result = Verification()
    check_records(tmp_path, dataclasses.replace(run, schema=4), result)
    assert (result.findings, len(result.impossible)) == ([], 1)
