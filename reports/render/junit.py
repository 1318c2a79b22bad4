"""JUnit XML for Jenkins and GitLab: requirement ids, verdicts and measurements as properties of each test case.

FAIL is a failure; ERROR, INCONCLUSIVE and NOT TESTED are errors, never a pass; NOT APPLICABLE is skipped, and so is a
NOT TESTED that the rig's profile does not hold mandatory. Where a requirement or the run is worse than every test in it (no
test ran, the run was cut short), an extra test case shows it: a reader that counts only test cases must not see green.
"""

import re
from xml.etree import ElementTree as ET

from v2g_bench.reports.model.run import Measurement, Requirement, Run, TestResult
from v2g_bench.reports.model.verdicts import ERROR, FAIL, NOT_APPLICABLE, NOT_TESTED, PASS
from v2g_bench.reports.render import words
from v2g_bench.reports.render.scope import headline, title, verdict_sentence
from v2g_bench.reports.render.statements import measurement_statement, report_id, requirement_statement

# XML 1.0 cannot carry these in any form; `words.printable` has already written most of them as <U+XXXX>.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(run: Run) -> bytes:
    """The run as JUnit XML, UTF-8; one suite for each requirement."""
    root = ET.Element("testsuites", name=_clean(title(run)))
    for number, requirement in enumerate(run.requirements, 1):
        _suite(root, run, requirement)
        _properties(root[-1], {"report.html": f"report.html#{words.anchor(number, requirement.id)}"})
    _run_case(root, run)
    report = report_id(run)  # once: it takes the digest of the whole run
    for suite in root:
        _properties(suite, {"report": report})
    for element in [*root, root]:
        _count(element)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'.encode()


def _run_case(root: ET.Element, run: Run) -> None:
    """A case of its own where the run is worse than its requirements, or none of them was tested."""
    found = {requirement.verdict for requirement in run.requirements}
    if run.complete and run.verdict in found and not found <= {NOT_APPLICABLE}:
        return
    reason = verdict_sentence(run)
    if not run.complete:
        reason = f"The run is incomplete: {run.incomplete_reason or 'it did not reach its end'}"
    suite = _open_suite(root, run, "run")
    case = ET.SubElement(suite, "testcase", classname="run", name="the run ended in order", time="0.000")
    _outcome(case, ERROR, reason, "")


def _suite(root: ET.Element, run: Run, requirement: Requirement) -> None:
    suite = _open_suite(root, run, f"{requirement.id} {requirement.title}")
    classname = f"{requirement.family or 'requirements'}.{requirement.id}"
    for test in requirement.tests:
        _case(suite, requirement, test, classname)
    if requirement.verdict not in {test.verdict for test in requirement.tests}:
        case = ET.SubElement(
            suite, "testcase", classname=_clean(classname), name=_clean(requirement.title), time="0.000"
        )
        _properties(case, _requirement_properties(requirement))
        message = requirement_statement(requirement) or "not tested"
        _outcome(case, requirement.verdict, message, "", mandatory=requirement.mandatory)


def _open_suite(root: ET.Element, run: Run, name: str) -> ET.Element:
    suite = ET.SubElement(root, "testsuite", name=_clean(name), timestamp=_clean(run.started[:19]))
    properties = {
        "run.verdict": run.verdict,
        "run.scope": headline(run),
        "evidence": run.evidence,
        "clock": run.clock,
        "mark": words.page_mark(run),
        "rig": run.rig,
        "controller": f"{run.controller.name} {run.controller.version}".strip(),
    }
    _properties(suite, properties)
    return suite


def _case(suite: ET.Element, requirement: Requirement, test: TestResult, classname: str) -> None:
    path, _, name = test.nodeid.rpartition("::")
    case = ET.SubElement(
        suite, "testcase", classname=_clean(classname), name=_clean(name), time=f"{test.duration_s:.3f}"
    )
    if path:
        case.set("file", _clean(path.split("::")[0]))
    found = _requirement_properties(requirement) | {"verdict": test.verdict, "nodeid": test.nodeid}
    for measurement in test.measurements:
        found |= _measurement_properties(measurement)
    _properties(case, found)
    statements = [f"{m.name}: {measurement_statement(m)}" for m in test.measurements if m.verdict == test.verdict]
    reason = (
        test.reason.strip() or "; ".join(statements) or requirement.not_applicable_reason or "no reason was recorded"
    )
    _outcome(case, test.verdict, reason.splitlines()[0], reason, mandatory=requirement.mandatory)
    if test.log:
        ET.SubElement(case, "system-out").text = _clean(test.log)


def _requirement_properties(requirement: Requirement) -> dict[str, str]:
    return {
        "requirement": requirement.id,
        "requirement.verdict": requirement.verdict,
        "requirement.text_sha256": requirement.text_sha256,
    }


def _measurement_properties(m: Measurement) -> dict[str, str]:
    """Values in full precision, for machines; what does not exist is left out."""
    numbers = {"value": m.value, "U": m.expanded, "k": m.k, "limit_low": m.limit_low, "limit_high": m.limit_high}
    numbers["p_conform"] = m.p_conform
    texts = {"unit": m.unit, "verdict": m.verdict, "rule": m.rule, "statement": measurement_statement(m)}
    texts |= {name: repr(float(number)) for name, number in numbers.items() if number is not None}
    texts["evidence"] = ", ".join(trial.waveform for trial in m.trials if trial.waveform)
    return {f"measurement.{m.name}.{name}": text for name, text in texts.items() if text}


def _properties(element: ET.Element, found: dict[str, str]) -> None:
    properties = element.find("properties")
    if properties is None:
        properties = ET.SubElement(element, "properties")
    for name, value in found.items():
        ET.SubElement(properties, "property", name=_clean(name), value=_clean(value))


def _outcome(case: ET.Element, verdict: str, message: str, detail: str, *, mandatory: bool = True) -> None:
    if verdict == PASS:
        return
    if verdict == NOT_APPLICABLE or (verdict == NOT_TESTED and not mandatory):
        ET.SubElement(case, "skipped", message=_clean(message))
        return
    tag = "failure" if verdict == FAIL else "error"
    ET.SubElement(case, tag, message=_clean(message), type=verdict).text = _clean(detail)


def _count(element: ET.Element) -> None:
    cases = list(element.iter("testcase"))
    element.set("tests", str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    element.set("time", f"{sum(float(case.get('time', '0')) for case in cases):.3f}")


def _clean(text: str) -> str:
    return _NOT_XML.sub(lambda match: f"<U+{ord(match.group()):04X}>", words.printable(text))
