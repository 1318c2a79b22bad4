import dataclasses
import json
import re
import shutil
import subprocess
from datetime import date, datetime, timedelta

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.reports.issue import DEMANDED, issue, refusals
from v2g_bench.reports.model.run import load
from v2g_bench.reports.sign.keys import new_key, open_signer
from v2g_bench.reports.sign.laboratory import laboratory as read_laboratory
from v2g_bench.reports.sign.pades import check, pem
from v2g_bench.reports.sign.seal import seal
from v2g_bench.reports.verify.run_folder import verify
from v2g_bench.reports.write import write_report


@pytest.fixture(scope="module")
def _measured(kept, tmp_path_factory, bench):
    folder = tmp_path_factory.mktemp("issue") / "measured"
    write_report(kept.chained(kept.hardware(kept.kept_run(folder), folder), folder), folder)
    seal(folder, bench)
    return folder


@pytest.fixture
def measured(_measured, tmp_path):
    """A folder that may be issued."""
    return shutil.copytree(_measured, tmp_path / "measured")


@pytest.fixture(scope="module")
def bench(key):
    return open_signer(str(key))


@pytest.fixture(scope="module")
def keys(laboratory, tmp_path_factory):
    return read_laboratory(laboratory, tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture(scope="module")
def person(tmp_path_factory):
    path = tmp_path_factory.mktemp("person") / "person.pem"
    new_key(path, "A. Person")
    return open_signer(str(path))


def test_an_issued_report_has_number_date_and_signer_on_it(measured, bench, person, keys, pdf_text):
    path = issue(measured, "LAB-2026-017", bench=bench, person=person, keys=keys)
    pages = pdf_text(path.read_bytes())
    assert all("LAB-2026-017" in page for page in pages)
    assert all("ISSUED as LAB-2026-017" in page for page in pages)
    assert "A. Person" in pages[0]
    assert "End of report LAB-2026-017" in pages[-1]
    assert not any("UNISSUED" in page or "NOT CERTIFIED" in page for page in pages)
    run = load(measured / "results.json")
    assert (run.issue.number, run.issue.signer) == ("LAB-2026-017", "A. Person")
    result = verify(measured, public(person))
    assert result.ok, result.findings
    assert [line.split(",")[0] for line in result.done[-2:]] == [
        "sealed by Bench 3",
        "issued as LAB-2026-017 by A. Person",
    ]
    assert (measured / "editions/unissued/report.pdf").is_file()


def public(signer):
    return pem(signer.certificate).encode()


def test_bench_and_person_both_sign_the_pdf_and_the_envelope(measured, bench, person, keys):
    issue(measured, "LAB-1", bench=bench, person=person, keys=keys)
    names = check((measured / "report.pdf").read_bytes(), [bench.certificate, person.certificate])
    assert names == ["Bench", "Issuer"]
    for order in ([person, bench], [bench], [bench, bench]):
        with pytest.raises(BenchError, match="signed by other keys"):
            check((measured / "report.pdf").read_bytes(), [one.certificate for one in order])
    assert len(json.loads((measured / "seal.json").read_text())["signatures"]) == 2
    if shutil.which("pdfsig") is None:
        pytest.skip("pdfsig is missing: apt-get install poppler-utils")
    reported = subprocess.run(["pdfsig", measured / "report.pdf"], capture_output=True, text=True, timeout=60).stdout
    assert reported.count("Signature is Valid") == 2
    assert re.findall("Signer Certificate Common Name: (.*)", reported) == ["Bench 3", "A. Person"]
    assert "Total document signed" in reported.split("Signature #2")[1]


def test_the_signature_of_the_person_taken_away_is_found(measured, bench, person, keys):
    issue(measured, "LAB-1", bench=bench, person=person, keys=keys)
    make_unsigned(measured)
    seal(measured, bench)
    assert any("has 1 signatures" in found.text for found in verify(measured).findings)


def make_unsigned(folder):
    """The issued edition as it was before anybody signed it."""
    write_report(load(folder / "results.json"), folder)
    return folder


def test_a_person_who_is_not_the_one_named_is_found(measured, bench, person, keys, tmp_path):
    issue(measured, "LAB-1", bench=bench, person=person, keys=keys)
    new_key(tmp_path / "other.pem", "Somebody Else")
    make_unsigned(measured)
    seal(measured, bench, open_signer(str(tmp_path / "other.pem")))
    assert any("is signed by Somebody Else, issued by A. Person" in found.text for found in verify(measured).findings)


def test_an_unsealed_run_or_another_bench_or_the_bench_alone_issues_nothing(measured, bench, person, keys, tmp_path):
    new_key(tmp_path / "other.pem", "Bench 4")
    with pytest.raises(BenchError, match="sealed by another key than Bench 4's"):
        issue(measured, "LAB-1", bench=open_signer(str(tmp_path / "other.pem")), person=person, keys=keys)
    with pytest.raises(BenchError, match="a report is issued by a person"):
        issue(measured, "LAB-1", bench=bench, person=bench, keys=keys)
    make_unsigned(measured)
    with pytest.raises(BenchError, match="it is unsealed"):
        issue(measured, "LAB-1", bench=bench, person=person, keys=keys)
    assert not (measured / "editions").exists()


def test_a_key_made_on_the_spot_issues_nothing(measured, person, keys, tmp_path):
    new_key(tmp_path / "spot.pem", "Bench 3")
    spot = open_signer(str(tmp_path / "spot.pem"))
    seal(make_unsigned(measured), spot)
    with pytest.raises(BenchError, match=r"is not on the laboratory's list .*anybody can make a key"):
        issue(measured, "LAB-1", bench=spot, person=person, keys=keys)
    assert not (measured / "editions").exists()


def test_a_run_that_was_sealed_long_after_its_end_is_not_issued(measured, bench, person, keys):
    run = load(measured / "results.json")
    write_report(dataclasses.replace(run, started=_hours(run, -9), ended=_hours(run, -8)), measured)
    seal(measured, bench)
    with pytest.raises(BenchError, match=r"sealed 8\.\d h after its end"):
        issue(measured, "LAB-1", bench=bench, person=person, keys=keys)


def test_a_number_is_given_once_and_an_amended_edition_names_the_one_before(measured, bench, person, keys, pdf_text):
    issue(measured, "LAB-1", bench=bench, person=person, keys=keys)
    with pytest.raises(BenchError, match="issued already, as LAB-1"):
        issue(measured, "LAB-2", bench=bench, person=person, keys=keys)
    with pytest.raises(BenchError, match="the number LAB-1 has been given"):
        issue(measured, "LAB-1", bench=bench, person=person, keys=keys, supersedes="LAB-1")
    first = (measured / "report.pdf").read_bytes()
    path = issue(measured, "LAB-2", bench=bench, person=person, keys=keys, supersedes="LAB-1")
    assert "replaces report LAB-1" in " ".join(pdf_text(path.read_bytes())[0].split())
    assert (measured / "editions/LAB-1/report.pdf").read_bytes() == first
    assert verify(measured).ok


def test_an_issued_edition_without_its_seal_is_found(measured, bench, person, keys):
    issue(measured, "LAB-1", bench=bench, person=person, keys=keys)
    (measured / "seal.json").unlink()
    assert ("missing", "seal.json") in {(f.kind, f.where) for f in verify(measured).findings}


def test_an_emulated_run_is_never_issued(folder, bench, person, keys):
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(BenchError, match="its evidence is emulated"):
        issue(folder, "LAB-1", bench=bench, person=person, keys=keys)
    assert sorted(path.name for path in folder.iterdir()) == before


def _hours(run, after):
    return (datetime.fromisoformat(run.started) + timedelta(hours=after)).isoformat()


def _instrument(run, **changes):
    return [dataclasses.replace(run.instruments[0], **changes), *run.instruments[1:]]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (lambda run: {"clock": "virtual"}, "its clock is virtual"),
        (lambda run: {"complete": False, "incomplete_reason": "killed"}, "incomplete: killed"),
        (lambda run: {"exit_status": 3}, "its verdict is ERROR"),
        (lambda run: {"dirty": True}, "not committed"),
        (lambda run: {"marks": ["grade hardware blocked: x"]}, "grade hardware blocked: x"),
        (lambda run: {"qualification": None}, "was not qualified"),
        (lambda run: {"qualification": dataclasses.replace(run.qualification, verdict="FAIL")}, "ended FAIL"),
        (
            lambda run: {"qualification": dataclasses.replace(run.qualification, date=_hours(run, -29))},
            "29.0 h before the run",
        ),
        (
            lambda run: {"qualification": dataclasses.replace(run.qualification, date=_hours(run, 19))},
            "-19.0 h before the run",
        ),
        (lambda run: {"instruments": _instrument(run, calibration_due="2026-11-22")}, "due 2026-11-22"),
        (lambda run: {"instruments": _instrument(run, calibration_due="")}, "meters.dc_current: certificate 1"),
        (lambda run: {"instruments": _instrument(run, emulated=True)}, "meters.dc_current is emulated"),
        (lambda run: {"instruments": run.instruments[-1:]}, "no measuring instrument"),
        (lambda run: {"job": {}}, "does not state: laboratory (7.8.2.1 b), address (7.8.2.1 b), customer"),
        (lambda run: {"place": ""}, "does not state: place (7.8.2.1 c), of ISO/IEC 17025"),
        *(
            (lambda run, key=key: {"job": run.job | {key: " "}}, f"does not state: {key} (")
            for key in DEMANDED
            if key != "place"
        ),
        (lambda run: {"requirements": []}, "its verdict is INCONCLUSIVE"),
    ],
)
def test_everything_that_speaks_against_it_is_said(kept, tmp_path, changes, text):
    run = kept.hardware(kept.kept_run(tmp_path), tmp_path)
    assert refusals(run) == []
    assert any(text in reason for reason in refusals(dataclasses.replace(run, **changes(run))))


def test_an_undecided_requirement_beside_a_failed_one(kept, tmp_path):
    run = kept.hardware(kept.kept_run(tmp_path, (61.0,)), tmp_path)
    assert refusals(run) == [], "a complete FAIL may be issued"
    open_one = dataclasses.replace(run.requirements[0], id="SAF-02", verdict="INCONCLUSIVE", tests=[])
    changed = dataclasses.replace(run, requirements=[*run.requirements, open_one])
    assert refusals(changed) == ["undecided: SAF-02"]


def test_a_folder_that_does_not_verify_is_not_issued(measured, bench, person, keys):
    log = measured / "main.blf"
    log.write_bytes(log.read_bytes() + b"x")
    with pytest.raises(BenchError, match="changed .*main.blf"):
        issue(measured, "LAB-1", bench=bench, person=person, keys=keys)


def test_a_certificate_that_is_not_valid_and_a_number_that_is_none(measured, bench, person, keys):
    with pytest.raises(BenchError, match="is not valid on 2020-01-01"):
        issue(measured, "LAB-1", bench=bench, person=person, keys=keys, on=date(2020, 1, 1))
    with pytest.raises(BenchError, match="cannot be a report's number"):
        issue(measured, "../x", bench=bench, person=person, keys=keys)
    assert json.loads((measured / "results.json").read_text())["issue"] is None
