"""The command from a file to a folder that verifies."""

import hashlib

import numpy as np
import pytest

from v2g_bench.commands.main import main
from v2g_bench.life import audit as life
from v2g_bench.reports.model.modelled import load


@pytest.fixture
def week(tmp_path):
    """Three days of a battery, a row every ten minutes, used every evening."""
    time_s = np.arange(0, 3 * 86400, 600)
    soc = 60 + 20 * np.cos(2 * np.pi * time_s / 86400)
    current = np.append(np.diff(soc), 0) * 156 * 6 / 100
    rows = [f"{t},{s:.4f},{20},{i:.3f}" for t, s, i in zip(time_s, soc, current, strict=True)]
    path = tmp_path / "week.csv"
    path.write_text("\n".join(["time_s,SoC [%],temperature_c,current_a", *rows]) + "\n")
    return path


def test_a_recording_becomes_a_folder_that_verifies(week, tmp_path, capsys):
    out = tmp_path / "out"
    status = main(["audit", str(week), "--chemistry", "NMC", "--capacity-kwh", "57.6", "--out", str(out)])
    pages = load(out)
    assert status == {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}[pages.verdict]
    assert ("its SHA-256", hashlib.sha256(week.read_bytes()).hexdigest()) in pages.facts
    names = {"report.pdf", "report.html", "results.json", "series.parquet", "manifest.json", "SHA256SUMS"}
    assert {one.name for one in out.iterdir()} == names
    assert main(["verify", str(out)]) == 3
    said = capsys.readouterr().out
    assert "assumed       EXTRAPOLATED" in said
    assert "everything fits together" in said


def test_bad_input_leaves_nothing(week, tmp_path, capsys):
    week.write_text(week.read_text().replace("\n600,", "\n60000,", 1))
    assert main(["audit", str(week), "--out", str(tmp_path / "out")]) == 2
    assert "week.csv: line 4: time runs back by" in capsys.readouterr().err
    assert {one.name for one in tmp_path.iterdir()} == {"week.csv"}


def test_ctrl_c_leaves_nothing_half(week, tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(life, "stress_of", interrupted)
    assert main(["audit", str(week), "--out", str(tmp_path / "out")]) == 130
    assert "nothing was written" in capsys.readouterr().out
    assert {one.name for one in tmp_path.iterdir()} == {"week.csv"}


def test_a_folder_that_is_there_is_kept(week, tmp_path):
    (tmp_path / "out").mkdir()
    assert main(["audit", str(week), "--out", str(tmp_path / "out")]) == 2
