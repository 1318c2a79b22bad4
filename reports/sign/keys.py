"""Keys that sign: a PEM file with a private key and its certificate, or a key in a PKCS#11 token.

A signer is asked for by a string:

    bench.pem                                                   private key (ECDSA P-256/P-384 or Ed25519) + certificate
    pkcs11:module=/usr/lib/softhsm/libsofthsm2.so;token=bench;label=seal   the PIN from $V2G_BENCH_PIN

`new_key` makes a key with a certificate that it signs itself; a laboratory with a certification authority of its own puts
its certificate, and those above it, behind the key instead.
"""

import hashlib
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import NameOID

from v2g_bench.errors import BenchError
from v2g_bench.inputs.files import read_bytes
from v2g_bench.reports.sign.signer import Signer

PIN = "V2G_BENCH_PIN"
TEN_YEARS = timedelta(days=3653)
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def open_signer(spec: str) -> Signer:
    """The signer that `spec` names; see the module's text. BenchError if there is none, or its parts do not fit."""
    if spec.startswith("pkcs11:"):
        from v2g_bench.reports.sign.token import token_signer

        return token_signer(spec, os.environ.get(PIN))
    path = Path(spec)
    try:
        content = read_bytes(path)
    except OSError as error:
        raise BenchError(
            spec, f"cannot be read: {error.strerror}", "make one: v2g-bench key PATH --name NAME"
        ) from error
    if b"ENCRYPTED" in content:
        raise BenchError(spec, "the key is encrypted", "keep it in a PKCS#11 token, or give an unencrypted file")
    try:
        key = serialization.load_pem_private_key(content, None)
        certificates = x509.load_pem_x509_certificates(content)
    except (ValueError, TypeError) as error:
        raise BenchError(spec, f"is no PEM file with a private key and a certificate: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise BenchError(spec, f"holds a {type(key).__name__}", "use ECDSA (P-256, P-384) or Ed25519")
    if _spki(certificates[0].public_key()) != _spki(key.public_key()):
        raise BenchError(spec, "the certificate is not of this key", "put the key's own certificate first")
    return Signer(certificates[0], _signing(key), _pades(key, certificates), certificates[1:])


def new_key(path: Path, name: str) -> x509.Certificate:
    """Write a new ECDSA P-256 key with its own certificate; readable by its owner alone. BenchError if it is there."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = {"digital_signature": True, "content_commitment": True}
    unused = ("key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign")
    usage |= dict.fromkeys((*unused, "encipher_only", "decipher_only"), False)
    certificate = (
        x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number(), now, now + TEN_YEARS)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    content = key.private_bytes(serialization.Encoding.PEM, pkcs8, plain)
    content += certificate.public_bytes(serialization.Encoding.PEM)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except OSError as error:
        raise BenchError(
            str(path), f"cannot be written: {error.strerror}", "an existing key is not replaced"
        ) from error
    return certificate


def certificate_of(pem: bytes) -> x509.Certificate:
    """The first certificate in a PEM file; BenchError if it holds none."""
    try:
        return x509.load_pem_x509_certificates(pem)[0]
    except (ValueError, IndexError) as error:
        raise BenchError("the trusted key", f"is no PEM with a certificate: {error}") from error


def fingerprint(certificate: x509.Certificate) -> str:
    """Of the public key: `SHA256:` and the hexadecimal digest."""
    return "SHA256:" + hashlib.sha256(_spki(certificate.public_key())).hexdigest()


def name_of(certificate: x509.Certificate) -> str:
    """The subject's common name, or the whole subject."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def signature_fits(certificate: x509.Certificate, signature: bytes, message: bytes) -> bool:
    """Whether this certificate's key made this signature of this message."""
    key = certificate.public_key()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
            return True
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
            return True
    except InvalidSignature:
        return False
    return False


def _signing(key: PrivateKey) -> Callable[[bytes], bytes]:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign
    return lambda message: key.sign(message, ec.ECDSA(hashes.SHA256()))


def _pades(key: PrivateKey, certificates: list[x509.Certificate]) -> Any:
    from asn1crypto import keys
    from asn1crypto import x509 as asn1
    from pyhanko.sign.signers import SimpleSigner
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    der = serialization.Encoding.DER
    private = key.private_bytes(der, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    above = [asn1.Certificate.load(certificate.public_bytes(der)) for certificate in certificates[1:]]
    store = SimpleCertificateStore.from_certs(above)  # type: ignore[no-untyped-call]
    own = asn1.Certificate.load(certificates[0].public_bytes(der))
    return SimpleSigner(own, keys.PrivateKeyInfo.load(private), store)


def _spki(key: PublicKeyTypes) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(key.public_bytes(serialization.Encoding.DER, form))
