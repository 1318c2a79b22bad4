"""A key in a token, with SoftHSM in place of one."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from v2g_bench.errors import BenchError
from v2g_bench.reports.sign.keys import open_signer, signature_fits
from v2g_bench.reports.sign.seal import seal
from v2g_bench.reports.verify.run_folder import verify

MODULES = [Path(f"/usr/lib/{place}softhsm/libsofthsm2.so") for place in ("", "x86_64-linux-gnu/", "aarch64-linux-gnu/")]
MODULE = next((path for path in MODULES if path.is_file()), None)


@pytest.fixture
def token(key, tmp_path, monkeypatch):
    """A token "bench" that holds the bench's key and certificate as "seal"; gives its name for open_signer."""
    pkcs11 = pytest.importorskip("pkcs11", reason="python-pkcs11 is missing: pip install v2g-bench[pkcs11]")
    if MODULE is None or shutil.which("softhsm2-util") is None:
        pytest.skip("SoftHSM is missing: apt-get install softhsm2")
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path}/tokens\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    monkeypatch.setenv("V2G_BENCH_PIN", "1234")
    private = tmp_path / "private.pem"
    private.write_bytes(key.read_bytes().partition(b"-----BEGIN CERTIFICATE")[0])
    for words in (
        ["--init-token", "--free", "--label", "bench", "--so-pin", "0000", "--pin", "1234"],
        ["--import", str(private), "--token", "bench", "--label", "seal", "--id", "01", "--pin", "1234"],
    ):
        subprocess.run(["softhsm2-util", *words], check=True, capture_output=True, timeout=60, env=os.environ.copy())
    library = pkcs11.lib(str(MODULE))
    library.reinitialize()
    from pkcs11.util.x509 import decode_x509_certificate

    der = open_signer(str(key)).certificate.public_bytes(serialization.Encoding.DER)
    with library.get_token(token_label="bench").open(rw=True, user_pin="1234") as session:
        session.create_object(
            {**decode_x509_certificate(der), pkcs11.Attribute.LABEL: "seal", pkcs11.Attribute.TOKEN: True}
        )
    yield f"pkcs11:module={MODULE};token=bench;label=seal"
    library.finalize()


def test_a_key_in_a_token_seals_a_run(token, folder, key):
    signer = open_signer(token)
    assert signature_fits(signer.certificate, signer.sign(b"x"), b"x")
    seal(folder, signer)
    result = verify(folder, key.read_bytes())
    assert result.ok, result.findings


def test_what_is_missing_is_said(token, monkeypatch):
    with pytest.raises(BenchError, match="the token refuses"):
        open_signer(token.replace("token=bench", "token=other"))
    with pytest.raises(BenchError, match="the token refuses"):
        open_signer(token.replace("label=seal", "label=none"))
    monkeypatch.setenv("V2G_BENCH_PIN", "wrong")
    with pytest.raises(BenchError, match="the token refuses"):
        open_signer(token)
    monkeypatch.delenv("V2G_BENCH_PIN")
    with pytest.raises(BenchError, match="set V2G_BENCH_PIN"):
        open_signer(token)


def test_a_name_that_is_not_understood():
    pytest.importorskip("pkcs11", reason="python-pkcs11 is missing: pip install v2g-bench[pkcs11]")
    with pytest.raises(BenchError, match="module=PATH;token=NAME;label=KEY"):
        open_signer("pkcs11:bench")
