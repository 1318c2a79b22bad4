"""The chain that a run wrote against its results, its files and the heads that it published."""

import dataclasses
import hashlib
import json

import pytest

from v2g_bench.reports.model.chain import EVENTS, NO_END, Head, heads_in, link, published, read_chain
from v2g_bench.reports.model.digest import run_digest
from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.model.run import dump
from v2g_bench.reports.verify.chain import check_chain
from v2g_bench.reports.verify.run_folder import verify
from v2g_bench.reports.write import write_report


@pytest.fixture
def run(kept, tmp_path):
    """A run with its chain; its folder is tmp_path."""
    run = kept.kept_run(tmp_path)
    (tmp_path / "v2g-main.log").write_text("a line\n")
    (tmp_path / "state").mkdir()
    (tmp_path / "state/audit.jsonl").write_text("an entry\n")
    return kept.chained(run, tmp_path)


@pytest.fixture
def check(tmp_path):
    """What is found in the chain of tmp_path, as texts."""

    def check(run, log=None):
        check.result = Verification()
        check_chain(tmp_path, run, check.result, log)
        assert {found.kind for found in check.result.findings} <= {"chain"}
        return [f"{found.where}: {found.text}" for found in check.result.findings]

    return check


@pytest.fixture
def records(tmp_path, run):
    return read_chain((tmp_path / EVENTS).read_bytes()).records


def write(folder, records):
    """A chain of these records, made anew by who can write the folder."""
    head, content = Head(), b""
    for record in records:
        line, head = link(head, {key: value for key, value in record.items() if key not in ("n", "before")})
        content += line
    (folder / EVENTS).write_bytes(content)
    return head


def test_a_whole_run_fits(run, check, tmp_path):
    assert check(run) == []
    write_report(run, tmp_path)
    result = verify(tmp_path)
    assert result.ok, result.findings
    assert "9 records of events.jsonl, each with the hash of the one before it, up to None (run ended)" in result.done
    assert {"1 results of tests against the chain", "2 trials against the chain"} <= set(result.done)
    assert result.impossible == []


def test_an_older_run_says_which_check_its_format_does_not_allow(kept, tmp_path, check):
    run = kept.kept_run(tmp_path, schema=3)
    (tmp_path / EVENTS).write_text('{"at": "2026", "event": "run started"}\n')
    for _ in range(2):
        assert check(run) == []
        assert check.result.impossible == [
            "whether something was cut out while the run went on: results of version 3 have no chain of records"
        ]
        (tmp_path / EVENTS).unlink(missing_ok=True)


def test_a_chain_that_was_taken_away_is_missed(run, check, tmp_path, records):
    path = tmp_path / EVENTS
    plain = [{key: value for key, value in one.items() if key not in ("n", "before")} for one in records]
    path.write_text("".join(json.dumps(one) + "\n" for one in plain))
    assert check(run) == ["events.jsonl: is no chain, and the run has written one"]
    path.write_text("")
    assert check(run) == ["events.jsonl: holds no whole record"]
    path.unlink()
    assert check(run) == ["events.jsonl: is not here"]


def test_lines_cut_out_swapped_changed_or_put_in_break_it(run, check, tmp_path):
    path = tmp_path / EVENTS
    lines = path.read_bytes().splitlines(keepends=True)
    for changed in (
        lines[:2] + lines[3:],
        [*lines[:2], lines[3], lines[2], *lines[4:]],
        [*lines[:2], lines[2].replace(b'"index": 2', b'"index": 3'), *lines[3:]],
        [*lines[:3], lines[2], *lines[3:]],
    ):
        path.write_bytes(b"".join(changed))
        (found,) = check(run)
        assert "; whole up to record " in found


def test_a_record_behind_the_end_and_an_end_that_is_missing(run, check, tmp_path, records):
    path = tmp_path / EVENTS
    whole = path.read_bytes()
    late = {
        "bench_s": 9.0,
        "event": "trial",
        **{key: records[2][key] for key in ("test", "index", "attempt", "sha256")},
    }
    path.write_bytes(whole + link(read_chain(whole).heads[-1], late)[0])
    assert any("goes on behind the end of the run, record 9" in found for found in check(run))
    path.write_bytes(whole + b'{"n": 7')
    assert check(run) == ["events.jsonl: goes on behind the end of the run, record 9"]
    for cut in (1, len(whole.splitlines()[-1]), len(whole.splitlines()[-1]) + 1):
        path.write_bytes(whole[:-cut])
        assert check(run) == ["events.jsonl: the end of the run is missing: nothing is behind record 8"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 99}, "does not begin with the begin of the run"),
        ({"commit": "0" * 40}, "is not what the run ended with, by the chain: sha256"),
        ({"exit_status": 1}, "by the chain: verdict, exit_status, sha256"),
        ({"chain": ""}, "states 'no head'"),
        ({"chain": published(Head(5, "0" * 64), Head(1, "0" * 64))}, "which is no head of the chain in events.jsonl"),
    ],
)
def test_results_that_were_changed_are_found(run, check, change, named):
    assert any(named in found for found in check(dataclasses.replace(run, **change)))


def trials_of(run, change):
    (one,) = run.requirements
    (test,) = one.tests
    (found, *others) = test.measurements
    changed = dataclasses.replace(found, trials=change(found.trials))
    test = dataclasses.replace(test, measurements=[changed, *others])
    return dataclasses.replace(run, requirements=[dataclasses.replace(one, tests=[test])])


def test_trials_and_tests_that_were_dropped_changed_or_put_in_are_found(run, check):
    found = check(trials_of(run, lambda trials: trials[:1]))
    assert any("trial 2.1: was recorded, and is not in the results" in one for one in found)
    assert any("its result is not the one that it ended with" in one for one in found)
    found = check(trials_of(run, lambda trials: [dataclasses.replace(trials[0], value=1.0), trials[1]]))
    assert any("trial 1.1: is not a trial that the run has recorded" in one for one in found)
    found = check(trials_of(run, lambda trials: [*trials, dataclasses.replace(trials[0], index=3)]))
    assert any("trial 3.1: is not a trial that the run has recorded" in one for one in found)
    (one,) = run.requirements
    found = check(dataclasses.replace(run, requirements=[dataclasses.replace(one, tests=[])]))
    assert any(f"{one.tests[0].nodeid}: has ended by the chain, and is not in the results" in each for each in found)


def test_a_trial_that_the_test_set_aside_stands_in_the_chain_alone(run, check, tmp_path, records):
    aside = {"event": "trial", "bench_s": 1.5, "test": records[1]["test"], "index": 1, "attempt": 1, "sha256": "a" * 64}
    for named in (True, False):
        records[3]["set_aside"] = ["a" * 64] * named
        run = dataclasses.replace(run, chain="")
        content = [*records[:2], aside, *records[2:-1]]
        head = write(tmp_path, content)
        first = read_chain((tmp_path / EVENTS).read_bytes()).heads[0]
        run = dataclasses.replace(run, chain=published(head, first))
        write(tmp_path, [*content, records[-1] | {"sha256": run_digest(run)}])
        assert check(run) == ([] if named else [f"{aside['test']}, trial 1.1: was recorded, and is not in the results"])


def test_files_that_are_gone_changed_or_new_are_found(run, check, tmp_path):
    blf = tmp_path / "main.blf"
    content = blf.read_bytes()
    for changed in (content + b"x", content[:-1], content[:200] + b"\xff\xfe" + content[202:]):
        blf.write_bytes(changed)
        assert check(run) == [f"main.blf: is not as the run recorded it ({len(content)} bytes)"]
    blf.unlink()
    (tmp_path / "bms.blf").write_bytes(content)
    assert check(run) == [
        "main.blf: stands in the chain, and is not here",
        "bms.blf: was not here when the run ended",
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"test": ["a", "list"]},
        {"test": None},
        {"bench_s": "late"},
        {"event": "files", "files": 3},
        {"event": "files", "files": {"../x": [1, "0"]}},
        {"event": "files", "files": {"main.blf": 3}},
        {"event": "files", "files": {"main.blf": [1e99, 0]}},
        {"event": "test finished", "set_aside": 1},
        {"event": ["run ended"]},
        {"bench_s": -1.0},
    ],
)
def test_a_chain_that_was_made_anew_is_no_error_of_the_reader(run, check, tmp_path, records, change):
    write(tmp_path, [*records[:1], records[1] | change, *records[2:]])
    assert check(run)


def test_the_published_heads_are_held_against_the_chain(run, check, tmp_path, records):
    heads = read_chain((tmp_path / EVENTS).read_bytes()).heads
    log = (
        f"{published(heads[2], heads[0])}\nchain {'0' * 16} record 2 sha256 {'0' * 64}\n{published(heads[4], heads[0])}"
    )
    assert check(run, log) == ["events.jsonl: the last head of a run that has ended was not published"]
    assert check.result.notes == ["4 records are behind the last published head"]
    assert check(run, f"{log}\n{published(heads[-1], heads[0])}") == []
    assert "3 of 3 published heads against the chain, the last of record 9" in check.result.done
    write(tmp_path, [*records[:3], records[3] | {"verdict": "other"}, *records[4:]])
    assert any("record 5 is not the one that was published" in found for found in check(run, log))
    write(tmp_path, [records[0] | {"rig": "other"}, *records[1:]])
    assert any("no head of this chain was published, 3 of others" in found for found in check(run, log))


def killed(run, folder, records, tests=True):
    """The folder as a run leaves it that was killed after its last test."""
    run = dataclasses.replace(
        run, complete=False, incomplete_reason=NO_END, requirements=run.requirements if tests else []
    )
    _, head = heads_in(run.chain)[0]
    dump(run, folder / "results.json")
    saved = hashlib.sha256((folder / "results.json").read_bytes()).hexdigest()
    last = {"at": "2026-11-22T22:15:00+00:00", "bench_s": 9.0, "event": "results", "sha256": saved}
    content = (folder / EVENTS).read_bytes().splitlines(keepends=True)[:-1]
    (folder / EVENTS).write_bytes(b"".join(content) + link(head, last)[0])
    return run


def test_of_a_killed_run_the_prefix_verifies_and_nothing_is_certified(run, tmp_path, records):
    killed(run, tmp_path, records)
    with (tmp_path / "v2g-main.log").open("ab") as file:
        file.write(b"what came after the last record")
    with (tmp_path / EVENTS).open("ab") as file:
        file.write(b'{"n": 7, "bef')
    result = verify(tmp_path)
    assert [(found.kind, found.where) for found in result.findings] == [("missing", "manifest.json")]
    assert any(text.startswith("9 records of events.jsonl") for text in result.done)
    assert any(
        "killed after record 9, 2026-11-22T22:15:00+00:00; 13 bytes of a record that was being written are left out: "
        "it is not complete, and nothing can be certified by it" in note
        for note in result.notes
    )
    write_report(dataclasses.replace(run, complete=False, incomplete_reason=NO_END), tmp_path)
    assert verify(tmp_path).ok, "a report of it can be made, which says the same"


def test_of_a_killed_run_changes_are_found(run, check, tmp_path, records):
    left = killed(run, tmp_path, records)
    (tmp_path / "state/audit.jsonl").unlink()
    assert check(left) == [], "the controller's own file may have gone since the last record"
    assert any(
        "state/audit.jsonl stands in the chain, and is not here: by the run" in note for note in check.result.notes
    )
    (tmp_path / "results.json").write_bytes((tmp_path / "results.json").read_bytes() + b"\n")
    assert check(left) == ["results.json: is not as the run has last written it"]
    blf = tmp_path / "main.blf"
    blf.write_bytes(blf.read_bytes()[:-1])
    assert any("main.blf: is not as the run recorded it" in found for found in check(left))
    assert any("the end of the run is missing" in found for found in check(dataclasses.replace(left, complete=True)))


def test_a_run_that_was_killed_before_its_last_test_was_saved_fits(run, check, tmp_path, records):
    assert check(killed(run, tmp_path, records, tests=False)) == []


def test_a_report_that_could_not_be_written_leaves_results_that_are_worse(run, check):
    cut = dataclasses.replace(run, complete=False, incomplete_reason="the report could not be written: full")
    assert check(cut) == []
    assert check.result.notes == ["the results were complete when the run ended; now: " + cut.incomplete_reason]
