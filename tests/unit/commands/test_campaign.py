import argparse
import json

import pytest

from v2g_bench.campaign.scenario import read_scenario
from v2g_bench.commands.campaign import configure, run
from v2g_bench.errors import BenchError


def command(*words):
    parser = argparse.ArgumentParser()
    configure(parser)
    return run(parser.parse_args([str(word) for word in words]))


def test_a_good_campaign_ends_with_0_and_leaves_its_results(tmp_path, capsys):
    assert command("shutdown", "--trials=10", "--out", tmp_path / "out") == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["scenarios"], summary["failed"]) == (10, 0)
    assert summary["sha256"] in capsys.readouterr().out
    assert {"results.parquet", "report.html", "coverage.svg", "summary.json", "job.json", "parts"} == {
        path.name for path in (tmp_path / "out").iterdir()
    }


def test_no_good_scenario_fails(tmp_path):
    """A small part of `v2g-bench campaign benign`; the current flows on in each of them."""
    assert command("benign", "--trials=24", "--out", tmp_path / "out") == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["tripped"], summary["shutdown_due"]) == (0, 0)


def test_a_broken_controller_ends_with_1_and_a_scenario_that_replays(tmp_path, capsys):
    core = "v2g_bench.qualification.defects.controllers:hot_cell_ignored"
    assert command("shutdown", "--trials=12", "--core", core, "--out", tmp_path / "out") == 1
    files = sorted((tmp_path / "out" / "failures").iterdir())
    assert files
    assert len(read_scenario(files[0]).faults) == 1
    assert f"pytest --rig=sim --scenario={files[0]}" in capsys.readouterr().out


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(BenchError, match="cannot be read"):
        command(tmp_path / "none.toml")


@pytest.mark.parametrize("word", ["--trials=0", "--workers=-1", "--trials=many"])
def test_impossible_numbers_are_refused(word, capsys):
    with pytest.raises(SystemExit):
        command("shutdown", word)
    assert "not a whole number" in capsys.readouterr().err
