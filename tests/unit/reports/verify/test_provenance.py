"""Where a run comes from, against its events, its phases, its log and the instruments' answers."""

import dataclasses
import json

import pytest

from v2g_bench.metrology.trials import draw_key, phase_of_trial
from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.model.run import Drawn
from v2g_bench.reports.verify.provenance import check_provenance

from .conftest import texts_of

found = texts_of(check_provenance)


@pytest.fixture
def run(real):
    return real


@pytest.fixture
def phased(run):
    """The same with the phases that its seed gives, and what its trials drew."""
    (one,) = run.requirements
    (test,) = one.tests
    key = draw_key(run.seed, test.nodeid)
    trials = [dataclasses.replace(t, phase_s=phase_of_trial(key, t.index, 1)) for t in test.measurements[0].trials]
    drawn = [Drawn(index=trial.index) for trial in trials]
    return with_test(run, measurements=[dataclasses.replace(test.measurements[0], trials=trials)], drawn=drawn)


def with_test(run, **changes):
    (one,) = run.requirements
    test = dataclasses.replace(one.tests[0], **changes)
    return dataclasses.replace(run, requirements=[dataclasses.replace(one, tests=[test])])


def test_what_stands_everywhere_alike_fits(run, phased, tmp_path):
    assert found(run, tmp_path) == found(phased, tmp_path) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"commit": "0" * 40},
        {"bench_version": "9"},
        {"lock_sha256": "0"},
        {"seed": 5},
        {"rig": "other"},
        {"host": {"host": "other"}},
        {"instruments": []},
    ],
)
def test_what_the_events_state_otherwise_is_found(run, tmp_path, changes):
    assert found(dataclasses.replace(run, **changes), tmp_path) != []


def test_a_tree_that_was_changed_meanwhile_is_worse_and_one_that_was_changed_stays_so(run, kept, tmp_path):
    assert found(dataclasses.replace(run, dirty=True), tmp_path) == []
    path = tmp_path / "events.jsonl"
    path.write_text(path.read_text().replace('"dirty": false', '"dirty": true'))
    assert found(run, tmp_path) == ["dirty is True, by results.json False"]


def test_the_seed_is_the_one_of_the_phases(phased, tmp_path):
    other = dataclasses.replace(phased, seed=5)
    assert sum("by seed 5 it is" in text for text in found(other, tmp_path)) == 2


def test_trials_that_were_dropped_and_renumbered_have_other_phases(phased, tmp_path):
    (test,) = phased.requirements[0].tests
    rest = dataclasses.replace(test.measurements[0].trials[1], index=1)
    fewer = dataclasses.replace(test.measurements[0], trials=[rest])
    assert any("has a phase of" in text for text in found(with_test(phased, measurements=[fewer]), tmp_path))
    first = dataclasses.replace(test.measurements[0], trials=test.measurements[0].trials[:1])
    assert found(with_test(phased, measurements=[first]), tmp_path) == ["was drawn or judged, and not both"]


def test_another_version_in_the_log_is_found(run, tmp_path):
    (tmp_path / "v2g-main.log").write_text(f"INFO - {run.controller.name} 2.0 started\n")
    assert found(run, tmp_path) == [f"names {run.controller.name} 2.0, results.json 1.0"]


def test_an_instrument_that_never_answered_is_found(run, tmp_path):
    (tmp_path / "exchanges.jsonl").write_text("")
    assert len(found(run, tmp_path)) == 3


@pytest.mark.parametrize("event", ["mark", "deviation"])
def test_a_mark_or_deviation_that_is_gone_from_the_results_is_found(run, tmp_path, event):
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write(json.dumps({"event": event, "text": "something"}) + "\n")
    assert found(run, tmp_path) == [f"has a {event} that results.json lacks: something"]


def test_a_trial_that_was_called_void_is_found(run, kept, tmp_path):
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write(
            json.dumps({"event": "trial", "test": kept.NODE, "index": 1, "attempt": 1, "void": "stalled"}) + "\n"
        )
    assert "void: stalled; results.json has none" in found(run, tmp_path)[0]


def test_an_older_run_recorded_none_of_it(run, tmp_path):
    result = Verification()
    check_provenance(tmp_path, dataclasses.replace(run, schema=4, commit="x"), result)
    assert (result.findings, len(result.impossible)) == ([], 1)
