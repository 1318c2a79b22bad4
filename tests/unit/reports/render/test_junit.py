import dataclasses
from xml.etree import ElementTree as ET

import pytest

from v2g_bench.reports.model.run import Requirement
from v2g_bench.reports.render.html import render_html
from v2g_bench.reports.render.junit import render_junit
from v2g_bench.reports.render.view import view


def cases(run):
    root = ET.fromstring(render_junit(run))
    return root, {(c.get("classname"), c.get("name")): c for c in root.iter("testcase")}


def properties(element):
    return {p.get("name"): p.get("value") for p in element.find("properties")}


def outcome(case):
    return [child.tag for child in case if child.tag in ("failure", "error", "skipped")]


def test_each_verdict_has_its_outcome(run):
    root, found = cases(run)
    expected = {
        ("safety.SAF-01", "test_hot_cell_isolates[charging]"): [],
        ("safety.SAF-02", "test_strings_isolate[charging]"): [],
        ("safety.SAF-02", "test_strings_isolate[discharging]"): ["failure"],
        ("safety.SAF-11", "test_emi"): ["error"],
        ("thermal.THM-03", "test_cooling"): ["error"],
        ("network.NET-02", "OCPP telemetry inside 100 ms"): ["skipped"],
    }
    assert {key: outcome(found[key]) for key in expected} == expected
    assert {key: root.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "9", "failures": "2", "errors": "2", "skipped": "1",
    }  # fmt: skip
    error = found[("thermal.THM-03", "test_cooling")].find("error")
    assert error.get("message") == "meters.ac_power: no answer within 2 s"
    assert error.text.endswith("is the instrument on?")
    assert error.get("type") == "ERROR"


def test_measurements_and_requirement_are_properties(run):
    _, found = cases(run)
    seen = properties(found[("safety.SAF-02", "test_strings_isolate[discharging]")])
    assert seen["requirement"] == "SAF-02"
    assert seen["requirement.verdict"] == seen["verdict"] == "FAIL"
    assert float(seen["measurement.strings-discharging.value"]) == 61.3
    assert float(seen["measurement.strings-discharging.U"]) == 0.3
    assert seen["measurement.strings-discharging.unit"] == "ms"
    assert len(seen["requirement.text_sha256"]) == 64


def test_the_suites_carry_the_grade(run):
    root, _ = cases(run)
    for suite in root.iter("testsuite"):
        assert "EMULATED - no hardware was measured" in properties(suite)["mark"]


def test_text_that_xml_cannot_carry_is_named(run):
    _, found = cases(dataclasses.replace(run, title="a\x00b\ud800\ufffe"))
    log = found[("safety.SAF-09", "test_divergence")].find("system-out").text
    assert log.endswith("]]> 漢 <U+0007> end")


@pytest.mark.parametrize(
    "changes",
    [
        {"complete": False, "incomplete_reason": "power cut"},
        {"exit_status": 3},
        {"requirements": []},
        {
            "requirements": [
                Requirement(id="A", title="a", verdict="NOT APPLICABLE", not_applicable_reason="not claimed")
            ]
        },
    ],
)
def test_a_run_that_is_not_whole_is_red_though_its_tests_are_green(run, changes):
    passed = [r for r in run.requirements if r.verdict == "PASS"]
    changed = dataclasses.replace(run, **({"requirements": passed, "exit_status": 0} | changes))
    root, found = cases(changed)
    assert outcome(found[("run", "the run ended in order")]) == ["error"]
    assert root.get("errors") == "1"


def test_a_green_run_has_no_case_of_its_own(run):
    passed = [r for r in run.requirements if r.verdict == "PASS"]
    root, found = cases(dataclasses.replace(run, requirements=passed, exit_status=0))
    assert ("run", "the run ended in order") not in found
    assert (root.get("failures"), root.get("errors")) == ("0", "0")


def test_a_requirement_that_nobody_tested_is_an_error(run):
    _, found = cases(dataclasses.replace(run, requirements=[Requirement(id="SAF-77", title="forgotten")]))
    case = found[("requirements.SAF-77", "forgotten")]
    assert outcome(case) == ["error"]
    assert case.find("error").get("message") == "not tested"


def test_the_suites_and_measurements_point_at_their_evidence(run, tmp_path):
    root, found = cases(run)
    suite = next(suite for suite in root if suite.get("name").startswith("SAF-02"))
    assert properties(suite)["report.html"] == "report.html#req-2-saf-02"
    page = render_html(view(run, tmp_path)[0]).decode()
    assert all(f'id="{properties(s)["report.html"].partition("#")[2]}"' in page for s in root if s.get("name") != "run")
    case = found[("safety.SAF-02", "test_strings_isolate[charging]")]
    evidence = next(value for name, value in properties(case).items() if name.endswith(".evidence"))
    assert all((tmp_path / path).is_file() for path in evidence.split(", "))
