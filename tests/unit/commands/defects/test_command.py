import json

from v2g_bench.commands.defects.command import table
from v2g_bench.commands.defects.run import Found
from v2g_bench.qualification.defects.matrix import evidence
from v2g_bench.qualification.result import this_bench


def test_the_table_shows_each_defect_under_its_check():
    lines = table(
        [
            Found("control: certification", "control", "certification", "passed", {"SAF-01": "PASS"}, ""),
            Found("late", "controller", "SAF-01", "killed", {"SAF-01": "FAIL", "SAF-02": "FAIL"}, ""),
            Found("hole", "controller", "SAF-02", "survived", {"SAF-02": "PASS"}, ""),
        ]
    ).splitlines()
    assert lines[0].split() == ["SAF-01", "SAF-02"]
    late, hole = (line for line in lines if line.startswith(("late", "hole")))
    assert late.split() == ["late", "X", "F"]
    assert hole.split() == ["hole", "!"]
    assert not any("control" in line for line in lines)


def test_only_the_matrix_of_this_very_bench_is_evidence(tmp_path):
    (tmp_path / "defects-sim.json").write_text(json.dumps({"made_by": this_bench(), "verdict": "PASS"}))
    (tmp_path / "defects-old.json").write_text(json.dumps({"made_by": {"version": "0"}, "verdict": "PASS"}))
    (tmp_path / "defects-torn.json").write_text("{")
    assert list(evidence(tmp_path)) == ["defects-sim.json"]
