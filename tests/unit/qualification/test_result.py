"""Results are kept, and count for a day, one rig file, one machine and one version."""

import dataclasses
import json
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.qualification.result import QualificationResult, fresh, read, rig_hash, this_bench
from v2g_bench.qualification.score import Outcome, score
from v2g_bench.reports.model.run import Qualification
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.file.state_folder import state_folder

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TIMESTAMPS = "kernel stamp"


@pytest.fixture
def loaded():
    return load_rig("virtual")


@pytest.fixture
def result(loaded):
    found = [
        Outcome(delay_ms=40, measured_ms=48.1, expanded_ms=0.2, verdict="PASS", true_ms=48.0),
        Outcome(delay_ms=60, measured_ms=68.1, expanded_ms=0.2, verdict="FAIL", true_ms=68.0),
        Outcome(delay_ms=60, void="processor 0: stood still"),
    ]
    return QualificationResult.of(
        score(found, 2),
        rig="virtual",
        rig_sha256=rig_hash(loaded),
        date=(NOW - timedelta(hours=3)).isoformat(),
        duration_s=3.0,
        seed=7,
        stamps=TIMESTAMPS,
        truth="the plant",
        bench=this_bench(),
        floor=("echo: 0.1 ms",),
        outcomes=tuple(found),
    )


def ask(loaded, tmp_path, **more):
    return fresh(loaded, NOW, folder=tmp_path, **more)


def test_what_is_saved_is_read_again(result, tmp_path):
    assert read(result.save(tmp_path)) == result
    assert [path.name for path in tmp_path.iterdir()] == ["virtual.json"]


def test_numbers_as_numpy_computes_them_are_kept_and_what_is_none_is_null(result, tmp_path):
    computed = Outcome(delay_ms=np.float64(40.5), measured_ms=np.float32(48.5), true_ms=math.nan, expanded_ms=math.inf)
    path = dataclasses.replace(result, seed=np.int64(7), outcomes=(computed,)).save(tmp_path)
    data = json.loads(path.read_text(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert data["seed"] == 7
    (outcome,) = read(path).outcomes
    assert (outcome.delay_ms, outcome.measured_ms, outcome.true_ms, outcome.expanded_ms) == (40.5, 48.5, None, None)


def test_what_has_no_plain_form_is_an_error_and_leaves_the_last_one(result, tmp_path):
    path = result.save(tmp_path)
    with pytest.raises(TypeError, match="object"):
        dataclasses.replace(result, seed=object()).save(tmp_path)
    assert read(path) == result


def test_a_fresh_one_counts(loaded, result, tmp_path):
    result.save(tmp_path)
    assert ask(loaded, tmp_path) == result
    assert ask(loaded, tmp_path, stamps=TIMESTAMPS) == result


def test_the_report_takes_it(result):
    kept = Qualification(**result.for_report())
    assert kept.verdict == "PASS"
    assert kept.rows[-1]["delay of the responder"] == "all"
    assert "echo: 0.1 ms" in kept.text


def test_none_yet(loaded, tmp_path):
    reported = ask(loaded, tmp_path)
    assert "has not been qualified" in reported
    assert "v2g-bench qualify --rig=virtual" in reported


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"date": (NOW - timedelta(hours=25)).isoformat()}, "25.0 h old"),
        ({"date": (NOW + timedelta(hours=1)).isoformat()}, "after now"),
        ({"rig_sha256": "0" * 64}, "another rig file"),
        ({"bench": {"version": "0.0.1", "machine": this_bench()["machine"]}}, "version 0.0.1"),
        ({"bench": {"version": this_bench()["version"], "machine": "elsewhere"}}, "another machine: elsewhere"),
        ({"verdict": "FAIL", "text": "U is up to 3 ms"}, "ended FAIL: U is up to 3 ms"),
        ({"verdict": "INCONCLUSIVE"}, "ended INCONCLUSIVE"),
    ],
)
def test_what_no_longer_counts(loaded, result, tmp_path, change, message):
    dataclasses.replace(result, **change).save(tmp_path)
    assert message in ask(loaded, tmp_path)


def test_other_stamps_do_not_count(loaded, result, tmp_path):
    result.save(tmp_path)
    assert "other timestamps" in ask(loaded, tmp_path, stamps="SocketCAN")


def test_the_age_is_the_callers_to_choose(loaded, result, tmp_path):
    result.save(tmp_path)
    assert "3.0 h old" in ask(loaded, tmp_path, max_age_h=2)


@pytest.mark.parametrize("spoil", ["{", "[]", '{"schema": 99}', "{}"])
def test_a_broken_file_is_no_qualification(loaded, result, tmp_path, spoil):
    result.save(tmp_path).write_text(spoil)
    assert "virtual.json" in ask(loaded, tmp_path)


@pytest.mark.parametrize(
    ("key", "value"), [("verdict", "GOOD"), ("date", "yesterday"), ("date", "2026-11-22T12:00:00")]
)
def test_a_field_that_cannot_be(result, tmp_path, key, value):
    path = result.save(tmp_path)
    data = json.loads(path.read_text()) | {key: value}
    path.write_text(json.dumps(data))
    with pytest.raises(BenchError, match="is not a qualification"):
        read(path)


def test_a_disk_that_refuses(result, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="cannot be written"):
        result.save(tmp_path / "file")


def test_where_it_lies(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_folder() == tmp_path / "v2g-bench" / "qualification"
    monkeypatch.delenv("XDG_STATE_HOME")
    assert state_folder().parts[-4:-1] == (".local", "state", "v2g-bench")
