import os

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from v2g_bench.can.database import BusDatabase
from v2g_bench.errors import BenchError
from v2g_bench.reports.sign import pades
from v2g_bench.reports.sign.keys import certificate_of, fingerprint, name_of, new_key, open_signer, signature_fits
from v2g_bench.reports.sign.laboratory import _certificates
from v2g_bench.reports.verify.time_stamps import read_answers

PEM, PKCS8, PLAIN = (
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
)


def test_a_new_key_is_its_owners_alone_and_is_not_replaced(tmp_path):
    path = tmp_path / "bench.pem"
    certificate = new_key(path, "Bench 3")
    assert path.stat().st_mode & 0o777 == 0o600
    assert name_of(certificate) == "Bench 3"
    with pytest.raises(BenchError, match="an existing key is not replaced"):
        new_key(path, "Bench 4")


def test_what_a_key_signs_fits_its_certificate_and_nothing_else(key, tmp_path):
    signer = open_signer(str(key))
    signature = signer.sign(b"message")
    assert signature_fits(signer.certificate, signature, b"message")
    assert not signature_fits(signer.certificate, signature, b"massage")
    assert not signature_fits(new_key(tmp_path / "other.pem", "x"), signature, b"message")
    assert fingerprint(certificate_of(key.read_bytes())) == fingerprint(signer.certificate)


def test_ed25519_signs_as_well(tmp_path):
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.x509.oid import NameOID

    key = ed25519.Ed25519PrivateKey.generate()
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Edward")])
    now = datetime.now(UTC)
    number = x509.random_serial_number()
    builder = x509.CertificateBuilder(who, who, key.public_key(), number, now, now + timedelta(days=1))
    certificate = builder.sign(key, None)
    path = tmp_path / "ed.pem"
    path.write_bytes(key.private_bytes(PEM, PKCS8, PLAIN) + certificate.public_bytes(PEM))
    signer = open_signer(str(path))
    assert signature_fits(certificate, signer.sign(b"x"), b"x")
    assert pades.check(pades.sign(_pdf(), signer, reason="test"), [certificate]) == ["Bench"]


def test_files_that_are_no_signer_are_refused_with_the_reason(key, tmp_path):
    private, _, certificate = key.read_bytes().partition(b"-----BEGIN CERTIFICATE")
    new_key(tmp_path / "other.pem", "x")
    foreign = (tmp_path / "other.pem").read_bytes().partition(b"-----BEGIN CERTIFICATE")
    rsa_key = rsa.generate_private_key(65537, 2048)
    encrypted = open_signer(str(key)).certificate.public_bytes(PEM) + b"-----BEGIN ENCRYPTED PRIVATE KEY-----"
    for content, text in (
        (b"nothing", "is no PEM file"),
        (private, "is no PEM file"),
        (private + foreign[1] + foreign[2], "the certificate is not of this key"),
        (rsa_key.private_bytes(PEM, PKCS8, PLAIN) + b"-----BEGIN CERTIFICATE" + certificate, "use ECDSA"),
        (encrypted, "the key is encrypted"),
    ):
        path = tmp_path / "broken.pem"
        path.write_bytes(content)
        with pytest.raises(BenchError, match=text):
            open_signer(str(path))
    with pytest.raises(BenchError, match="v2g-bench key"):
        open_signer(str(tmp_path / "none.pem"))


def _pdf() -> bytes:
    import typst

    return typst.compile(b"= A page", format="pdf")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_refused_at_once(tmp_path, make):
    make(tmp_path / "it")
    with pytest.raises(BenchError, match="cannot be read"):
        open_signer(str(tmp_path / "it"))
    with pytest.raises(BenchError, match="cannot be read"):
        _certificates(tmp_path / "it", tmp_path / "run")
    with pytest.raises(BenchError, match="cannot be read"):
        BusDatabase.load(tmp_path / "it", {})
    make(tmp_path / "one.tsr")
    with pytest.raises(BenchError, match="cannot be read"):
        read_answers(tmp_path)
