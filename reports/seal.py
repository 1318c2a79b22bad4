"""The bench's seal on a run folder: a PAdES signature on the PDF, and an in-toto statement in a DSSE envelope.

`seal` signs report.pdf, then writes manifest.json and SHA256SUMS for the signed file, then seal.json: the envelope over
a Statement v1 that names manifest.json and report.pdf by their SHA-256. The manifest names every other file, so one
signature covers the folder, and `sha256sum -c SHA256SUMS` still holds. seal.json also holds the signer's certificate;
whether that is to be trusted, the reader must know (`trusted`).

Format: https://github.com/secure-systems-lab/dsse (envelope), https://in-toto.io/Statement/v1 (statement).
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography import x509

from v2g_bench.errors import BenchError
from v2g_bench.reports import pades
from v2g_bench.reports.check import Verification
from v2g_bench.reports.files import write_atomic
from v2g_bench.reports.keys import Signer, certificate_of, fingerprint, name_of, signature_fits
from v2g_bench.reports.model import Run, load
from v2g_bench.reports.statements import report_id
from v2g_bench.reports.verdicts import FAIL, NOT_APPLICABLE, PASS
from v2g_bench.reports.write import MANIFEST, OUTPUTS, PDF, RESULTS, SEAL, entry_of, lists

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
NAMED = (MANIFEST, PDF)


def seal(folder: Path, signer: Signer, *, reason: str = "Sealed by the bench that made it") -> Path:
    """Seal the run in `folder`; the path of seal.json. BenchError if it is sealed already, or not a whole run folder."""
    run, path = load(folder / RESULTS), folder / SEAL
    if path.exists():
        raise BenchError(str(path), "the run is sealed already", "a seal is not replaced; make a new run")
    try:
        pdf = (folder / PDF).read_bytes()
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(str(folder), f"cannot be sealed: {error}", "rebuild it first: v2g-bench report") from error
    write_atomic(folder / PDF, pades.sign(pdf, signer, reason=reason))
    entries = [entry for entry in manifest["files"] if entry["path"] != PDF]
    entries.append(entry_of(folder / PDF, PDF, OUTPUTS[PDF]))
    for name, content in lists(run, entries, manifest["problems"]):
        write_atomic(folder / name, content)
    write_atomic(path, envelope(statement(folder, run), signer))
    return path


def statement(folder: Path, run: Run) -> dict[str, Any]:
    """What is attested: these files are the result of this run, with its verdict."""
    found = {verdict: [r.id for r in run.requirements if r.verdict == verdict] for verdict in (PASS, FAIL)}
    other = [r.id for r in run.requirements if r.verdict not in (PASS, FAIL, NOT_APPLICABLE)]
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": _sha256(folder / name)}} for name in NAMED],
        "predicateType": PREDICATE,
        "predicate": {
            "result": {PASS: "PASSED", FAIL: "FAILED"}.get(run.verdict, "WARNED"),
            "configuration": [{"name": RESULTS, "digest": {"sha256": _sha256(folder / RESULTS)}}],
            "passedTests": found[PASS],
            "warnedTests": other,
            "failedTests": found[FAIL],
            "report": report_id(run),
            "verdict": run.verdict,
            "evidence": run.evidence,
            "clock": run.clock,
            "complete": run.complete,
        },
    }


def envelope(content: dict[str, Any], signer: Signer) -> bytes:
    """The statement in a signed envelope, with the signer's certificate beside it."""
    payload = json.dumps(content, ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode()
    signature = {"keyid": fingerprint(signer.certificate), "sig": _base64(signer.sign(_pae(payload)))}
    return _dumps(
        {
            "payloadType": PAYLOAD_TYPE,
            "payload": _base64(payload),
            "signatures": [signature],
            "certificate": pades.pem(signer.certificate),
        }
    )


def check_seal(folder: Path, run: Run, result: Verification, trusted: bytes | None = None) -> None:
    """Add to `result` what does not fit in the seal. trusted: PEM of the key or certificate that must have sealed."""
    path = folder / SEAL
    if not path.is_file():
        if trusted is not None or run.issue is not None:
            result.wrong("missing", SEAL, "the run is not sealed")
        result.notes.append("the run is unsealed: whoever can write the folder can change it whole")
        return
    try:
        certificate = _opened(path, statement(folder, run))
        pades.check((folder / PDF).read_bytes(), certificate)
    except (BenchError, OSError, ValueError) as error:
        result.wrong("seal", SEAL, str(error))
        return
    who = f"{name_of(certificate)}, key {fingerprint(certificate)[:23]}…"
    if trusted is None:
        result.notes.append(f"nobody has said whether to trust {who}: give the key that you know with --trust")
    elif fingerprint(certificate) != fingerprint(certificate_of(trusted)):
        result.wrong("seal", SEAL, f"is of {who}, not of the trusted key")
        return
    result.done.append(f"sealed by {who}: report.pdf and {SEAL} fit")


def _opened(path: Path, expected: dict[str, Any]) -> x509.Certificate:
    """The certificate of whoever signed the envelope; BenchError if it does not fit to the last byte."""
    where = str(path)
    try:
        content = path.read_bytes()
        data = json.loads(content)
        (signature,) = data["signatures"]
        payload, sig = (base64.b64decode(text, validate=True) for text in (data["payload"], signature["sig"]))
        certificate = x509.load_pem_x509_certificate(data["certificate"].encode())
        whole = {**data, "payload": _base64(payload), "certificate": pades.pem(certificate)}
        whole["signatures"] = [{"keyid": fingerprint(certificate), "sig": _base64(sig)}]
    except Exception as error:
        raise BenchError(where, f"is no seal: {error}") from error
    known = {"payloadType", "payload", "signatures", "certificate"}
    if set(data) != known or data["payloadType"] != PAYLOAD_TYPE or _dumps(whole) != content:
        raise BenchError(where, "is not as the bench writes a seal")
    if not signature_fits(certificate, sig, _pae(payload)):
        raise BenchError(where, "the signature does not fit")
    if json.loads(payload) != expected:
        raise BenchError(where, "attests other files, or another result, than the folder holds")
    return certificate


def _pae(payload: bytes) -> bytes:
    """What DSSE signs: the type and the payload, each with its length."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _dumps(data: dict[str, Any]) -> bytes:
    return (json.dumps(data, indent=1) + "\n").encode()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
