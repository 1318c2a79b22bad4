"""The picture of states and dangers: each cell in its place, by its verdict, and what was not shown stays empty."""

import dataclasses
import xml.etree.ElementTree as ET

from v2g_bench.reports.model.run import Cell, Requirement, TestResult
from v2g_bench.reports.render.cells import danger_matrix, matrix_svg

CELLS = [
    Cell(state="charging", danger="hot cell", verdict="PASS", result="13 ms"),
    Cell(state="charging", danger="noise", verdict="FAIL", result="no discharge", reason="4 A", world="2000 W"),
    Cell(state="a <plan>", danger="hot cell"),
    Cell(state="a <plan>", danger="noise", verdict="NOT TESTED", reason="no role"),
]


def texts(svg: str) -> list[str]:
    return [one.text or "" for one in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_a_field_shows_what_was_found_or_the_verdict():
    svg = matrix_svg(CELLS, "two of four")
    assert texts(svg) == ["hot cell", "noise", "charging", "13 ms", "FAIL", "a <plan>", "not tested"]
    assert svg.count("<rect") == 4
    assert svg.count('class="cell pass"') == svg.count('class="cell fail"') == svg.count('class="cell not-tested"') == 1


def test_what_cannot_be_together_is_a_dash():
    assert texts(matrix_svg(CELLS[:3], "")).count("–") == 1


def test_the_report_counts_them_and_lists_what_did_not_pass(run):
    test = TestResult(nodeid="t", verdict="FAIL", cells=CELLS)
    requirement = Requirement(id="STA-01", title="danger", tests=[test])
    (found,) = danger_matrix(dataclasses.replace(run, requirements=[requirement]))
    assert found["sentence"].startswith(
        "3 of 4 states with a danger in them were shown in this run: 1 FAIL, 1 NOT TESTED, 1 PASS"
    )
    assert [row[:2] for row in found["rows"]] == [["noise", "charging"], ["noise", "a <plan>"]]


def test_a_run_without_cells_has_no_picture(run):
    assert danger_matrix(dataclasses.replace(run, requirements=[])) == []
