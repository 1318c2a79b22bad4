import shutil
import subprocess

import pytest
import typst

from v2g_bench.errors import BenchError
from v2g_bench.reports.sign import pades
from v2g_bench.reports.sign.keys import new_key, open_signer


@pytest.fixture(scope="module")
def pdf():
    return typst.compile(b'#set document(title: "T")\n= A page', format="pdf", pdf_standards="a-3a", timestamp=0)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "bench.pem"
    new_key(path, "Bench 3")
    return open_signer(str(path))


def test_the_signed_file_begins_with_the_file_and_a_line_feed(pdf, bench):
    signed = pades.sign(pdf, bench, reason="test")
    assert signed.startswith(pdf + b"\n"), "or PDF/A is lost, and the rebuilt report cannot be compared"
    assert not pdf.endswith(b"\n")
    assert pades.check(signed, [bench.certificate]) == ["Bench"]


def test_a_person_signs_after_the_bench_and_both_fit(pdf, bench, tmp_path):
    new_key(tmp_path / "person.pem", "A. Person")
    person = open_signer(str(tmp_path / "person.pem"))
    both = pades.sign(pades.sign(pdf, bench, reason="sealed"), person, reason="issued", field="Person")
    assert pades.check(both, [bench.certificate, person.certificate]) == ["Bench", "Person"]
    with pytest.raises(BenchError, match="other keys than the seal"):
        pades.check(both, [person.certificate, bench.certificate])
    if shutil.which("pdfsig"):
        (tmp_path / "both.pdf").write_bytes(both)
        reported = subprocess.run(["pdfsig", tmp_path / "both.pdf"], capture_output=True, text=True, timeout=60).stdout
        assert reported.count("Signature is Valid") == 2


def test_changes_are_found_wherever_they_are(pdf, bench):
    signed = pades.sign(pdf, bench, reason="test")
    # The container of the signature has a few bytes that nothing signs (a version, a name): the manifest covers those.
    first, second = signed.index(b"/Contents <"), signed.rindex(b"0000>")
    places = [place for place in range(0, len(signed), len(signed) // 60) if not first < place < second - 1000]
    assert len(places) > 40
    for place in places:
        changed = bytearray(signed)
        changed[place] ^= 1
        with pytest.raises(BenchError):
            pades.check(bytes(changed), [bench.certificate])
    with pytest.raises(BenchError, match="changed after|cannot be read"):
        pades.check(signed + b"\n% more", [bench.certificate])


def test_an_unsigned_file_has_no_signature(pdf, bench):
    with pytest.raises(BenchError, match="holds no signature"):
        pades.check(pdf, [bench.certificate])
