import json

import pytest

from v2g_bench.commands.defects.run import Found
from v2g_bench.commands.defects.run import matrix as as_kept
from v2g_bench.reports.render.defects import seeded_defects
from v2g_bench.reports.render.html import render_html
from v2g_bench.reports.render.pdf import render_pdf
from v2g_bench.reports.render.view import view


def one(name, outcome, check="SAF-01", kind="controller", **tested):
    tested = tested or {check.replace("-", "_"): "FAIL"}
    reported = {key.replace("_", "-"): verdict for key, verdict in tested.items()}
    (kept,) = as_kept([Found(name, kind, check, outcome, reported, f"{name}: said")])["defects"]
    return kept  # as the qualification keeps it


CONTROL = one("control: certification", "passed", "certification", "control", SAF_01="PASS")


def keep(folder, *defects, name="defects-sim.json"):
    data = {"rig": "sim", "date": "2026-11-23T08:00:00+00:00", "seed": 1, "defects": list(defects)}
    (folder / name).write_text(json.dumps(data), "utf-8")


def matrix(folder, *defects):
    keep(folder, *defects)
    problems = []
    (found,) = seeded_defects(folder, problems)
    assert problems == []
    return found


def test_what_was_found_by_which_check(tmp_path):
    found = matrix(
        tmp_path,
        CONTROL,
        one("hot cell ignored", "killed", SAF_01="FAIL", SAF_13="FAIL", SAF_02="PASS"),
        one("hot cell in 45 ms", "passed", SAF_01="PASS"),
        one("meter stuck", "killed", "SAF-08", "part", SAF_08="ERROR"),
    )
    assert (found["verdict"], found["css"]) == ("PASS", "pass")
    assert found["checks"] == [["SAF-01", "1", "1", "1", "0"], ["SAF-08", "1", "1", "0", "0"]]
    assert [row[:4] for row in found["rows"]] == [
        ["hot cell ignored", "controller", "SAF-01", "SAF-13"],
        ["hot cell in 45 ms", "controller", "SAF-01: passed, as it has to", "—"],
        ["meter stuck", "part", "SAF-08", "—"],
    ]
    assert found["sentence"] == (
        "2 of 2 seeded defects were noticed by the check that has to notice them, for the reason that belongs to them; "
        "1 of 1 near misses passed; the unbroken controller passed 1 of 1 control runs. Seed 1. No defect survived."
    )


@pytest.mark.parametrize(
    ("outcome", "word"),
    [("survived", "NOT FOUND"), ("other", "FOUND FOR ANOTHER REASON"), ("rejected", "FAILED, AND IS SOUND")],
)
def test_a_hole_is_a_fail_and_stands_by_name(tmp_path, outcome, word):
    found = matrix(tmp_path, CONTROL, one("six frames wanted", outcome), one("meter stuck", "killed"))
    assert found["verdict"] == "FAIL"
    assert found["rows"][0][2] == f"SAF-01: {word}"
    assert "Holes: six frames wanted." in found["sentence"]
    assert found["checks"][0][-1] == "1"


def test_defects_alone_prove_nothing(tmp_path):
    assert matrix(tmp_path, one("meter stuck", "killed"))["verdict"] == "FAIL"  # no control
    assert matrix(tmp_path, CONTROL)["verdict"] == "FAIL"  # no defect


def test_a_control_that_fails_is_a_fail(tmp_path):
    broken = CONTROL | {"outcome": "rejected"}
    found = matrix(tmp_path, broken, one("meter stuck", "killed"))
    assert found["verdict"] == "FAIL"
    assert "passed 0 of 1 control runs" in found["sentence"]


@pytest.mark.parametrize("text", ["{", "[]", '{"rig": "sim", "defects": [{}]}', "null"])
def test_a_broken_file_is_told(tmp_path, text):
    (tmp_path / "defects-sim.json").write_text(text, "utf-8")
    problems = []
    assert seeded_defects(tmp_path, problems) == []
    assert [problem.split(":")[0] for problem in problems] == ["defects-sim.json"]


def test_a_run_without_a_matrix_shows_none(run, tmp_path):
    shown, problems = view(run, tmp_path)
    assert (shown["defects"], problems) == ([], [])


def test_both_reports_show_it(run, tmp_path):
    hostile = one('<b>#panic("x")</b>', "killed")
    keep(tmp_path, CONTROL, hostile)
    keep(tmp_path, CONTROL, one("meter stuck", "survived"), name="defects-vcan0.json")
    shown, problems = view(run, tmp_path)
    assert (len(shown["defects"]), problems) == (2, [])
    page = render_html(shown).decode()
    assert page.count("Seeded defects on rig") == 2
    assert "&lt;b&gt;#panic" in page
    assert "<b>#panic" not in page
    assert "Holes: meter stuck." in page
    without = render_pdf(run, shown | {"defects": []})
    assert len(render_pdf(run, shown)) > len(without)  # it is set, with whatever a name holds


def test_a_matrix_of_an_older_bench_is_read(tmp_path):
    older = one("hot_cell_in_70_ms", "killed")
    older["said"] = older.pop("message")
    assert matrix(tmp_path, CONTROL, older)["rows"][0][-1] == "hot_cell_in_70_ms: said"
