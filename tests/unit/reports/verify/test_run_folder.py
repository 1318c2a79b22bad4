import json
import os
import subprocess

import pytest

from v2g_bench.can.export import export_run
from v2g_bench.errors import BenchError
from v2g_bench.reports.model.run import load
from v2g_bench.reports.sign.seal import seal
from v2g_bench.reports.verify.run_folder import check_files, rebuild, verify
from v2g_bench.reports.write import lists, write_report


def kinds(folder):
    return {(found.kind, found.where) for found in verify(folder).findings}


def files_of(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_run_folder_as_it_was_written_is_in_order(folder):
    result = verify(folder)
    assert result.ok, result.findings
    assert "2 latencies recomputed from their waveforms, by the non-binary rule" in result.done
    assert "2 t0 found in the capture" in result.done
    assert result.standing.startswith("NO EVIDENCE: not sealed")


@pytest.mark.parametrize("sealed", [False, True])
def test_one_flipped_bit_in_any_file_is_found(request, sealed):
    folder = request.getfixturevalue("sealed_folder" if sealed else "folder")
    assert verify(folder).ok
    names = files_of(folder)
    assert len(names) == (16 if sealed else 15)
    for number, path in enumerate(names):
        whole = path.read_bytes()
        place = (0, len(whole) // 2, len(whole) - 1)[number % 3]
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert not verify(folder).ok, f"{path.name}, byte {place} of {len(whole)}"
        path.write_bytes(whole)
    assert verify(folder).ok


def test_every_byte_of_the_lists_and_the_seal_counts(sealed_folder):
    """These are not covered by a hash of another file to the last byte, as all others are."""
    folder = sealed_folder
    before = verify(folder)
    assert before.ok
    from v2g_bench.reports.model.findings import Verification
    from v2g_bench.reports.sign.seal import check_seal

    run, path = load(folder / "results.json"), folder / "seal.json"
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(bytes(changed))
        result = Verification()
        check_seal(folder, run, result)
        assert not result.ok, f"byte {place}: {whole[place - 10 : place + 10]!r}"


def test_missing_and_extra_files_are_found(folder):
    (folder / "main.blf").rename(folder / "other.blf")
    (folder / "link").symlink_to("/etc/hostname")
    assert {("missing", "main.blf"), ("extra", "other.blf"), ("extra", "link")} <= kinds(folder)


def test_a_forged_result_with_new_hashes_is_found_by_recomputing(folder):
    """Whoever changes results.json and writes all outputs and hashes anew still has the waveforms against him."""
    run = load(folder / "results.json")
    data = json.loads((folder / "results.json").read_text())
    trial = data["requirements"][0]["tests"][0]["measurements"][0]["trials"][0]
    trial["value"] -= 5.0
    (folder / "results.json").write_text(json.dumps(data))
    write_report(load(folder / "results.json"), folder)
    result = verify(folder)
    assert [found.kind for found in result.findings] == ["verdict"]
    assert "results.json says 17.99" in result.findings[0].text
    assert run.verdict == "PASS"


def test_a_forged_list_with_a_right_digest_is_found(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["verdict"] = "FAIL"
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    sums = dict(lists(load(folder / "results.json"), manifest["files"], []))["SHA256SUMS"]
    (folder / "SHA256SUMS").write_bytes(sums)
    assert ("lists", "manifest.json") in kinds(folder)


def test_an_output_that_is_not_of_these_results_is_found(folder):
    page = folder / "report.html"
    page.write_text(page.read_text().replace("PASS", "FAIL"))
    assert ("rebuild", "report.html") in kinds(folder)


def test_the_report_is_rebuilt_byte_for_byte(folder, tmp_path):
    before = {path: path.read_bytes() for path in files_of(folder)}
    assert set(rebuild(folder).values()) == {"as it was"}
    (folder / "report.pdf").unlink()
    (folder / "report.html").write_text("lost")
    assert rebuild(folder)["report.pdf"] == "written"
    assert {path: path.read_bytes() for path in files_of(folder)} == before
    rebuild(folder, tmp_path / "out")
    assert (tmp_path / "out/report.pdf").read_bytes() == (folder / "report.pdf").read_bytes()


def test_a_sealed_run_is_not_written_over(sealed_folder):
    folder = sealed_folder
    signed = (folder / "report.pdf").read_bytes()
    assert rebuild(folder)["report.pdf"] == "signed"
    assert (folder / "report.pdf").read_bytes() == signed
    (folder / "report.html").write_text("changed")
    with pytest.raises(BenchError, match="the run is sealed"):
        rebuild(folder)


def test_a_run_that_was_killed_says_so(folder):
    (folder / "manifest.json").unlink()
    (found,) = verify(folder).findings
    assert (found.kind, found.where) == ("missing", "manifest.json")
    assert "killed" in found.text


def test_no_folder_is_an_error(tmp_path):
    with pytest.raises(BenchError, match="is no run folder"):
        verify(tmp_path / "nothing")


def test_sha256sum_agrees_with_a_sealed_folder(sealed_folder):
    command = ["sha256sum", "--quiet", "--strict", "-c", "SHA256SUMS"]
    assert subprocess.run(command, cwd=sealed_folder, capture_output=True, timeout=30).returncode == 0


def test_nothing_is_opened_where_a_file_of_the_run_would_never_end(folder):
    """Each file of the run in turn is a FIFO: nobody who opened one would come back."""
    for path in files_of(folder):
        name, whole = path.relative_to(folder).as_posix(), path.read_bytes()
        path.unlink()
        os.mkfifo(path)
        assert kinds(folder) == {("odd", name)}
        assert [(found.kind, found.where) for found in check_files(folder).findings] == [("odd", name)]
        for attempt in (lambda: rebuild(folder), lambda: seal(folder, None), lambda: export_run(folder)):
            with pytest.raises(BenchError, match=f"{name}: is a FIFO"):
                attempt()
        path.unlink()
        path.write_bytes(whole)
    assert verify(folder).ok
