"""What changed between two runs, and whose doing it can have been."""

import dataclasses

import pytest

from v2g_bench.commands.main import main
from v2g_bench.errors import BenchError
from v2g_bench.reports.history.changes import changes
from v2g_bench.reports.history.index import History
from v2g_bench.reports.model.run import Controller, dump


@pytest.fixture
def reported(nights, tmp_path):
    """The changes between night 0 and night 1, after `change(run)` of the second."""

    def reported(change, within=30):
        first, second = nights.night(0), change(nights.night(1))
        for number, run in enumerate((first, second)):
            path = tmp_path / f"night-{number:03d}"
            path.mkdir()
            dump(run, path / "results.json")
        with History(tmp_path) as history:
            history.refresh()
            return changes(history, "bench-3", within)[0]

    return reported


def with_verdict(run, verdict, place=2):
    tests = [dataclasses.replace(run.requirements[place].tests[0], verdict=verdict, measurements=[], reason="because")]
    changed = dataclasses.replace(run.requirements[place], verdict="", tests=tests)
    return dataclasses.replace(run, requirements=[*run.requirements[:place], changed, *run.requirements[place + 1 :]])


def test_nothing_changed_is_nothing(reported):
    assert reported(lambda run: run) == []


def test_a_failure_at_the_same_version_is_a_flip(reported):
    found = [change for change in reported(lambda run: with_verdict(run, "FAIL")) if change.kind != "alarm"]
    assert [(one.kind, one.requirement, one.before, one.now, one.reason) for one in found] == [
        ("flip", "SAF-03", "PASS", "FAIL", "because")
    ]
    assert str(found[0]) == "flip      SAF-03    test_held: PASS -> FAIL  (because)"


def test_a_failure_of_a_new_version_is_the_versions(reported):
    def change(run):
        return dataclasses.replace(with_verdict(run, "FAIL"), controller=Controller(name="ems", version="2.0"))

    assert [one.kind for one in reported(change)] == ["version"]


@pytest.mark.parametrize("verdict", ["ERROR", "INCONCLUSIVE"])
def test_a_sick_rig_says_nothing_of_the_controller(reported, verdict):
    assert [(one.kind, one.now) for one in reported(lambda run: with_verdict(run, verdict))] == [("rig", verdict)]


def test_a_test_that_was_not_run_is_told(reported):
    found = reported(lambda run: dataclasses.replace(run, requirements=run.requirements[:2]))
    assert [(one.kind, one.before, one.now) for one in found] == [("suite", "PASS", "not run")]


def test_a_drift_is_told_once_and_before_the_limit(nights, tmp_path):
    """Every night from the eighth on could alarm; the first that does tells it, and it is not told every night."""
    alarmed = []
    with History(tmp_path) as history:
        for number in range(nights.NIGHTS):
            nights.write_nights(tmp_path, number, number + 1)
            history.refresh()
            found = changes(history, "bench-3", 30)[0]
            alarmed += [(number, str(one)) for one in found if "drifts" in one.now]
    assert len(alarmed) <= 2, alarmed  # of each version of the controller
    assert "SAF-01" in alarmed[-1][1]
    last = nights.night(alarmed[-1][0]).requirements[0].tests[0].measurements[0]
    assert last.verdict == "PASS"
    assert last.value < 40.0, "the alarm came when a third of the margin was left"


def test_since_another_run(nights, tmp_path, capsys):
    nights.write_nights(tmp_path, 28, 32)
    asked = ["history", "--reports", str(tmp_path), "--changes"]
    assert main(asked) == 0
    assert main([*asked, "--since", "night-029"]) == 1
    reported = capsys.readouterr().out
    assert "night-029 PASS -> night-031 FAIL" in reported
    assert "flip      SAF-03    test_held: PASS -> FAIL  (it tripped)" in reported
    assert main([*asked, "--since", "nowhere"]) == 2


def test_a_first_run_has_nothing_before_it_and_an_unknown_rig_is_an_error(nights, tmp_path, capsys):
    nights.write_nights(tmp_path, 0, 1)
    assert main(["history", "--reports", str(tmp_path), "--changes"]) == 0
    assert "there is no run before" in capsys.readouterr().out
    with History(tmp_path) as history, pytest.raises(BenchError, match="there is no run of it"):
        changes(history, "other", 30)
