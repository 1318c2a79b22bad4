import dataclasses
import io
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from v2g_bench.reports.model.run import Measurement, Requirement, TestResult
from v2g_bench.reports.render.terminal import verdict_table


def lines(run, width, report=None, asked=None):
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(verdict_table(run, report, asked))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_the_columns_stand_under_each_other(run):
    out = lines(run, 130, Path("reports/x/report.pdf"))
    row = {line.split()[0]: line for line in out[:7]}
    assert out[0].split("  ")[0:2] == [" SAF-02", "diverging strings isolate"]  # what was not met comes first
    assert row["SAF-01"].endswith("23.4 ms ± 0.3 ms   limit ≤ 50 ms   8 trials, 2 void")
    assert row["SAF-09"].endswith("discharge of 212 W seen 1.84 s after 0x09BD")
    start = out[0].index("FAIL")
    assert {key: line[start:].split("  ")[0] for key, line in row.items()} == {
        r.id: r.verdict for r in run.requirements
    }
    assert len({row[key].index("limit ≤ 50 ms") for key in ("SAF-01", "SAF-02")}) == 1
    assert out[7].startswith(" emulated, controller v2g-daemon 0.1.0, NOT CERTIFIED")
    assert " report: reports/x/report.pdf" in out


@pytest.mark.parametrize("width", [100, 80, 60, 40, 20])
def test_a_narrow_terminal_loses_nothing(run, width):
    out = lines(run, width)
    assert all(cell_len(line) <= width for line in out)
    joined = " ".join(" ".join(out).split())
    assert "…" not in joined
    for requirement in run.requirements:
        assert requirement.id in joined
        assert requirement.verdict in joined
        assert requirement.title.split()[-1] in joined
    assert "NOT CERTIFIED" in joined
    assert "2 void" in joined


def test_markup_and_control_codes_are_text(run):
    requirement = dataclasses.replace(run.requirements[5], title="[red]x[/red] \x1b[2J", statement="[bold]\x07")
    out = lines(dataclasses.replace(run, requirements=[requirement], incomplete_reason="[/]", complete=False), 120)
    assert "[red]x[/red] <U+001B>[2J" in out[0]
    assert "[bold]<U+0007>" in out[0]
    assert any("INCOMPLETE RUN: [/]" in line for line in out)


def test_an_empty_run_says_that_nothing_was_tested(run):
    out = lines(dataclasses.replace(run, requirements=[]), 100)
    assert out[0] == " no requirement was tested"
    assert "run: INCONCLUSIVE" in out[1]


def test_what_was_asked_for_stands_first_and_the_rest_in_one_line(run):
    left_out = [
        dataclasses.replace(one, id=f"X-{number}", tests=[], verdict="NOT TESTED", not_applicable_reason="")
        for number, one in enumerate(run.requirements[:1] * 40)
    ]
    asked = next(one for one in run.requirements if one.id == "SAF-01")
    out = lines(dataclasses.replace(run, requirements=[*left_out, asked]), 130, asked={"SAF-01"})
    assert out[0].startswith(" SAF-01")
    assert "PASS" in out[0]
    assert out[1] == " not selected by --req: 40 requirements (40 NOT TESTED); the report lists them"
    assert not [line for line in out if "X-1" in line], "the sentence does not list them either"


def test_what_a_test_shows_of_a_requirement_beside_is_not_hidden(run):
    failed = next(one for one in run.requirements if one.verdict == "FAIL")
    assert failed.tests
    out = lines(run, 130, asked={"SAF-01"})
    assert out[0].startswith(f" {failed.id}")


def test_observations_are_counted(run):
    seen = [
        Measurement(name=f"o{n}", value=1.0, limit_low=1.0, verdict="PASS", statement=f"o{n}: yes") for n in range(3)
    ]
    one = Requirement(
        id="A-1", title="a", verdict="PASS", tests=[TestResult(nodeid="t", verdict="PASS", measurements=seen)]
    )
    assert lines(dataclasses.replace(run, requirements=[one]), 130)[0].endswith("3 of 3 observations as required: o0")
