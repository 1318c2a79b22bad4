"""PAdES signatures on the report's PDF, by pyHanko: certified first, and a person may sign after the bench.

The signed file begins with the bytes that were signed, so a report reproduced from results.json can still be compared. Typst
ends a file without a line feed; one is added first, or the signed file would no longer be PDF/A (rule 6.1.9-1).
"""

import io
import logging
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from v2g_bench.errors import BenchError
from v2g_bench.reports.sign.signer import Signer


def sign(pdf: bytes, signer: Signer, *, reason: str, field: str = "Bench") -> bytes:
    """`pdf` with one signature more; the first one certifies it, and allows further signatures alone."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import fields, signers

    signed = b"/ByteRange" in pdf
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf if signed else pdf + b"\n"))
    meta = signers.PdfSignatureMetadata(
        field_name=field,
        reason=reason,
        md_algorithm=_digest(signer.certificate),
        subfilter=fields.SigSeedSubFilter.PADES,
        certify=not signed,
        docmdp_permissions=fields.MDPPerm.FILL_FORMS,
    )
    out = io.BytesIO()
    signers.PdfSigner(meta, signer=signer.pades).sign_pdf(writer, output=out)
    return out.getvalue()


def check(pdf: bytes, certificates: list[x509.Certificate]) -> list[str]:
    """The names of the signature fields; BenchError unless all fit, the file is covered to its end, and they are of
    these certificates in this order.
    """
    from pyhanko.pdf_utils.reader import PdfFileReader

    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)  # its findings are reported here
    try:
        found = list(PdfFileReader(io.BytesIO(pdf)).embedded_regular_signatures)
        if not found:
            raise BenchError("report.pdf", "holds no signature")
        for place, one in enumerate(found):
            _no_room(pdf, one)
            _check_one(one, place == len(found) - 1)
        own = [one.signer_cert.dump() for one in found]
    except BenchError:
        raise
    except Exception as error:
        raise BenchError("report.pdf", f"its signature cannot be read: {error}") from error
    if own != [certificate.public_bytes(Encoding.DER) for certificate in certificates]:
        raise BenchError("report.pdf", "is signed by other keys than the seal")
    return [one.field_name for one in found]


def signed_at(pdf: bytes) -> list[datetime]:
    """When each signature was made, by the clock of who made it, in their order; BenchError where one does not state it."""
    from pyhanko.pdf_utils.reader import PdfFileReader

    try:
        found = [one.self_reported_timestamp for one in PdfFileReader(io.BytesIO(pdf)).embedded_regular_signatures]
    except Exception as error:
        raise BenchError("report.pdf", f"its signature cannot be read: {error}") from error
    if not found or None in found:
        raise BenchError("report.pdf", "does not state when it was signed")
    return found


def _no_room(pdf: bytes, one: Any) -> None:
    """What a signature does not cover is itself: its place must hold nothing else, as it might hide something."""
    from asn1crypto.parser import peek

    _, first, second, _ = (int(number) for number in one.byte_range)
    held = bytes.fromhex(pdf[first + 1 : second - 1].decode("ascii"))
    if pdf[first:second] != b"<" + held.hex().upper().encode() + b">" or held[peek(held) :].strip(b"\0"):
        raise BenchError("report.pdf", f"the place of the signature {one.field_name!r} holds something else")


def _check_one(one: Any, last: bool) -> None:
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko.sign.validation.status import SignatureCoverageLevel
    from pyhanko_certvalidator.context import ValidationContext

    # The signer's own certificate is taken as the anchor: whom to trust is decided by its key, not by an authority.
    context = ValidationContext(trust_roots=[one.signer_cert], allow_fetching=False)
    status = validate_pdf_signature(one, context)
    if not (status.intact and status.valid):
        raise BenchError("report.pdf", f"the signature {one.field_name!r} does not fit the file")
    if last and status.coverage != SignatureCoverageLevel.ENTIRE_FILE:
        raise BenchError("report.pdf", f"was changed after the signature {one.field_name!r}")
    if not last and not status.docmdp_ok:
        raise BenchError("report.pdf", f"was changed beyond what the signature {one.field_name!r} allows")


def pem(certificate: x509.Certificate) -> str:
    """The certificate as PEM text."""
    return certificate.public_bytes(Encoding.PEM).decode()


def _digest(certificate: x509.Certificate) -> str:
    """Ed25519 goes with SHA-512 (RFC 8419); ECDSA here with SHA-256."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return "sha512" if isinstance(certificate.public_key(), Ed25519PublicKey) else "sha256"
