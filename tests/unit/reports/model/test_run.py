import dataclasses
import json
import math

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.reports.model.run import (
    Controller,
    Measurement,
    Requirement,
    Run,
    TestResult,
    Trial,
    dump,
    dumps,
    load,
)


def make_run(**changes):
    passed = TestResult(nodeid="t", verdict="PASS")
    values = {
        "title": "t", "started": "2026-11-22T22:14:07Z", "rig": "r", "evidence": "hardware", "clock": "real",
        "complete": True, "controller": Controller(name="c"),
        "requirements": [Requirement(id="A-1", title="a", tests=[passed])],
    }  # fmt: skip
    return Run(**(values | changes))


def edited(run, path, change):
    data = json.loads(dumps(run))
    change(data)
    path.write_text(json.dumps(data))
    return path


def test_round_trip_keeps_everything(run, tmp_path):
    dump(run, tmp_path / "results.json")
    assert load(tmp_path / "results.json") == run
    assert dumps(load(tmp_path / "results.json")) == dumps(run)
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".part")] == []


def test_infinity_and_half_surrogates_survive(tmp_path):
    run = make_run(title="log \udc80 end")
    budget_run = dataclasses.replace(run, requirements=[], budgets=[])
    dump(budget_run, tmp_path / "r.json")
    assert load(tmp_path / "r.json").title == "log \udc80 end"
    measured = Measurement(name="m", value=math.inf, verdict="FAIL")
    test = TestResult(nodeid="t", measurements=[measured])
    dump(make_run(requirements=[Requirement(id="A", title="a", tests=[test])]), tmp_path / "r.json")
    assert "Infinity" not in (tmp_path / "r.json").read_text()
    assert load(tmp_path / "r.json").requirements[0].tests[0].measurements[0].value == math.inf


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda d: d.update(colour="red"), "r.json: colour: unknown key"),
        (lambda d: d["requirements"][0].update(limmit="1"), r"requirements\[0\].limmit: unknown key"),
        (lambda d: d["controller"].pop("sha256"), "controller.sha256: is missing"),
        (lambda d: d["requirements"][0]["tests"][0].pop("log"), r"requirements\[0\].tests\[0\].log: is missing"),
        (lambda d: d.update(voids="3"), "voids: '3' is not a whole number from 0 to 9007199254740992"),
        (lambda d: d.update(complete=1), "complete: says 1, its content says True"),
        (lambda d: d.update(marks=[1]), r"marks\[0\]: input should be a valid string"),
        (lambda d: d.update(host={"a": 1}), "host.a: input should be a valid string"),
        (lambda d: d.update(schema=1), "schema: is 1, this version reads 2, 3, 4 and 5"),
        (lambda d: d.update(evidence="real"), "Run.evidence: no such word"),
        (lambda d: d.update(verdict="FAIL"), "verdict: says 'FAIL', its content says 'PASS'"),
        (lambda d: d.pop("verdict"), "verdict: says None"),
    ],
)
def test_load_names_the_key_that_does_not_fit(tmp_path, change, named):
    with pytest.raises(BenchError, match=named):
        load(edited(make_run(), tmp_path / "r.json", change))


def test_a_softened_requirement_is_refused(run, tmp_path):
    def soften(data):
        data["requirements"][1]["verdict"] = "PASS"

    with pytest.raises(BenchError, match=r"requirements\[1\].verdict: says 'PASS', its content says 'FAIL'"):
        load(edited(run, tmp_path / "r.json", soften))


def test_half_a_file_is_told_from_a_wrong_one(tmp_path):
    (tmp_path / "r.json").write_bytes(dumps(make_run())[:200])
    with pytest.raises(BenchError, match="is not JSON"):
        load(tmp_path / "r.json")
    with pytest.raises(BenchError, match="cannot be read: No such file"):
        load(tmp_path / "other.json")


def test_one_failed_parameter_fails_test_requirement_and_run():
    failed = Measurement(name="m", value=61.0, verdict="FAIL")
    tests = [TestResult(nodeid="a", verdict="PASS"), TestResult(nodeid="b", verdict="PASS", measurements=[failed])]
    requirement = Requirement(id="A", title="a", verdict="PASS", tests=tests)
    assert [test.verdict for test in requirement.tests] == ["PASS", "FAIL"]
    assert requirement.verdict == "FAIL"
    assert make_run(requirements=[requirement]).verdict == "FAIL"


def test_a_pass_needs_something_measured():
    assert Measurement(name="m", verdict="PASS").verdict == "INCONCLUSIVE"
    void = Trial(index=1, value=1.0, void=True)
    assert Measurement(name="m", value=1.0, verdict="PASS", trials=[void]).verdict == "INCONCLUSIVE"
    assert Measurement(name="m", value=1.0, verdict="PASS", trials=[void, Trial(index=2)]).verdict == "PASS"


def test_not_applicable_needs_its_reason():
    assert Requirement(id="A", title="a", verdict="NOT APPLICABLE").verdict == "INCONCLUSIVE"
    reason = "the controller does not claim ocpp"
    assert (
        Requirement(id="A", title="a", verdict="NOT APPLICABLE", not_applicable_reason=reason).verdict
        == "NOT APPLICABLE"
    )
    failed = TestResult(nodeid="t", verdict="FAIL")
    hidden = Requirement(id="A", title="a", verdict="NOT APPLICABLE", not_applicable_reason=reason, tests=[failed])
    assert hidden.verdict == "FAIL"


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "PASS"),
        ({"complete": False}, "INCONCLUSIVE"),
        ({"requirements": []}, "INCONCLUSIVE"),
        ({"requirements": [Requirement(id="A", title="a", verdict="PASS")]}, "NOT TESTED"),
        ({"requirements": [Requirement(id="A", title="a")], "complete": False}, "INCONCLUSIVE"),
        ({"exit_status": 3}, "ERROR"),
    ],
)
def test_a_run_that_is_not_whole_is_never_a_pass(changes, verdict):
    assert make_run(**changes).verdict == verdict


def test_only_what_the_profile_demands_must_be_tested():
    passed = Requirement(id="A", title="a", tests=[TestResult(nodeid="t", verdict="PASS")])
    optional, demanded = (Requirement(id="B", title="b", mandatory=one) for one in (False, True))
    assert (optional.verdict, demanded.verdict) == ("NOT TESTED", "NOT TESTED")
    assert make_run(requirements=[passed, optional]).verdict == "PASS"
    assert make_run(requirements=[passed, optional, demanded]).verdict == "NOT TESTED"
    assert make_run(requirements=[optional]).verdict == "NOT TESTED", "nothing was tested"


def test_a_requirement_with_an_untested_part_has_not_passed():
    done, cannot = TestResult(nodeid="a", verdict="PASS"), TestResult(nodeid="b", verdict="NOT TESTED")
    assert Requirement(id="A", title="a", tests=[done, cannot]).verdict == "NOT TESTED"
    assert Requirement(id="A", title="a", tests=[done], left_out=["b"]).verdict == "NOT TESTED"
    assert (
        Requirement(id="A", title="a", tests=[done], left_out=["b"], verdict="INCONCLUSIVE").verdict == "INCONCLUSIVE"
    )


def test_a_run_of_requirements_that_do_not_apply_tested_nothing():
    skipped = Requirement(id="A", title="a", verdict="NOT APPLICABLE", not_applicable_reason="not claimed")
    assert make_run(requirements=[skipped]).verdict == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("p_conform", 1.5, "p_conform: 1.5 is not a number from 0 to 1"),
        ("p_conform", "inf", "p_conform: 'inf' is not a number from 0 to 1"),
        ("expanded", -1, "expanded: -1 is not a number from 0 to inf"),
        ("expanded", "nan", "expanded: 'nan' is not a number"),
        ("k", 0, "k: 0 is not a number above 0"),
        ("value", 10**400, "value: 1000"),
        ("value", True, "value: true is not a number"),
    ],
)
def test_a_number_that_cannot_be_is_named(tmp_path, key, value, message):
    run = make_run(
        requirements=[
            Requirement(id="A-1", title="a", tests=[TestResult(nodeid="t", measurements=[Measurement(name="m")])])
        ]
    )
    path = edited(
        run,
        tmp_path / "results.json",
        lambda data: data["requirements"][0]["tests"][0]["measurements"][0].update({key: value}),
    )
    with pytest.raises(BenchError) as reported:
        load(path)
    assert f"results.json: requirements[0].tests[0].measurements[0].{message}" in str(reported.value)


def test_what_was_never_reached_is_infinite_in_the_file_as_well(tmp_path):
    measured = Measurement(name="m", value=math.inf, expanded=math.inf, verdict="FAIL")
    run = make_run(
        requirements=[Requirement(id="A-1", title="a", tests=[TestResult(nodeid="t", measurements=[measured])])]
    )
    dump(run, tmp_path / "results.json")
    assert load(tmp_path / "results.json") == run
