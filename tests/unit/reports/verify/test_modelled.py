"""The folder of a calculation: whole, recomputed, and never issued."""

import json

import pytest

from v2g_bench.commands.main import main
from v2g_bench.errors import BenchError
from v2g_bench.life.folder import write
from v2g_bench.reports.issue import issue
from v2g_bench.reports.model.modelled import MARK, Figure, Heat, Judged, Level, Line, Modelled, Section, Sheet, load
from v2g_bench.reports.render.modelled import render_html
from v2g_bench.reports.verify.modelled import verify_modelled


def document(**changed):
    lines = (Line(name="a & b", x=(0, 1, 2), y=(100, 95, 90), low=(100, 94, 88), high=(100, 96, 92)),)
    heat = Heat(x=(2, 6), y=(10, 13), hours=((1, 0), (2, 3)), frames=(("a law", 0, 100, 5, 20),))
    figures = (
        Figure(
            title="SOCE",
            x_label="years",
            y_label="%",
            lines=lines,
            levels=(Level(text="80 %", y=80, from_x=0, to_x=2),),
        ),
        Figure(title="plane", x_label="SoC", y_label="°C", heat=heat),
    )
    sheet = Sheet(title="t", head=("a", "b"), rows=(("x <b>", "1"),), numbers=(1,))
    stated = {
        "kind": "audit",
        "title": "A title",
        "report_id": "2026-audit",
        "made": "2026-05-01T10:00:00Z",
        "bench_version": "0",
        "verdict": "PASS",
        "sentence": "It holds.",
        "whose_logic": "Nobody's.",
        "facts": (("key", "value"),),
        "verdicts": (
            Judged(name="q", verdict="PASS", sentence="s"),
            Judged(name="p", verdict="FAIL", sentence="s", counts=False),
        ),
        "assumptions": ("one",),
        "is_not": ("no measurement",),
        "sections": (Section(title="S", sheets=(sheet,), figures=figures),),
        "values": {"a": 1.5},
    }
    return Modelled(**(stated | changed))


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "audit"
    folder.mkdir()
    (folder / "series.parquet").write_bytes(b"series")
    write(document(), folder)
    return folder


def test_it_fits_and_is_no_evidence(folder, capsys):
    kept = load(folder)
    assert (kept.sections[:1], kept.sections[1].title[:8]) == (document().sections, "Appendix")  # the laws' validation
    assert kept.model_copy(update={"sections": document().sections}) == document()
    assert main(["verify", str(folder)]) == 3
    said = capsys.readouterr().out
    assert said.startswith("NO EVIDENCE: not sealed")
    assert MARK in said


def test_page_1_says_what_it_is():
    page = render_html(document()).decode()
    assert "MODELLED - a calculation, nothing was measured here" in page
    assert "Nobody&#39;s." in page
    assert "x &lt;b&gt;" in page


@pytest.mark.parametrize(
    "name", ["series.parquet", "report.html", "report.pdf", "results.json", "manifest.json", "SHA256SUMS"]
)
def test_each_changed_file_is_found(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content.replace(b"a", b"b", 1) if name != "series.parquet" else b"other!")
    assert not verify_modelled(folder).ok


def test_what_is_missing_or_extra_is_found(folder):
    (folder / "report.html").unlink()
    (folder / "more").write_text("")
    assert {one.kind for one in verify_modelled(folder).findings} == {"missing", "extra"}


def test_a_better_verdict_than_its_parts_is_found(folder):
    results = json.loads((folder / "results.json").read_text())
    results["verdicts"][0]["verdict"] = "FAIL"
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    assert any("the verdict says PASS, its parts say FAIL" in str(one) for one in verify_modelled(folder).findings)


def test_it_can_never_be_issued(folder, capsys):
    with pytest.raises(BenchError, match="cannot be issued: its evidence is modelled"):
        issue(folder, "1", bench=None, person=None, keys=None)
    assert main(["issue", str(folder), "--report-number", "1", "--signer", "x"]) == 2
    assert "cannot be issued" in capsys.readouterr().err
