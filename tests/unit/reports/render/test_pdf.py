import dataclasses
import re
import shutil
import subprocess
import sys

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.reports.model.run import dumps
from v2g_bench.reports.render.pdf import render_pdf
from v2g_bench.reports.render.view import view


def render(run, folder):
    return render_pdf(run, view(run, folder)[0])


def flat(pages):
    return " ".join(" ".join(pages).split())


def test_mark_report_id_and_page_number_on_every_page(run, tmp_path, pdf_text):
    pages = pdf_text(render(run, tmp_path))
    report = view(run, tmp_path)[0]["report_id"]
    assert len(pages) > 5
    for number, page in enumerate(pages, 1):
        assert "EMULATED - no hardware was measured" in page
        assert "NOT CERTIFIED" in page
        assert report in page
        assert f"Page {number} of {len(pages)}" in page
    assert f"— End of report {report} —" in pages[-1]


def test_all_is_there(run, tmp_path, pdf_text):
    seen = flat(pdf_text(render(run, tmp_path)))
    for words in (
        "NOT MET: SAF-02, SAF-09.", "userland bus in place of", "cannot be issued",
        "23.40 ms ± 0.30 ms, k = 2", "void: the host stalled for 14 ms", "61.30 ms ± 0.30 ms",
        "own-frame echo, kernel stamp",
        "guarded acceptance", "U = 0.28 ms", "Keysight 34465A", "48.96 ms ± 0.30 ms", "300 mV", "CLOCK_MONOTONIC",
        'interface = "v2g"', "does not claim ocpp", "t1 = 23.40 ms", "limit 50 ms, guard 0.3 ms",
    ):  # fmt: skip
        assert words in seen, words


def test_text_of_the_run_is_never_markup(run, tmp_path, sample, pdf_text):
    hostile = sample.HOSTILE + " // /* = h \n= heading\n- item\n#let x = 1"
    test = dataclasses.replace(run.requirements[0].tests[0], title=hostile, reason=hostile, log=hostile, nodeid=hostile)
    requirement = dataclasses.replace(run.requirements[0], title=hostile, text=hostile, tests=[test], id="#x $y$")
    changed = dataclasses.replace(
        run, title=hostile, requirements=[requirement], deviations=[hostile], rig_file_text=hostile,
        host={hostile: hostile}, marks=[hostile], incomplete_reason=hostile, complete=False, operator=hostile,
        decision_rule=hostile,
    )  # fmt: skip
    seen = flat(pdf_text(render(changed, tmp_path)))
    literal = 'cost: $x^2$ #panic("no") *b* _i_ `r` @ref'
    assert seen.count(literal) >= 6
    assert '<script>alert("x")</script> & "quoted" \\ [c] ]]> <U+6F22> <U+0007> end' in seen
    assert "#let x = 1" in seen
    assert "INCOMPLETE RUN" in seen


@pytest.mark.compiled_anew
def test_the_same_run_gives_the_same_bytes_in_another_process(run, tmp_path, sample):
    first = render(run, tmp_path)
    assert first == render(run, tmp_path)
    program = (
        "import sys; from pathlib import Path; from v2g_bench.reports.model.run import load\n"
        "from v2g_bench.reports.render.pdf import render_pdf; from v2g_bench.reports.render.view import view\n"
        "run = load(Path(sys.argv[1])); sys.stdout.buffer.write(render_pdf(run, view(run, Path(sys.argv[2]))[0]))"
    )
    (tmp_path / "r.json").write_bytes(dumps(run))
    command = [sys.executable, "-c", program, tmp_path / "r.json", tmp_path]
    done = subprocess.run(command, capture_output=True, check=True, timeout=100, cwd=tmp_path)
    assert done.stdout == first


def test_it_is_tagged_pdf_a_with_the_results_inside(run, tmp_path):
    pdf = render(run, tmp_path)
    assert pdf.startswith(b"%PDF-1.7")
    assert re.search(rb"<pdfaid:part>3</pdfaid:part>|pdfaid:part=.3", pdf)
    assert re.search(rb"<pdfaid:conformance>A</pdfaid:conformance>|pdfaid:conformance=.A", pdf)
    assert b"/MarkInfo" in pdf
    if shutil.which("pdfdetach") is None:
        pytest.skip("pdfdetach is missing: apt-get install poppler-utils")
    (tmp_path / "r.pdf").write_bytes(pdf)
    (tmp_path / "out").mkdir()
    subprocess.run(["pdfdetach", "-saveall", "-o", tmp_path / "out", tmp_path / "r.pdf"], check=True, timeout=30)
    assert (tmp_path / "out/results.json").read_bytes() == dumps(run)


def test_every_figure_has_words(run, tmp_path):
    if shutil.which("pdfinfo") is None:
        pytest.skip("pdfinfo is missing: apt-get install poppler-utils")
    (tmp_path / "r.pdf").write_bytes(render(run, tmp_path))
    done = subprocess.run(["pdfinfo", "-struct", tmp_path / "r.pdf"], capture_output=True, check=True, timeout=30)
    tree = done.stdout.decode(errors="replace")
    assert tree.count("Figure") >= 16
    assert "Table" in tree


def test_a_long_log_keeps_its_beginning_and_its_end_and_stays_on_the_page(run, tmp_path, pdf_text):
    log = "\n".join(["first line", "x" * 500 + "END", *(f"line {n}" for n in range(5000)), "last line"])
    test = dataclasses.replace(run.requirements[5].tests[0], log=log)
    requirement = dataclasses.replace(run.requirements[5], tests=[test])
    pages = pdf_text(render(dataclasses.replace(run, requirements=[requirement]), tmp_path))
    seen = flat(pages)
    assert len(pages) < 12
    assert "first line" in seen
    assert "last line" in seen
    assert re.search(r"↳ x+END", seen)
    assert re.search(r"\[49\d\d lines left out here", seen)


def test_a_long_name_breaks_in_its_cell_and_is_copied_as_it_was_written(run, tmp_path, pdf_text):
    name = "TCPIP::" + "192.168.100.100::" * 6 + "INSTR"
    instrument = dataclasses.replace(run.instruments[0], resource=name)
    pages = pdf_text(render(dataclasses.replace(run, instruments=[instrument]), tmp_path))
    page = next(page for page in pages if "TCPIP::192" in page)
    assert "\u200b" not in page
    assert max(len(line) for line in page.splitlines()) < 150
    assert sum("100.100::" in line for line in page.splitlines()) >= 3


@pytest.mark.parametrize("started", ["yesterday", ""])
def test_a_start_that_is_no_time_is_refused(run, tmp_path, started):
    with pytest.raises(BenchError, match=r"started: is not a time of a run"):
        render(dataclasses.replace(run, started=started), tmp_path)


def test_a_run_that_tested_nothing_makes_a_report(run, tmp_path, pdf_text):
    empty = dataclasses.replace(
        run, requirements=[], budgets=[], qualification=None, deviations=[], instruments=[], thresholds={}, pics={},
        host={}, rig_file_text="", marks=[], complete=False, incomplete_reason="the rig did not open",
    )  # fmt: skip
    pages = pdf_text(render(empty, tmp_path))
    assert "No requirement was tested." in flat(pages)
    assert all("INCOMPLETE RUN" in page for page in pages)
    assert "INCONCLUSIVE" in pages[0]
