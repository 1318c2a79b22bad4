"""A signing key in a PKCS#11 token: a smart card, a USB key, a hardware security module, or SoftHSM."""

from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from v2g_bench.errors import BenchError
from v2g_bench.reports.sign.signer import Signer

FORM = "pkcs11:module=PATH;token=NAME;label=KEY"


def token_signer(spec: str, pin: str | None) -> Signer:
    """The ECDSA key and its certificate of one label in a token; BenchError names what is missing."""
    try:
        import pkcs11
        from pyhanko.sign.pkcs11 import PKCS11Signer
    except ImportError:
        raise BenchError(spec, "needs python-pkcs11", "install v2g-bench[pkcs11]") from None
    fields = dict(part.partition("=")[::2] for part in spec.removeprefix("pkcs11:").split(";"))
    if set(fields) != {"module", "token", "label"}:
        raise BenchError(spec, "is not understood", f"write {FORM}")
    if pin is None:
        raise BenchError(spec, "the token's PIN is not known", "set V2G_BENCH_PIN")
    if not Path(fields["module"]).is_file():
        raise BenchError(spec, f"no such module: {fields['module']}", "give the path of the token's PKCS#11 library")
    try:
        session = pkcs11.lib(fields["module"]).get_token(token_label=fields["token"]).open(user_pin=pin)
        key = session.get_key(pkcs11.ObjectClass.PRIVATE_KEY, label=fields["label"])
        held = session.get_objects(
            {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE, pkcs11.Attribute.LABEL: fields["label"]}
        )
        der = next(iter(held))[pkcs11.Attribute.VALUE]
    except StopIteration:
        raise BenchError(spec, "the token holds no certificate of that label") from None
    except pkcs11.PKCS11Error as error:
        raise BenchError(spec, f"the token refuses: {type(error).__name__} {error}") from error
    certificate = x509.load_der_x509_certificate(der)
    if not isinstance(certificate.public_key(), ec.EllipticCurvePublicKey):
        raise BenchError(spec, "is no ECDSA key", "use one on P-256 or P-384")
    pades = PKCS11Signer(session, cert_label=fields["label"], key_label=fields["label"], use_raw_mechanism=True)
    return Signer(certificate, lambda message: _sign(key, message), pades)


def _sign(key: Any, message: bytes) -> bytes:
    """An ECDSA signature in DER, of the SHA-256 of `message`: a token gives r and s side by side."""
    import hashlib

    import pkcs11

    raw = key.sign(hashlib.sha256(message).digest(), mechanism=pkcs11.Mechanism.ECDSA)
    half = len(raw) // 2
    return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
