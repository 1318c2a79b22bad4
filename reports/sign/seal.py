"""The seal on a run folder: PAdES signatures on the PDF, and an in-toto statement in a DSSE envelope.

`seal` signs report.pdf, then writes manifest.json and SHA256SUMS for the signed file, then seal.json: the envelope over
a Statement v1 that names manifest.json and report.pdf by their SHA-256. The manifest names every other file, so the
signatures cover the folder, and `sha256sum -c SHA256SUMS` still holds. seal.json also holds the signers' certificates;
whether they are to be trusted, the reader must know (`trusted`).

The bench signs first. On an issued edition the person who issues it signs after the bench: both on the PDF, both on the
envelope, in that order.

Format: https://github.com/secure-systems-lab/dsse (envelope), https://in-toto.io/Statement/v1 (statement).
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography import x509

from v2g_bench.errors import BenchError
from v2g_bench.inputs.folder import require_plain
from v2g_bench.inputs.text import json_of, read_json
from v2g_bench.reports.model.files import write_atomic
from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.model.run import Run, load
from v2g_bench.reports.model.verdicts import FAIL, NOT_APPLICABLE, PASS
from v2g_bench.reports.render.scope import headline, partial
from v2g_bench.reports.render.statements import report_id
from v2g_bench.reports.sign import pades
from v2g_bench.reports.sign.keys import certificate_of, fingerprint, name_of, signature_fits
from v2g_bench.reports.sign.laboratory import LABORATORY, Laboratory
from v2g_bench.reports.sign.signer import Signer
from v2g_bench.reports.write import MANIFEST, OUTPUTS, PDF, RESULTS, SEAL, entry_of, lists

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
NAMED = (MANIFEST, PDF)
SEALED = "Sealed by the bench that made it"
BENCH_FIELD, PERSON_FIELD = "Bench", "Issuer"


def seal(folder: Path, bench: Signer, person: Signer | None = None, *, reason: str = SEALED) -> Path:
    """Seal the run in `folder`; the path of seal.json. BenchError if it is sealed already, or not a whole run folder.

    person: signs after the bench, for `reason`.
    """
    require_plain(folder)
    run, path = load(folder / RESULTS), folder / SEAL
    if path.exists():
        raise BenchError(str(path), "the run is sealed already", "a seal is not replaced; make a new run")
    try:
        pdf = (folder / PDF).read_bytes()
        manifest = read_json(folder / MANIFEST)
        entries = [entry for entry in manifest["files"] if entry["path"] != PDF]
        problems = list(manifest["problems"])
    except (OSError, BenchError, LookupError, TypeError) as error:
        raise BenchError(str(folder), f"cannot be sealed: {error}", "rebuild it first: v2g-bench report") from error
    pdf = pades.sign(pdf, bench, reason=SEALED if person else reason, field=BENCH_FIELD)
    if person is not None:
        pdf = pades.sign(pdf, person, reason=reason, field=PERSON_FIELD)
    write_atomic(folder / PDF, pdf)
    entries.append(entry_of(folder / PDF, PDF, OUTPUTS[PDF]))
    for name, content in lists(run, entries, problems):
        write_atomic(folder / name, content)
    write_atomic(path, envelope(statement(folder, run), [bench] if person is None else [bench, person]))
    return path


_RESULTS = {PASS: "PASSED", FAIL: "FAILED"}


def statement(folder: Path, run: Run) -> dict[str, Any]:
    """What is attested: these files are the result of this run, with its verdict."""
    found = {verdict: [r.id for r in run.requirements if r.verdict == verdict] for verdict in (PASS, FAIL)}
    other = [r.id for r in run.requirements if r.verdict not in (PASS, FAIL, NOT_APPLICABLE)]
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": _sha256(folder / name)}} for name in NAMED],
        "predicateType": PREDICATE,
        "predicate": {
            "result": "WARNED" if partial(run) and run.verdict != FAIL else _RESULTS.get(run.verdict, "WARNED"),
            "configuration": [{"name": RESULTS, "digest": {"sha256": _sha256(folder / RESULTS)}}],
            "passedTests": found[PASS],
            "warnedTests": other,
            "failedTests": found[FAIL],
            "report": report_id(run),
            "verdict": run.verdict,
            **({"scope": headline(run)} if run.profile else {}),
            "evidence": run.evidence,
            "clock": run.clock,
            "complete": run.complete,
        },
    }


def envelope(content: dict[str, Any], signers: list[Signer]) -> bytes:
    """The statement in an envelope with a signature of each, and their certificates beside it in the same order."""
    payload = json.dumps(content, ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode()
    signed = [(signer.certificate, signer.sign(_pae(payload))) for signer in signers]
    return _dumps(_data(payload, signed))


def check_seal(
    folder: Path, run: Run, result: Verification, trusted: bytes | None = None, keys: Laboratory | None = None
) -> None:
    """Add to `result` what does not fit in the seal.

    trusted: PEM of the key or certificate that must have sealed; keys: the laboratory's list, where there is no such PEM.
    """
    path = folder / SEAL
    if not path.is_file():
        if trusted is not None or run.issue is not None:
            result.wrong("missing", SEAL, "the run is not sealed")
        return
    try:
        certificates = _opened(path, statement(folder, run))
        _right_people(certificates, run)
        pades.check(pdf := (folder / PDF).read_bytes(), certificates)
    except (BenchError, OSError, ValueError) as error:
        result.wrong("seal", SEAL, str(error))
        return
    result.sealed = _who(certificates[0])
    if trusted is not None:
        if fingerprint(certificate_of(trusted)) not in map(fingerprint, certificates):
            result.wrong("seal", SEAL, f"is of {_who(certificates[0])}, not of the trusted key")
            return
        result.vouched = "as --trust names it"
    elif keys is not None:
        if refused := keys.refusal(fingerprint(certificates[0]), pades.signed_at(pdf)[0].date()):
            result.wrong("seal", SEAL, f"is of {_who(certificates[0])}: {refused}")
            return
        result.vouched = f"on the laboratory's list {keys.path}"
    else:
        who = " and ".join(_who(certificate) for certificate in certificates)
        result.notes.append(f"{who} was not compared with a key that you know: name it with --trust, or {LABORATORY}")
    result.done.append(f"sealed by {_who(certificates[0])}: {PDF} and {SEAL} fit")
    if run.issue is not None:
        result.done.append(f"issued as {run.issue.number} by {_who(certificates[1])}: {PDF} and {SEAL} fit")


def sealed_by(folder: Path) -> str:
    """The fingerprint of the key that sealed the run first; "" where it is unsealed or the seal cannot be read."""
    try:
        data = read_json(folder / SEAL)
        return fingerprint(x509.load_pem_x509_certificate(data["certificates"][0].encode()))
    except (BenchError, ValueError, LookupError, TypeError, AttributeError):
        return ""


def _right_people(certificates: list[x509.Certificate], run: Run) -> None:
    """A run is signed by its bench; an issued edition by its bench and by the person whom it names."""
    if len(certificates) != (2 if run.issue else 1):
        raise BenchError(SEAL, f"has {len(certificates)} signatures", "the bench signs; who issues a report signs too")
    if run.issue is not None:
        if name_of(certificates[1]) != run.issue.signer:
            raise BenchError(SEAL, f"is signed by {name_of(certificates[1])}, issued by {run.issue.signer}")
        if fingerprint(certificates[0]) == fingerprint(certificates[1]):
            raise BenchError(SEAL, "the bench and the person who issued it have the same key")


def _who(certificate: x509.Certificate) -> str:
    return f"{name_of(certificate)}, key {fingerprint(certificate)[:23]}…"


def _opened(path: Path, expected: dict[str, Any]) -> list[x509.Certificate]:
    """The certificates of those who signed the envelope; BenchError if it does not fit to the last byte."""
    where = str(path)
    try:
        content = path.read_bytes()
        data = json.loads(content)
        payload = base64.b64decode(data["payload"], validate=True)
        certificates = [x509.load_pem_x509_certificate(text.encode()) for text in data["certificates"]]
        signatures = [base64.b64decode(one["sig"], validate=True) for one in data["signatures"]]
        signed = list(zip(certificates, signatures, strict=True))
        whole = _dumps(_data(payload, signed))
    except Exception as error:
        raise BenchError(where, f"is no seal: {error}") from error
    if not signed or whole != content:
        raise BenchError(where, "is not as the bench writes a seal")
    if not all(signature_fits(certificate, signature, _pae(payload)) for certificate, signature in signed):
        raise BenchError(where, "the signature does not fit")
    if json_of(payload, where) != expected:
        raise BenchError(where, "attests other files, or another result, than the folder holds")
    return certificates


def _data(payload: bytes, signed: list[tuple[x509.Certificate, bytes]]) -> dict[str, Any]:
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": _base64(payload),
        "signatures": [{"keyid": fingerprint(certificate), "sig": _base64(sig)} for certificate, sig in signed],
        "certificates": [pades.pem(certificate) for certificate, _ in signed],
    }


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
