import base64
import json
import shutil
import subprocess

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.reports.sign.keys import certificate_of, new_key, open_signer
from v2g_bench.reports.sign.seal import PAYLOAD_TYPE, seal
from v2g_bench.reports.verify.run_folder import verify
from v2g_bench.reports.write import write_report


@pytest.fixture
def sealed(folder, key):
    seal(folder, open_signer(str(key)))
    return folder


def test_a_sealed_run_fits_and_says_by_whom(sealed, key):
    result = verify(sealed, key.read_bytes())
    assert result.ok, result.findings
    assert any("sealed by Bench 3" in line for line in result.done)
    assert result.notes == ["commit unknown is not here: requirements and tests are not compared with it"]


def test_without_a_trusted_key_a_reader_is_told_so(sealed):
    assert any("--trust" in note for note in verify(sealed).notes)


def test_the_seal_of_somebody_else_is_not_trusted(sealed, tmp_path):
    new_key(tmp_path / "other.pem", "Bench 3")
    (found,) = verify(sealed, (tmp_path / "other.pem").read_bytes()).findings
    assert "not of the trusted key" in found.text


def test_a_seal_taken_away_is_missed(sealed, key):
    (sealed / "seal.json").unlink()
    found = {(finding.kind, finding.where) for finding in verify(sealed, key.read_bytes()).findings}
    assert ("missing", "seal.json") in found
    assert ("rebuild", "report.pdf") in found, "a signed PDF without a seal is not what the results make"


def test_a_run_written_anew_does_not_keep_the_seal(kept, sealed):
    from v2g_bench.reports.model.run import load

    write_report(load(sealed / "results.json"), sealed)
    assert not (sealed / "seal.json").exists()


def test_the_seal_of_another_run_does_not_fit(kept, sealed, tmp_path):
    other = tmp_path / "other"
    write_report(kept.kept_run(other, (30.0, 31.0)), other)
    shutil.copy(sealed / "seal.json", other / "seal.json")
    assert any(finding.kind == "seal" for finding in verify(other).findings)


def test_a_run_is_sealed_once(sealed, key):
    with pytest.raises(BenchError, match="sealed already"):
        seal(sealed, open_signer(str(key)))


def test_the_envelope_is_dsse_over_an_in_toto_statement(sealed, key):
    """Checked without the bench's own code: openssl verifies the signature over DSSE's pre-authentication encoding."""
    data = json.loads((sealed / "seal.json").read_text())
    payload = base64.b64decode(data["payload"])
    statement = json.loads(payload)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert statement["predicate"]["result"] == "PASSED"
    assert {subject["name"] for subject in statement["subject"]} == {"manifest.json", "report.pdf"}
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing: apt-get install openssl")
    aside = sealed.parent
    public = subprocess.run(["openssl", "x509", "-in", key, "-pubkey", "-noout"], capture_output=True, check=True)
    (aside / "public.pem").write_bytes(public.stdout)
    (aside / "sig").write_bytes(base64.b64decode(data["signatures"][0]["sig"]))
    kind = PAYLOAD_TYPE.encode()
    (aside / "pae").write_bytes(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))
    command = ["openssl", "dgst", "-sha256", "-verify", "public.pem", "-signature", "sig", "pae"]
    assert subprocess.run(command, cwd=aside, capture_output=True, timeout=30).returncode == 0


def test_pdfsig_agrees(sealed):
    if shutil.which("pdfsig") is None:
        pytest.skip("pdfsig is missing: apt-get install poppler-utils")
    reported = subprocess.run(["pdfsig", sealed / "report.pdf"], capture_output=True, text=True, timeout=60).stdout
    assert "Signature is Valid" in reported
    assert "Total document signed" in reported
    assert "ETSI.CAdES.detached" in reported


def test_qpdf_finds_no_fault_in_the_signed_file(sealed):
    if shutil.which("qpdf") is None:
        pytest.skip("qpdf is missing: apt-get install qpdf")
    done = subprocess.run(["qpdf", "--check", sealed / "report.pdf"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_certificate_of_refuses_other_files():
    with pytest.raises(BenchError, match="no PEM with a certificate"):
        certificate_of(b"nothing")
