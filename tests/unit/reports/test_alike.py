"""One failed parameter makes its requirement FAIL, in every output alike; and other programs agree about the files."""

import dataclasses
import html
import json
import re
import shutil
import subprocess
from xml.etree import ElementTree as ET

import pytest

from v2g_bench.reports.model.run import Measurement, Requirement, TestResult
from v2g_bench.reports.model.verdicts import ERROR, FAIL, INCONCLUSIVE, PASS
from v2g_bench.reports.sign.keys import open_signer
from v2g_bench.reports.sign.seal import seal
from v2g_bench.reports.write import write_report

PARAMETERS = ["a", "b", "c", "d"]


@pytest.fixture
def written(kept, tmp_path):
    """The folder of a run with SAF-01 (as kept) and SAF-77, whose parameter `c` has this verdict, the others PASS."""

    def written(verdict):
        base = kept.kept_run(tmp_path / "run")
        tests = [
            TestResult(
                nodeid=f"t.py::test_it[{name}]",
                title="it holds",
                measurements=[
                    Measurement(
                        name="m", value=1.0, limit_low=1.0, verdict=verdict if name == "c" else PASS, statement="m"
                    )
                ],
            )
            for name in PARAMETERS
        ]
        one = Requirement(id="SAF-77", title="it holds", verdict=PASS, text="It holds.", tests=tests)
        run = dataclasses.replace(base, requirements=[*base.requirements, one])
        write_report(run, tmp_path / "run")
        return tmp_path / "run"

    return written


def rows_of(text, key):
    """The lines of the matrix that begin with a requirement's id."""
    return [line for line in text.splitlines() if line.split()[:1] == [key]]


@pytest.mark.parametrize("verdict", [FAIL, ERROR, INCONCLUSIVE, PASS])
def test_one_bad_parameter_is_the_requirements_verdict_everywhere(written, pdf_text, verdict):
    folder = written(verdict)
    pages = pdf_text((folder / "report.pdf").read_bytes())
    assert re.search(rf"^\s*{verdict}\b", pages[0], re.MULTILINE), "the verdict of the run on the first page"
    (row,) = rows_of(pages[1], "SAF-77")
    assert verdict in row
    (good,) = rows_of(pages[1], "SAF-01")
    assert PASS in good

    page = (folder / "report.html").read_text()
    assert page.count(f'<div class="verdict {verdict.lower()}">') == 1
    matrix = html.unescape(
        page[page.index('<table class="matrix">') : page.index("</table>", page.index('class="matrix"'))]
    )
    verdicts = dict(re.findall(r"<tr><td><a[^>]*>([^<]+)</a>.*?<span class=\"pill [a-z-]+\">([A-Z ]+)</span>", matrix))
    assert verdicts == {"SAF-01": PASS, "SAF-77": verdict}
    summary = re.search(r'<details class="req"[^>]*>\s*<summary><span>SAF-77</span>.*?</summary>', page).group()
    assert f">{verdict}</span>" in summary

    root = ET.parse(folder / "junit.xml").getroot()
    suite = next(one for one in root if one.get("name").startswith("SAF-77"))
    bad = {FAIL: "failures", ERROR: "errors", INCONCLUSIVE: "errors"}.get(verdict)
    for attribute in ("failures", "errors"):
        assert suite.get(attribute) == root.get(attribute) == ("1" if attribute == bad else "0")
    message = {p.get("value") for p in suite.iter("property") if p.get("name") == "requirement.verdict"}
    assert message == {verdict}

    for name in ("results.json", "manifest.json"):
        assert json.loads((folder / name).read_text())["verdict"] == verdict


def tool(name, package):
    if shutil.which(name) is None:
        pytest.skip(f"{name} is missing: apt-get install {package}")
    return name


@pytest.fixture
def sealed(written, key):
    folder = written(FAIL)
    seal(folder, open_signer(str(key)))
    return folder


def run(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, timeout=60, **more)


def test_pdfinfo_pdfsig_qpdf_and_sha256sum_agree(sealed, pdf_text):
    pdf = sealed / "report.pdf"
    reported = run(tool("pdfinfo", "poppler-utils"), pdf).stdout
    assert re.search(r"Tagged:\s+yes", reported)
    assert re.search(r"Keywords:.*FAIL", reported)
    assert re.search(r"JavaScript:\s+no", reported)
    assert int(re.search(r"Pages:\s+(\d+)", reported).group(1)) == len(pdf_text(pdf.read_bytes()))
    reported = run(tool("pdfsig", "poppler-utils"), pdf).stdout
    assert reported.count("Signature is Valid") == 1
    assert "Total document signed" in reported
    done = run(tool("qpdf", "qpdf"), "--check", pdf)
    assert done.returncode == 0, done.stdout + done.stderr
    assert run("sha256sum", "--quiet", "--strict", "-c", "SHA256SUMS", cwd=sealed).returncode == 0


def test_the_same_programs_find_a_flipped_byte(sealed):
    """A negative control: what cannot fail proves nothing."""
    pdf = sealed / "report.pdf"
    changed = bytearray(pdf.read_bytes())
    changed[len(changed) // 3] ^= 1
    pdf.write_bytes(changed)
    assert "Signature is Valid" not in run(tool("pdfsig", "poppler-utils"), pdf).stdout
    assert run("sha256sum", "--quiet", "--strict", "-c", "SHA256SUMS", cwd=sealed).returncode == 1


def test_what_is_attached_to_the_pdf_is_what_it_was_made_from(sealed, tmp_path):
    (tmp_path / "attached").mkdir()
    done = run(tool("pdfdetach", "poppler-utils"), "-saveall", "-o", tmp_path / "attached", sealed / "report.pdf")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "attached/results.json").read_bytes() == (sealed / "results.json").read_bytes()
    listed = json.loads((tmp_path / "attached/evidence.json").read_text())["files"]
    manifest = json.loads((sealed / "manifest.json").read_text())["files"]
    assert listed == [entry for entry in manifest if entry["role"] not in ("results", "report")]
    assert "main.blf" in {entry["path"] for entry in listed}
