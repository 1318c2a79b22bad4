"""The one table of exit statuses (reports/README.md) is what the commands do."""

import re
import tomllib
from pathlib import Path

import pytest

from v2g_bench.commands.main import UNREAD, _parser, main
from v2g_bench.commands.reports import NO_EVIDENCE
from v2g_bench.ems.commands import audit
from v2g_bench.fixtures.run_end import final_status, status_of_tests
from v2g_bench.reports.model.verdicts import PASS, UNDECIDED, VERDICTS
from v2g_bench.reports.sign.keys import open_signer
from v2g_bench.reports.sign.seal import seal

ROOT = Path(__file__).parents[3]
NIGHT = (ROOT / "rigs" / "nightly" / "nightly.sh").read_text()


def table():
    """Column title -> status -> what it means."""
    page = (ROOT / "reports" / "README.md").read_text().split("## Exit statuses")[1].split("What is not claimed")[0]
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:1] == "|"
    ]
    return {name: {int(row[0]): row[place] for row in rows if row[place]} for place, name in enumerate(head) if place}


PYTEST, VERIFY, ISSUE, NIGHTLY = table().values()


def test_pytest_has_its_own_statuses_and_no_other():
    assert set(PYTEST) == set(map(int, pytest.ExitCode))


def test_only_a_pass_ends_with_0():
    assert [verdict for verdict in VERDICTS if final_status(verdict, 0) == 0] == [PASS]
    assert PYTEST[0].startswith(PASS)
    assert all(word in PYTEST[1] for word in ("FAIL", *UNDECIDED))


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("status", [status for status in pytest.ExitCode if status])
def test_no_verdict_hides_how_pytest_ended(verdict, status):
    assert final_status(verdict, status) == status


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        (["PASS", "PASS"], 0),
        (["PASS", "NOT TESTED", "NOT APPLICABLE"], 0),
        (["PASS", "FAIL"], 1),
        (["PASS", "INCONCLUSIVE"], 1),
        (["PASS", "ERROR"], 1),
        (["NOT TESTED"], 1),
        ([], 1),
    ],
)
def test_a_developers_run_ends_as_its_tests_did(verdicts, status):
    assert status_of_tests(verdicts, 0) == status
    assert status_of_tests(verdicts, 2) == 2


def test_verify(folder, key, tmp_path, capsys):
    assert main(["verify", str(folder)]) == NO_EVIDENCE
    assert VERIFY[NO_EVIDENCE].partition(":")[0] in capsys.readouterr().out
    seal(folder, open_signer(str(key)))
    assert main(["verify", str(folder), f"--trust={key}"]) == 0
    assert VERIFY[0].partition(",")[0] in capsys.readouterr().out
    (folder / "main.blf").write_text("edited")
    seen = {0, NO_EVIDENCE, main(["verify", str(folder)]), main(["verify", str(tmp_path / "nowhere")]), UNREAD}
    assert seen == set(VERIFY)


def test_issue_refuses_with_2(folder, laboratory, tmp_path, capsys):
    for name in ("bench", "person"):
        main(["key", str(tmp_path / f"{name}.pem"), "--name", name])
    keys = [f"--key={tmp_path / 'bench.pem'}", f"--signer={tmp_path / 'person.pem'}", f"--laboratory={laboratory}"]
    assert main(["issue", str(folder), "--report-number=R-1", *keys]) == 2
    assert "may not be issued" in capsys.readouterr().err
    assert set(ISSUE) == {0, 2, UNREAD}


def test_the_nightly():
    ended = {int(number) for number in re.findall(r"\b(?:finish|exit|untold=)\s*(\d)", NIGHT)}
    said = {int(number) for number in re.findall(r"\b(\d): ", NIGHT.split("set -uo")[0])}
    assert ended == said == set(NIGHTLY)


OTHERS = (ROOT / "reports" / "README.md").read_text().split("The other commands:")[1]


def rows():
    """Command with its options -> cells of 0, 1 and other."""
    found = {}
    for line in re.findall(r"^\| (`v2g-.+) \|$", OTHERS, re.MULTILINE):
        names, *cells = [cell.strip() for cell in line.split(" | ")] if " | " in line else [line]
        first = ""
        for name in re.findall(r"`([^`]+)`", names):
            whole = name if name.startswith("v2g-") else f"v2g-bench {name}"
            first = first or whole
            found[whole] = cells
    return found


def test_the_second_table_has_every_command():
    (subcommands,) = [one.choices for one in _parser()._actions if isinstance(one.choices, dict)]
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    due = {f"v2g-bench {name}" for name in subcommands} | set(scripts) - {"v2g-bench"}
    assert set(rows()) - {"v2g-bench qualify --defects", "v2g-ctrl audit"} == due


def test_what_is_all_in_order_ends_with_0(capsys):
    assert main(["rigs"]) == main(["files"]) == 0
    assert main(["requirements"]) == 0, "each has a test, or awaits something"


@pytest.mark.parametrize("command", ["check", "qualify", "calibrate", "campaign"])
def test_a_rig_or_plan_that_is_not_there_ends_with_2(command, capsys):
    assert main([command, *(["nowhere"] if command == "campaign" else ["--rig=nowhere"])]) == 2


@pytest.mark.parametrize("command", ["verify", "report", "bundle", "export", "seal"])
def test_a_run_that_is_not_there_ends_with_2(command, tmp_path, capsys):
    options = ["--key", str(tmp_path / "no.pem")] if command == "seal" else []
    assert main([command, str(tmp_path / "nowhere"), *options]) == 2


def test_a_call_that_is_wrong_ends_with_2(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["history", "--nonsense"])
    assert ended.value.code == 2
    assert main(["history", "--reports", "/nonexistent"]) == 2


def test_a_requirement_without_a_test_ends_with_1(tmp_path, capsys):
    folder = tmp_path / "acme" / "requirements"
    folder.mkdir(parents=True)
    shipped = ROOT / "tests" / "conformance" / "safety" / "requirements" / "SAF-01.md"
    (folder / "SAF-01.md").write_text(shipped.read_text())
    assert main(["requirements", str(tmp_path / "acme")]) == 1


def test_the_record_of_overrides(tmp_path, capsys):
    assert audit.main(["--verify", "--file", str(tmp_path / "none.jsonl")]) == 2
    (tmp_path / "trail.jsonl").write_text("edited\n")
    assert audit.main(["--verify", "--file", str(tmp_path / "trail.jsonl")]) == 1
