import dataclasses
import hashlib
import json
import re
import shutil
import subprocess
from xml.etree import ElementTree as ET

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.reports import write
from v2g_bench.reports.model.run import load
from v2g_bench.reports.write import write_report

NAMES = {"results.json", "junit.xml", "report.html", "report.pdf", "manifest.json", "SHA256SUMS"}


def test_everything_is_written_and_every_file_is_in_the_manifest(run, tmp_path):
    (tmp_path / "bus.blf").write_bytes(b"frames")
    written = write_report(run, tmp_path)
    assert set(written) == NAMES
    assert load(written["results.json"]) == run
    manifest = json.loads(written["manifest.json"].read_text())
    listed = {entry["path"]: entry for entry in manifest["files"]}
    here = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert set(listed) == here - {"manifest.json", "SHA256SUMS"}
    for name, entry in listed.items():
        content = (tmp_path / name).read_bytes()
        assert (entry["size"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert (listed["bus.blf"]["role"], listed["report.pdf"]["role"]) == ("capture", "report")
    assert listed["waveforms/soc.npz"]["role"] == "waveform"
    assert manifest["verdict"] == "FAIL"


def test_sha256sum_checks_the_folder_and_sees_a_changed_file(run, tmp_path):
    write_report(run, tmp_path)
    command = ["sha256sum", "--quiet", "--strict", "-c", "SHA256SUMS"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=30, check=False).returncode == 0
    target = tmp_path / "waveforms/soc.npz"
    content = bytearray(target.read_bytes())
    content[len(content) // 2] ^= 1
    target.write_bytes(content)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=30, check=False)
    assert done.returncode != 0
    assert b"waveforms/soc.npz: FAILED" in done.stdout


@pytest.mark.compiled_anew
def test_writing_twice_gives_the_same_bytes(run, tmp_path):
    first = {name: path.read_bytes() for name, path in write_report(run, tmp_path).items()}
    second = {name: path.read_bytes() for name, path in write_report(run, tmp_path).items()}
    assert first == second


def test_a_failed_parameter_fails_its_requirement_in_every_output_alike(run, tmp_path, pdf_text):
    """SAF-02 has one test that passed and one that failed."""
    written = write_report(run, tmp_path)
    data = json.loads(written["results.json"].read_text())
    saf_02 = next(r for r in data["requirements"] if r["id"] == "SAF-02")
    assert [test["verdict"] for test in saf_02["tests"]] == ["PASS", "FAIL"]
    assert saf_02["verdict"] == data["verdict"] == "FAIL"
    page = written["report.html"].read_text()
    row = re.search(r'<tr><td><a href="#req-2-saf-02">.*?</tr>', page, re.S).group()
    assert '<span class="pill fail">FAIL</span>' in row
    suite = next(s for s in ET.parse(written["junit.xml"]).iter("testsuite") if s.get("name").startswith("SAF-02"))
    assert suite.get("failures") == "1"
    matrix = pdf_text(written["report.pdf"].read_bytes())[1]
    assert re.search(r"SAF-02\s+diverging strings\s+.*FAIL", matrix.replace("\n", " "))
    assert not re.search(r"SAF-02\s+diverging\s+strings\s+(isolate\s+)?PASS", matrix.replace("\n", " "))


def test_an_output_that_fails_does_not_cost_the_others(run, tmp_path, monkeypatch):
    write_report(run, tmp_path)

    def broken(shown, folder):
        raise ZeroDivisionError("in the template")

    monkeypatch.setattr(write, "render_html", broken)
    with pytest.raises(
        BenchError, match=r"(?s)the report is not whole.*report.html: ZeroDivisionError: in the template"
    ):
        write_report(run, tmp_path)
    here = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert here == NAMES - {"report.html"}, "the page of the earlier report must not stand beside the new results"
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert "report.html" not in {entry["path"] for entry in manifest["files"]}
    assert len(manifest["problems"]) == 1


def test_a_lost_waveform_is_an_error_with_the_report_written(run, tmp_path):
    (tmp_path / "waveforms/soc.npz").unlink()
    with pytest.raises(BenchError, match=r"soc\.npz: the waveform file is missing"):
        write_report(run, tmp_path)
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == NAMES
    assert "the waveform file is missing (waveforms/soc.npz)" in (tmp_path / "report.html").read_text()


def test_an_incomplete_run_is_marked_everywhere_and_never_pass(run, tmp_path, pdf_text):
    passed = [r for r in run.requirements if r.verdict == "PASS"]
    cut = dataclasses.replace(run, requirements=passed, exit_status=0, complete=False, incomplete_reason="killed")
    written = write_report(cut, tmp_path)
    assert json.loads(written["results.json"].read_text())["verdict"] == "INCONCLUSIVE"
    assert json.loads(written["manifest.json"].read_text())["complete"] is False
    assert "INCOMPLETE RUN" in written["report.html"].read_text()
    assert ET.parse(written["junit.xml"]).getroot().get("errors") == "1"
    pages = pdf_text(written["report.pdf"].read_bytes())
    assert all("INCOMPLETE RUN" in page for page in pages)


def test_links_and_odd_names_in_the_folder(run, tmp_path):
    (tmp_path / "link.npz").symlink_to("/etc/hostname")
    (tmp_path / "two\nlines.log").write_text("x")
    written = write_report(run, tmp_path)
    names = {entry["path"] for entry in json.loads(written["manifest.json"].read_text())["files"]}
    assert "two\nlines.log" in names
    assert "link.npz" not in names
    if shutil.which("sha256sum"):
        command = ["sha256sum", "--quiet", "--strict", "-c", "SHA256SUMS"]
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=30, check=False).returncode == 0
