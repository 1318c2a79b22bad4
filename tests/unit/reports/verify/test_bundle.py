"""A run in one file: the same bytes each time, and no byte of it that may be another."""

import random
import subprocess
import zipfile

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.reports.verify.bundle import bundle, verify_bundle


@pytest.fixture
def folder(sealed_folder):
    return sealed_folder


@pytest.fixture
def packed(folder, tmp_path):
    return bundle(folder, tmp_path / "run.zip")


def wrong(path, key):
    """Whether anything was found, or it could not even be opened."""
    try:
        return not verify_bundle(path, key.read_bytes()).ok
    except BenchError:
        return True


def test_a_bundle_holds_the_run_and_verifies(packed, folder, key):
    result = verify_bundle(packed, key.read_bytes())
    assert result.ok, result.findings
    assert "run.zip to its last byte" in result.done
    assert any("sealed by Bench 3" in line for line in result.done)
    with zipfile.ZipFile(packed) as archive:
        assert archive.testzip() is None
        names = {name.removeprefix("run/") for name in archive.namelist()}
    assert names == {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_same_run_gives_the_same_bytes(packed, folder, tmp_path):
    assert bundle(folder, tmp_path / "again.zip").read_bytes() == packed.read_bytes()


def test_one_flipped_bit_in_any_part_of_the_bundle_is_found(packed, key):
    """In every file it holds, and in every part of the archive that lies around them: of the headers, whose fields are alike,
    in three."""
    whole = packed.read_bytes()
    with zipfile.ZipFile(packed) as archive:
        entries, directory = archive.infolist(), archive.start_dir
    starts = [entry.header_offset for entry in entries]
    places = {start + offset for start in (starts[0], starts[3], starts[-1]) for offset in (0, 5, 11, 15, 35)}
    places |= {end - 1 for end in [*starts[1:], directory]} | {
        directory + 3,
        directory + 13,
        len(whole) - 1,
        len(whole) - 9,
    }
    places |= set(random.Random(1).sample(range(len(whole)), 10))
    assert len(places) > 20 + len(entries)
    for place in sorted(places):
        changed = bytearray(whole)
        changed[place] ^= 1
        packed.write_bytes(changed)
        assert wrong(packed, key), f"byte {place} of {len(whole)}"
    packed.write_bytes(whole + b"x")
    assert wrong(packed, key)
    packed.write_bytes(whole)
    assert not wrong(packed, key)


def test_a_bundle_of_another_program_is_told(packed, folder, tmp_path):
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, f"run/{path.relative_to(folder)}")
    assert {(found.kind, found.where) for found in verify_bundle(other).findings} == {("bundle", "other.zip")}


@pytest.mark.parametrize("name", ["../x", "/etc/x", "run/../../x", "run\\..\\x"])
def test_a_name_that_leads_out_is_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(BenchError, match="leads out of it|no single folder"):
        verify_bundle(tmp_path / "bad.zip")


def test_what_is_no_bundle_is_refused(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"nothing")
    with pytest.raises(BenchError, match="is no bundle"):
        verify_bundle(tmp_path / "x.zip")


def test_a_folder_that_is_not_whole_is_not_packed(folder, tmp_path):
    (folder / "main.blf").write_bytes(b"x")
    with pytest.raises(BenchError, match="main.blf"):
        bundle(folder, tmp_path / "run.zip")
    assert not (tmp_path / "run.zip").exists()


def test_it_replaces_nothing_and_does_not_lie_in_the_run(packed, folder):
    with pytest.raises(BenchError, match="is there already"):
        bundle(folder, packed)
    with pytest.raises(BenchError, match="in the run folder itself"):
        bundle(folder, folder / "run.zip")


def test_sha256sum_agrees_with_what_is_in_it(packed, tmp_path):
    out = tmp_path / "out"
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(out)
    command = ["sha256sum", "--quiet", "--strict", "-c", "SHA256SUMS"]
    assert subprocess.run(command, cwd=out / "run", capture_output=True, timeout=30).returncode == 0
