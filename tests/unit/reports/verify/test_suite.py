"""Requirements and tests against the run's own list, and against the suite at a commit."""

import dataclasses
import json
import subprocess

import pytest

from v2g_bench.reports.model.foreign import OTHER_TESTS
from v2g_bench.reports.model.run import Requirement, TestResult
from v2g_bench.reports.verify import suite
from v2g_bench.reports.verify.suite import check_suite

from .conftest import result_of

FILE = "tests/conformance/safety/test_hot.py"
MODULE = """
@pytest.mark.req("SAF-01")
def test_hot_cell(bench): ...

@pytest.mark.parametrize("kind", [pytest.param("a", marks=pytest.mark.req("SAF-02"))])
def test_each(bench): ...
"""


found = result_of(check_suite)


@pytest.fixture
def run(kept, tmp_path):
    return kept.kept_run(tmp_path / "run")


def test_a_run_of_its_own_list_fits(run, tmp_path):
    result = found(run, tmp_path / "run")
    assert result.findings == []
    assert "1 requirements and 1 tests against suite.json" in result.done


def test_a_requirement_that_was_taken_out_or_put_in_is_found(run, tmp_path):
    assert "not in results.json" in found(dataclasses.replace(run, requirements=[]), tmp_path / "run").findings[0].text
    more = [*run.requirements, Requirement(id="SAF-09", title="t")]
    assert (
        "and not in suite.json" in found(dataclasses.replace(run, requirements=more), tmp_path / "run").findings[0].text
    )


def test_a_test_that_was_taken_out_is_found_and_one_that_was_left_out_is_not(run, tmp_path):
    (one,) = run.requirements
    other = TestResult(nodeid=f"{FILE}::test_other", verdict="PASS")
    fewer = dataclasses.replace(run, requirements=[dataclasses.replace(one, tests=[other])])
    assert "neither among the tests nor" in found(fewer, tmp_path / "run").findings[0].text
    named = dataclasses.replace(one, tests=[other], left_out=[test.nodeid for test in one.tests])
    assert found(dataclasses.replace(run, requirements=[named]), tmp_path / "run").findings == []


def test_another_wording_is_found(run, tmp_path):
    other = [dataclasses.replace(run.requirements[0], text_sha256="0" * 64)]
    assert "another wording" in found(dataclasses.replace(run, requirements=other), tmp_path / "run").findings[0].text


def test_a_run_without_its_list_is_found_and_an_older_one_is_said_to_have_none(run, tmp_path):
    (tmp_path / "run/suite.json").unlink()
    assert found(run, tmp_path / "run").findings != []
    result = found(dataclasses.replace(run, schema=4), tmp_path / "run")
    assert (result.findings, len(result.impossible)) == ([], 1)


def kept_code(folder, files):
    path = folder / "run/suite.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"files": files}))


@pytest.fixture
def tree(run, kept, tmp_path, monkeypatch):
    """A source tree whose one commit has SAF-01 and SAF-02; gives the run as if it were of that commit."""
    (tmp_path / "tree/tests/conformance/safety/requirements").mkdir(parents=True)
    (tmp_path / "tree" / FILE).write_text(MODULE)
    (tmp_path / "tree/tests/conformance/safety/requirements/SAF-01.md").write_text(kept.WORDING)
    (tmp_path / "tree/tests/conformance/safety/requirements/SAF-02.md").write_text("other")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "suite"]):
        subprocess.run([*git, *words], cwd=tmp_path / "tree", check=True)
    head = subprocess.run(
        [*git, "rev-parse", "HEAD"], cwd=tmp_path / "tree", check=True, capture_output=True, text=True
    )
    monkeypatch.setattr(suite, "TREE", tmp_path / "tree")
    kept_code(tmp_path, {FILE: sha256(MODULE)})
    return dataclasses.replace(run, commit=head.stdout.strip(), schema=4)


def test_a_requirement_that_the_commit_has_is_missed_in_the_results(tree, tmp_path):
    findings = found(tree, tmp_path / "run").findings
    assert [(one.kind, one.where) for one in findings] == [("suite", "suite.json"), ("suite", "SAF-02")]


def test_tests_that_are_not_those_of_the_commit_are_a_deviation(tree, tmp_path):
    other = Requirement(id="SAF-02", title="t", text_sha256=sha256("other"), left_out=[f"{FILE}::test_each"])
    whole = dataclasses.replace(tree, requirements=[*tree.requirements, other])
    kept_code(tmp_path, {"/elsewhere/safety/test_hot.py": sha256("emptied")})
    (finding,) = found(whole, tmp_path / "run").findings
    assert "1 of 1 test files are not there as they ship: safety/test_hot.py" in finding.text
    stated = dataclasses.replace(whole, deviations=[f"{OTHER_TESTS}: 1 of 1"])
    assert found(stated, tmp_path / "run").findings == []


def test_without_a_commit_they_are_held_against_the_suite_here_of_the_same_version(run, tmp_path):
    assert any("test code against the suite of bench" in line for line in found(run, tmp_path / "run").done)
    kept_code(tmp_path, {FILE: sha256("emptied")})
    assert "it differs from what is here" in found(run, tmp_path / "run").impossible[0]
    other = found(dataclasses.replace(run, bench_version="9.9"), tmp_path / "run")
    assert any("is not compared" in note for note in other.notes)


def test_tests_are_compared_with_those_of_the_commit(tree, tmp_path):
    second = Requirement(id="SAF-02", title="t", text_sha256=sha256("other"), left_out=[f"{FILE}::test_each[a]"])
    whole = dataclasses.replace(tree, requirements=[*tree.requirements, second])
    result = found(whole, tmp_path / "run")
    assert result.findings == []
    assert any("2 requirements and 2 tests against commit" in line for line in result.done)
    none = dataclasses.replace(second, left_out=[f"{FILE}::test_other"])
    (finding,) = found(dataclasses.replace(whole, requirements=[*tree.requirements, none]), tmp_path / "run").findings
    assert "test_each" in finding.text


def sha256(text):
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("changes", [{"commit": "f" * 40}, {"commit": ""}, {"commit": "--help"}, {"dirty": True}])
def test_what_cannot_be_compared_is_said(tree, tmp_path, changes):
    result = found(dataclasses.replace(tree, **changes), tmp_path / "run")
    assert result.findings == []
    assert any("not compared" in note for note in result.notes)
