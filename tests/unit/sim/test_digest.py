import json

import numpy as np
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.sim.digest import digest, joined, main


def run_folder(folder, **changes):
    (folder / "waveforms").mkdir(parents=True)
    results = {"started": "x", "verdict": "PASS", "tests": [{"duration_s": 1.0, "value": 23.4}]} | changes
    (folder / "results.json").write_text(json.dumps(results), "utf-8")
    (folder / "main.blf").write_bytes(b"frames")
    (folder / "v2g-main.log").write_bytes(b"lines")
    np.savez(folder / "waveforms" / "0001.npz", samples=np.arange(3.0))
    return folder


def test_what_belongs_to_the_moment_does_not_count(tmp_path):
    one = run_folder(tmp_path / "a")
    other = run_folder(tmp_path / "b", started="y", tests=[{"duration_s": 9.0, "value": 23.4}])
    assert digest(one) == digest(other)
    assert main([str(one), str(other)]) == 0


def test_every_other_difference_counts(tmp_path, capsys):
    one = digest(run_folder(tmp_path / "a"))
    changed = {
        "results": run_folder(tmp_path / "b", tests=[{"duration_s": 1.0, "value": 23.5}]),
        "waveforms": run_folder(tmp_path / "c"),
        "bus": run_folder(tmp_path / "d"),
        "log": run_folder(tmp_path / "e"),
    }
    np.savez(changed["waveforms"] / "waveforms" / "0001.npz", samples=np.arange(3.0) + 1e-12)
    (changed["bus"] / "main.blf").write_bytes(b"frame")
    (changed["log"] / "v2g-main.log").write_bytes(b"line")
    for part, folder in changed.items():
        other = digest(folder)
        assert {name for name in one if one[name] != other[name]} == {part}
        assert joined(other) != joined(one)
        assert main([str(tmp_path / "a"), str(folder)]) == 1


def test_a_folder_that_is_none(tmp_path, capsys):
    with pytest.raises(BenchError, match="not the folder of a simulated run"):
        digest(tmp_path)
    assert main([str(tmp_path)]) == 2


def test_where_the_folder_lies_does_not_count_and_what_stands_beside_it_does(tmp_path):
    message = "audit entry 2: reload by operator, {}\nreload refused: {}/limits.conf: line {}\n"
    folders = {}
    for name, line in (("a", 2), ("longer", 2), ("c", 3)):
        folder = folders[name] = run_folder(
            tmp_path / name, tests=[{"value": 1.0, "statement": f"{tmp_path / name}/x"}]
        )
        (folder / "v2g-main.log").write_text(message.format(name[0] * 64, folder, line).replace("l" * 64, "b" * 64))
    assert digest(folders["a"]) == digest(folders["longer"])
    assert digest(folders["a"])["log"] != digest(folders["c"])["log"]


def test_a_place_in_the_log_counts_from_what_is_no_path(tmp_path):
    """A line behind the folder's path lies further on in the log of a folder with a longer one."""
    folders = {}
    for name, gap in (("a", ""), ("longer", ""), ("c", "!")):
        log = f"reload refused: {tmp_path / name}/limits.conf{gap}\n"
        whole = log + "0x09BD SoC Divergence\n"
        basis = json.dumps({"kind": "log", "searched": [len(log), len(whole)]})
        folder = folders[name] = run_folder(tmp_path / name, tests=[{"basis": basis}])
        (folder / "v2g-main.log").write_text(whole)
    assert digest(folders["a"]) == digest(folders["longer"])
    assert digest(folders["a"])["results"] != digest(folders["c"])["results"]
