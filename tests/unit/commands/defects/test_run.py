import json
import threading

import pytest

from v2g_bench.commands.defects import run as run_module
from v2g_bench.commands.defects.run import (
    Bench,
    Found,
    _rig,
    _selection,
    chosen,
    controls,
    matrix,
    run_all,
    try_out,
)
from v2g_bench.errors import BenchError
from v2g_bench.qualification.defects.catalogue import CATALOGUE, Defect
from v2g_bench.rig.file.load import load_rig

BENCH = Bench("sim", run_module.Path("tests/conformance"))
LATE = Defect("late", "controller", "SAF-01", "FAIL", r"51 ms", "hot", core="hot_cell_in_51_ms")


def message(monkeypatch, tested, text, fits=True):
    monkeypatch.setattr(run_module, "_certify", lambda bench, defect, verified, whole=False: (tested, text, fits))
    monkeypatch.setattr(run_module, "_campaign", lambda bench, defect: (tested, text, fits))


@pytest.mark.parametrize(
    ("tested", "text", "outcome"),
    [
        ({"SAF-01": "FAIL"}, "51 ms", "killed"),
        ({"SAF-01": "FAIL"}, "the rig fell over", "other"),
        ({"SAF-01": "ERROR"}, "51 ms", "other"),
        ({"SAF-01": "PASS"}, "51 ms", "survived"),
        ({"SAF-01": "PASS", "SAF-02": "FAIL"}, "51 ms", "other"),
        ({}, "no such file", "other"),
    ],
)
def test_a_defect_is_killed_by_its_check_for_its_reason_alone(monkeypatch, tested, text, outcome):
    message(monkeypatch, tested, text)
    assert try_out(BENCH, LATE).outcome == outcome


def test_verification_kills_when_it_finds_what_was_done(monkeypatch):
    edited = Defect("edited", "bench", "verify", "wrong", "main.blf", "hot", tamper="main.blf")
    for fits, text, outcome in (
        (False, "changed main.blf", "killed"),
        (False, "no key", "other"),
        (True, "", "survived"),
    ):
        message(monkeypatch, {"SAF-01": "PASS"}, text, fits)
        assert try_out(BENCH, edited).outcome == outcome


def test_a_near_miss_has_to_pass(monkeypatch):
    near = Defect("near", "controller", "SAF-01", "PASS", "", "hot", core="hot_cell_in_49_ms", near_miss=True)
    for verdict, outcome in (("PASS", "passed"), ("FAIL", "rejected"), ("INCONCLUSIVE", "rejected")):
        message(monkeypatch, {"SAF-01": verdict}, "")
        assert try_out(BENCH, near).outcome == outcome


def test_one_that_is_said_to_break_nothing_else_breaks_nothing_else(monkeypatch):
    alone = Defect("late", "controller", "SAF-01", "FAIL", r"51 ms", core="hot_cell_in_51_ms", alone=True)
    for other, outcome in (("PASS", "killed"), ("INCONCLUSIVE", "killed"), ("FAIL", "other"), ("ERROR", "other")):
        message(monkeypatch, {"SAF-01": "FAIL", "SAF-02": other}, "51 ms")
        assert try_out(BENCH, alone).outcome == outcome


def test_without_chosen_tests_all_files_of_the_requirement_are_run():
    alone = Defect("x", "controller", "LIM-04", "FAIL", "x", core="power_5_pct_high", alone=True)
    assert _selection(BENCH.suite, alone) == ["tests/conformance/limits/test_power.py"]
    assert _selection(BENCH.suite, LATE) == ["-k", "hot", "tests/conformance"]
    control = Defect("control", "controller", "certification", "PASS", "")
    assert _selection(BENCH.suite, control) == ["tests/conformance"]


def test_a_control_that_does_not_pass_spoils_all(monkeypatch):
    message(monkeypatch, {"SAF-01": "FAIL"}, "51 ms")
    found = run_all(BENCH, [LATE], 2, lambda one: None)
    assert [one.outcome for one in found] == ["rejected", "killed"]
    result = matrix(found)
    assert (result["verdict"], result["rejected"]) == ("FAIL", ["control: certification"])


def test_the_matrix_lists_what_was_not_found():
    found = [
        Found("a", "controller", "SAF-01", "killed", {}, ""),
        Found("b", "part", "SAF-01", "survived", {}, ""),
        Found("c", "bench", "verify", "other", {}, ""),
        Found("d", "controller", "SAF-01", "passed", {}, ""),
    ]
    result = matrix(found)
    assert (result["count"], result["killed"], result["near_misses_passed"]) == (4, 1, 1)
    assert (result["survivors"], result["for_another_reason"], result["verdict"]) == (["b"], ["c"], "FAIL")
    assert matrix(found[:1])["verdict"] == "PASS"
    assert matrix([])["verdict"] == "FAIL"
    assert json.loads(json.dumps(result)) == result


def test_the_emulated_rigs_run_a_chosen_part_one_at_a_time(monkeypatch):
    emulated = Bench("virtual", BENCH.suite)
    part = chosen(emulated)
    assert 5 <= len(part) < len(chosen(BENCH)) == len(CATALOGUE)
    assert {defect.kind for defect in part} >= {"controller", "part"}
    at_once, most = [], []

    def alone(bench, defect, verified, whole=False):
        at_once.append(threading.get_ident())
        most.append(len(at_once))
        at_once.pop()
        return {"SAF-01": "PASS"}, "", True

    monkeypatch.setattr(run_module, "_certify", alone)
    run_all(emulated, part, 8, lambda one: None)
    assert max(most) == 1


def test_everything_that_is_tried_is_tried_with_the_sound_controller(monkeypatch):
    checks = controls(list(CATALOGUE))
    tests = dict(checks)["certification"]
    assert tests == ""  # some are tried with whole files: so is the sound one, with all of them
    chosen_tests = {LATE.tests, "no_trip_at_the_limit"}
    some = dict(controls([defect for defect in CATALOGUE if defect.tests in chosen_tests] + [LATE]))["certification"]
    assert all(f"({one})" in some for one in chosen_tests)
    assert {check for check, _ in checks} >= {"campaign shutdown", "campaign fallbacks", "campaign frozen"}


def test_the_broken_controller_is_in_the_rig_that_is_run(tmp_path):
    path = _rig(BENCH, LATE, tmp_path)
    rig = load_rig(path).rig
    assert rig.dut.command[-1] == LATE.reference
    assert rig.model_copy(update={"dut": load_rig("sim").rig.dut}) == load_rig("sim").rig
    assert _rig(BENCH, Defect("x", "bench", "verify", "wrong", "x", "hot", tamper="main.blf"), tmp_path) == "sim"


def test_a_rig_with_a_controller_of_its_own_is_refused(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(load_rig("sim").text + 'command = ["mine"]\n', "utf-8")
    with pytest.raises(BenchError, match="has a controller of its own"):
        _rig(Bench(str(path), BENCH.suite), LATE, tmp_path)
