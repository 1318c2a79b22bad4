import dataclasses
import shutil

import numpy as np
import pytest

from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.model.run import load
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


def test_what_was_measured_is_confirmed(folder, run):
    assert found(folder, run).ok


@pytest.mark.parametrize(
    ("latencies", "verdict"), [((23.0, 61.0), "FAIL"), ((23.0, float("nan")), "FAIL"), ((49.99,), None)]
)
def test_every_verdict_is_confirmed(kept, tmp_path, latencies, verdict):
    run = kept.kept_run(tmp_path, latencies)
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


def test_silence_begins_with_the_last_frame(kept, tmp_path):
    run = kept.kept_run(tmp_path, silence=True)
    result = found(tmp_path, run)
    assert result.ok
    assert "2 t0 found in the capture" in result.done
    kept._capture(tmp_path, 2, silence=False)
    assert not found(tmp_path, run).ok


def test_a_folder_without_its_database_says_that_t0_was_not_looked_for(folder, run):
    shutil.rmtree(folder / "database")
    assert any("t0 was not looked for" in note for note in found(folder, run).notes)
