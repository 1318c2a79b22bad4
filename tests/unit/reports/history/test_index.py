import dataclasses
import os
import shutil
import sqlite3

import pytest

from v2g_bench.commands.main import main
from v2g_bench.errors import BenchError
from v2g_bench.reports.history import index
from v2g_bench.reports.history.index import INDEX, History
from v2g_bench.reports.model.run import dump


@pytest.fixture
def runs(kept, tmp_path):
    """Ten nights of one rig; the latency grows by 2 ms a night."""
    folder = tmp_path / "reports"
    base = kept.kept_run(tmp_path / "base")
    for night in range(10):
        requirement = base.requirements[0]
        test = requirement.tests[0]
        measurement = dataclasses.replace(test.measurements[0], value=25.0 + 2.0 * night)
        test = dataclasses.replace(test, measurements=[measurement])
        run = dataclasses.replace(
            base,
            started=f"2026-11-{night + 1:02d}T01:00:00+00:00",
            requirements=[dataclasses.replace(requirement, tests=[test])],
        )
        (folder / f"night{night}").mkdir(parents=True)
        dump(run, folder / f"night{night}/results.json")
    return folder


def found(history, **which):
    return {(s.requirement, s.measurement): s for s in history.series("bench", **which)}


def test_every_result_of_every_run_is_in_the_index(runs):
    with History(runs) as history:
        assert len(history.refresh()) == 10
        assert history.rigs() == ["bench"]
        measured = found(history)["SAF-01", "time to isolation"]
        assert [point.value for point in measured.points] == [25.0 + 2.0 * night for night in range(10)]
        assert [point.verdict for point in found(history)["SAF-01", ""].points] == ["PASS"] * 10
        assert measured.points[0].controller == "v2g-daemon 1.0 abababababab"
        assert len(found(history, last=3)["SAF-01", ""].points) == 3
        assert found(history, requirement="SAF-02") == {}


def test_only_what_changed_is_read_again(runs):
    with History(runs) as history:
        history.refresh()
        assert history.refresh() == []
        path = runs / "night3/results.json"
        os.utime(path, ns=(1, 1))
        shutil.rmtree(runs / "night9")
        assert history.refresh() == ["night3"]
        assert len(found(history)["SAF-01", ""].points) == 9


def test_the_index_can_be_lost_broken_or_of_another_version(runs):
    with History(runs) as history:
        history.refresh()
        before = found(history)
    for suffix in ("", "-wal", "-shm"):
        (runs / f"{INDEX}{suffix}").unlink(missing_ok=True)
    with History(runs) as history:
        history.refresh()
        assert found(history) == before
    db = sqlite3.connect(runs / INDEX)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with History(runs) as history:
        assert len(history.refresh()) == 10
        assert found(history) == before
    (runs / INDEX).write_bytes(b"no database at all" * 100)
    with pytest.raises(BenchError, match="delete it; it is rebuilt"):
        History(runs)


def test_a_run_that_cannot_be_read_is_told(runs, capsys):
    (runs / "night4/results.json").write_text("{")
    with History(runs) as history:
        history.refresh()
        assert len(found(history)["SAF-01", ""].points) == 9
        ((folder, problem),) = history.problems()
        assert folder == "night4"
        assert "is not JSON" in problem
    main(["history", "--reports", str(runs)])
    assert "unreadable  night4" in capsys.readouterr().out


def test_the_command_shows_trend_limit_and_alarm(runs, capsys):
    assert main(["history", "--reports", str(runs), "--rig", "bench"]) == 1
    reported = capsys.readouterr().out
    assert "SAF-01" in reported
    assert "limit <= 50" in reported
    assert "-2 a run" in reported
    assert "ALARM drifts" in reported
    assert main(["history", "--reports", str(runs), "--within", "2"]) == 0
    assert "0 alarms" in capsys.readouterr().out
    assert main(["history", "--reports", str(runs), "--requirement", "SAF-01", "--rebuild"]) == 1
    assert "2026-11-04T01:00:00" in capsys.readouterr().out


def test_no_folder_and_no_result_are_errors(runs, capsys):
    assert main(["history", "--reports", str(runs / "none")]) == 2
    assert main(["history", "--reports", str(runs), "--rig", "none"]) == 2
    assert "holds no run of rig none\n  of: bench" in capsys.readouterr().err
    for asked in ([], ["--rig", "bench"], ["--changes"]):
        assert main(["history", "--reports", str(runs), "--requirement", "SAF-99", *asked]) == 2
        reported = capsys.readouterr()
        assert "holds no result of SAF-99\n  of: SAF-01" in reported.err
        assert reported.out == ""


def test_a_folder_without_runs_has_no_trend(tmp_path, capsys):
    assert main(["history", "--reports", str(tmp_path)]) == 2
    assert "holds no run" in capsys.readouterr().err


@pytest.mark.parametrize(
    "kind", ["a FIFO", "a device", "a link to itself", "deep", "digits", "surrogate", "not UTF-8", "huge"]
)
def test_one_bad_folder_costs_the_others_nothing(runs, kind):
    (runs / "bad").mkdir()
    path = runs / "bad/results.json"
    if kind == "a FIFO":
        os.mkfifo(path)
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    elif kind == "a link to itself":
        path.symlink_to("results.json")
    elif kind == "huge":
        path.touch()
        os.truncate(path, 1 << 40)
    else:
        good = (runs / "night0/results.json").read_bytes()
        damaged = {
            "deep": b"[" * 100_000,
            "digits": b"9" * 5000,
            "surrogate": good.replace(b'"v2g-daemon"', b'"\\ud800"'),
            "not UTF-8": b"\xff" + good,
        }
        path.write_bytes(damaged[kind])
    with History(runs) as history:
        history.refresh()
        assert len(found(history)["SAF-01", ""].points) == 10
        assert [name for name, _ in history.problems()] in (["bad"], [] if kind == "a link to itself" else ["bad"])


def test_a_fault_of_the_index_itself_is_the_problem_of_one_run(runs, monkeypatch):
    def rows(run):
        if run.started.startswith("2026-11-03"):
            raise OverflowError("Python int too large to convert to SQLite INTEGER")
        return kept_rows(run)

    kept_rows = index._rows
    monkeypatch.setattr(index, "_rows", rows)
    with History(runs) as history:
        history.refresh()
        assert len(found(history)["SAF-01", ""].points) == 9
        [(name, problem)] = history.problems()
        assert (name, problem) == ("night2", "OverflowError: Python int too large to convert to SQLite INTEGER")
