"""A qualification of this rig, bench, machine and day; and one that is not."""

import dataclasses
import json

import pytest

from v2g_bench.reports.verify.qualification import check_qualification

from .conftest import texts_of

NAME = "qualification/bench.json"
found = texts_of(check_qualification)


@pytest.fixture
def run(real):
    return real


def test_its_own_fits(run, tmp_path):
    assert found(run, tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rig_sha256": "0" * 64}, "of another rig file"),
        ({"bench": {"version": "0", "commit": "", "machine": "host, Linux 6, x86_64, 2 CPUs"}}, "version 0"),
        ({"bench": {"version": "0.1.0", "commit": "", "machine": "other"}}, "of the machine 'other'"),
        ({"stamps": "other"}, "stamped by 'other'"),
        ({"date": "2026-01-01T00:00:00+00:00"}, "before the run"),
        ({"rows": []}, "does not follow from its 2 trials"),
        ({"outcomes": []}, "does not follow from its 0 trials"),
        ({"text": "other"}, "another text"),
        ({"outcomes": 1}, "is no qualification"),
    ],
)
def test_another_one_is_found(run, tmp_path, changes, said):
    path = tmp_path / NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    assert any(said in text for text in found(run, tmp_path)), found(run, tmp_path)


def test_a_pass_that_its_trials_do_not_give_is_found(run, tmp_path):
    path = tmp_path / NAME
    kept = json.loads(path.read_text())
    kept["outcomes"][0]["verdict"] = "FAIL"
    path.write_text(json.dumps(kept))
    assert any("says PASS; by its trials it is FAIL" in text for text in found(run, tmp_path))


def test_one_that_is_quoted_and_not_here_or_here_and_not_quoted_is_found(run, tmp_path):
    assert "not qualified" in found(dataclasses.replace(run, qualification=None), tmp_path)[0]
    (tmp_path / NAME).unlink()
    assert "not here" in found(run, tmp_path)[0]
    assert found(dataclasses.replace(run, qualification=None), tmp_path) == []
