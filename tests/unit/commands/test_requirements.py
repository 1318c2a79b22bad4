"""v2g-bench requirements: what is claimed is found wherever pytest would find it, and a gap is an error."""

import json
from pathlib import Path

import pytest

from v2g_bench.commands.main import main
from v2g_bench.commands.requirements import read_claims
from v2g_bench.errors import BenchError
from v2g_bench.fixtures.requirements import read_requirements

CONFORMANCE = Path(__file__).parents[2] / "conformance"

TESTS = """
import pytest
from pytest import mark

@pytest.mark.req("SAF-01")
@pytest.mark.parametrize("x", [1, 2])
def test_plain(bench): ...

@mark.req("SAF-02")
class TestGroup:
    def test_inside(self, bench): ...

    @pytest.mark.req("SAF-01")
    def test_both(self, bench): ...

def helper(): ...
"""


def requirement(folder: Path, key: str) -> None:
    path = folder / "requirements" / f"{key}.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"---\nid: {key}\ntitle: t of {key}\nfamily: safety\nsource: s\nlimit: l\nmethod: m\n---\nText.\n")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "test_one.py").write_text(TESTS)
    for key in ("SAF-01", "SAF-02"):
        requirement(tmp_path, key)
    return tmp_path


def test_claims_are_found_on_functions_and_classes(folder):
    found = read_claims(folder, read_requirements(folder))
    assert {key: [test.rpartition("py::")[2] for test in tests] for key, tests in found.items()} == {
        "SAF-01": ["test_plain", "TestGroup::test_both"],
        "SAF-02": ["TestGroup::test_inside", "TestGroup::test_both"],
    }


def test_claims_of_a_whole_module_are_found(folder):
    (folder / "test_one.py").write_text('import pytest\npytestmark = [pytest.mark.req("SAF-02")]\ndef test_a(): ...\n')
    assert read_claims(folder, read_requirements(folder))["SAF-02"] == [f"{folder / 'test_one.py'}::test_a"]


def test_all_tested_is_status_0(folder, capsys):
    assert main(["requirements", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "SAF-01  safety   t of SAF-01" in out
    assert "2 requirements, 0 untested" in out


def test_an_untested_line_is_status_1_and_stands_out(folder, capsys):
    requirement(folder, "SAF-03")
    assert main(["requirements", str(folder)]) == 1
    assert "t of SAF-03   UNTESTED" in capsys.readouterr().out
    assert main(["requirements", "--json", str(folder)]) == 1
    rows = {row["id"]: row["tests"] for row in json.loads(capsys.readouterr().out)}
    assert rows["SAF-03"] == []
    assert len(rows["SAF-01"]) == 2


def test_a_claim_of_an_unknown_id_is_named_with_its_line(folder):
    (folder / "test_two.py").write_text('import pytest\n\n@pytest.mark.req("SAF-99")\ndef test_x(): ...\n')
    with pytest.raises(BenchError, match=r"test_two.py:4: test_x claims 'SAF-99'"):
        read_claims(folder, read_requirements(folder))


@pytest.mark.parametrize("text", ["def test_(:\n", "\0"])
def test_a_broken_file_is_named(folder, capsys, text):
    (folder / "test_two.py").write_text(text)
    assert main(["requirements", str(folder)]) == 2
    assert "test_two.py" in capsys.readouterr().err


def test_no_requirement_at_all_is_no_success(tmp_path, capsys):
    assert main(["requirements", str(tmp_path)]) == 2
    assert "there are no requirements" in capsys.readouterr().err


def test_every_shipped_requirement_is_tested(capsys):
    assert main(["requirements", str(CONFORMANCE)]) == 0, capsys.readouterr().out


def test_a_requirement_that_awaits_something_is_listed_by_what_it_awaits(folder, capsys):
    requirement(folder, "SAF-03")
    path = folder / "requirements" / "SAF-03.md"
    path.write_text(path.read_text().replace("method: m\n", "method: m\nawaits: a vehicle in the bench\n"))
    assert main(["requirements", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "t of SAF-03   NOT TESTED YET, awaits a vehicle in the bench" in out
    assert "3 requirements, 0 untested, 1 not yet testable" in out
    assert main(["requirements", "--json", str(folder)]) == 0
    (row,) = [row for row in json.loads(capsys.readouterr().out) if row["id"] == "SAF-03"]
    assert (row["tests"], row["awaits"]) == ([], "a vehicle in the bench")


def test_what_is_tested_awaits_nothing(folder):
    path = folder / "requirements" / "SAF-01.md"
    path.write_text(path.read_text().replace("method: m\n", "method: m\nawaits: a vehicle\n"))
    with pytest.raises(BenchError, match=r"test_one.py:7: test_plain claims SAF-01, which awaits a vehicle"):
        read_claims(folder, read_requirements(folder))


def test_all_codes_of_the_manual_have_a_requirement():
    text = " ".join(one.raw for one in read_requirements(CONFORMANCE).values())
    for code in (
        "0x01A2",
        "0x05F1",
        "0x09BD",
        "0x0B22",
        "ERR_BMS_TIMEOUT",
        "FAULT_INVERTER_OFFLINE",
        "Protocol Mismatch",
    ):
        assert code in text, code
