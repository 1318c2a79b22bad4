import dataclasses
import shutil

import numpy as np
import pytest

from v2g_bench.evidence.record import Evidence, Kind, Shown
from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.model.run import dump, load
from v2g_bench.reports.verify.recheck import recheck


def found(folder, run):
    result = Verification()
    recheck(folder, run, result)
    return result


def with_measurement(run, **changes):
    (requirement,) = run.requirements
    (test,) = requirement.tests
    (measurement,) = test.measurements
    trial = changes.pop("trial", {})
    trials = [dataclasses.replace(measurement.trials[0], **trial), *measurement.trials[1:]]
    measurement = dataclasses.replace(measurement, trials=trials, **changes)
    test = dataclasses.replace(test, verdict="", measurements=[measurement])
    return dataclasses.replace(run, requirements=[dataclasses.replace(requirement, verdict="", tests=[test])])


@pytest.fixture
def run(folder):
    return load(folder / "results.json")


def test_a_run_of_schema_2_is_confirmed_and_its_forgery_found(kept, tmp_path):
    dump(kept.kept_run(tmp_path, schema=2), tmp_path / "results.json")
    run = load(tmp_path / "results.json")
    assert run.requirements[0].tests[0].measurements[0].trials[0].evidence is None
    result = found(tmp_path, run)
    assert result.ok, result.findings
    assert "2 t0 found in the capture" in result.done
    forged = found(tmp_path, with_measurement(run, trial={"value": 22.0}))
    assert any("value: results.json says 22 ms, recomputed 22.99" in one.text for one in forged.findings)


def with_fall(run, **changes):
    """The first trial's evidence with another fall."""
    evidence = run.requirements[0].tests[0].measurements[0].trials[0].evidence
    fall = dataclasses.replace(evidence.fall, **changes)
    return with_measurement(run, trial={"evidence": dataclasses.replace(evidence, fall=fall)})


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"t0_s": 1001.001}, "its evidence 1001.001 s"),
        ({"fraction": 0.1}, "was judged at 0.1, the rig states 0.05"),
        ({"shown": Shown(role="cell_temperature_max", op=">=", value=99.0)}, "no frame in the capture carries"),
    ],
)
def test_evidence_of_something_else_is_found(folder, run, changes, text):
    result = found(folder, with_fall(run, **changes))
    assert any(text in finding.text for finding in result.findings), result.findings


@pytest.mark.parametrize("evidence", [None, Evidence(kind=Kind.OBSERVED), Evidence(kind=Kind.LATENCY)])
def test_a_latency_without_its_evidence_is_found(folder, run, evidence):
    result = found(folder, with_measurement(run, trial={"evidence": evidence}))
    assert any("cannot be recomputed" in finding.text for finding in result.findings), result.findings


def test_what_was_measured_is_confirmed(folder, run):
    assert found(folder, run).ok


@pytest.mark.parametrize("schema", [2, 3])
@pytest.mark.parametrize(
    ("latencies", "verdict"), [((23.0, 61.0), "FAIL"), ((23.0, float("nan")), "FAIL"), ((49.99,), None)]
)
def test_every_verdict_is_confirmed(kept, tmp_path, latencies, verdict, schema):
    run = kept.kept_run(tmp_path, latencies, schema=schema)
    assert run.verdict == (verdict or "INCONCLUSIVE")
    result = found(tmp_path, run)
    assert result.ok, result.findings


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"trial": {"value": 22.0}}, "value: results.json says 22 ms, recomputed 22.99"),
        ({"trial": {"expanded": 0.05}}, "U: results.json says 0.05 ms"),
        ({"trial": {"t1_s": 1001.03}}, "t1: results.json says 30 ms"),
        ({"trial": {"value": None}}, "results.json says None ms, recomputed: 22.99"),
        ({"trial": {"t0_s": 1001.001}}, "results.json says t0 = 1001.001 s"),
        ({"verdict": "FAIL"}, "results.json says FAIL, recomputed: PASS"),
        ({"limit_high": 60.0}, "was recorded against 50 ms and judged against 60 ms"),
        ({"trial": {"waveform": "../x.npz"}}, "must lie inside the run folder"),
    ],
)
def test_what_was_not_measured_is_found(folder, run, changes, text):
    result = found(folder, with_measurement(run, **changes))
    assert any(text in finding.text for finding in result.findings), result.findings


def test_a_fail_called_a_pass_is_found(kept, tmp_path):
    run = with_measurement(kept.kept_run(tmp_path, (61.0,)), verdict="PASS")
    assert any("says PASS, recomputed: FAIL" in finding.text for finding in found(tmp_path, run).findings)


def test_another_threshold_than_the_rig_states_is_found(folder, run):
    changed = dataclasses.replace(run, thresholds=run.thresholds | {"judging.isolation_fraction": "0.1"})
    assert any("was judged at 0.05, the rig states 0.1" in finding.text for finding in found(folder, changed).findings)
    silent = dataclasses.replace(run, thresholds={})
    assert any("by which rule" in finding.text for finding in found(folder, silent).findings)


def test_changed_samples_change_the_verdict(folder, run):
    path = folder / "waveforms/0001.npz"
    with np.load(path) as file:
        marks = {key: file[key] for key in file.files}
    marks["samples"] = np.concatenate([marks["samples"][:500], marks["samples"][:-500]])  # 10 ms later
    np.savez(path, **marks)
    result = found(folder, run)
    assert any("recomputed 32.99" in finding.text for finding in result.findings), result.findings


def test_a_capture_whose_hot_frame_came_earlier_is_found(kept, folder, run, monkeypatch):
    monkeypatch.setattr(kept, "WALL_S", kept.WALL_S - 0.02)
    kept._capture(folder, 2, silence=False)
    result = found(folder, run)
    assert [finding.kind for finding in result.findings] == ["t0", "t0"]
    assert "the first such frame came at 1000.98" in result.findings[0].text


def test_a_capture_without_the_hot_frame_is_found(kept, folder, run, monkeypatch):
    monkeypatch.setattr(kept, "HOT_C", 44.0)
    kept._capture(folder, 2, silence=False)
    assert {finding.text for finding in found(folder, run).findings} == {
        "no frame in the capture carries what was taken as t0"
    }


@pytest.mark.parametrize("schema", [2, 3])
def test_silence_begins_with_the_last_frame(kept, tmp_path, schema):
    run = kept.kept_run(tmp_path, silence=True, schema=schema)
    result = found(tmp_path, run)
    assert result.ok
    assert "2 t0 found in the capture" in result.done
    kept._capture(tmp_path, 2, silence=False)
    assert not found(tmp_path, run).ok


def test_a_folder_without_its_database_says_that_t0_was_not_looked_for(folder, run):
    shutil.rmtree(folder / "database")
    assert any("t0 was not looked for" in note for note in found(folder, run).notes)
