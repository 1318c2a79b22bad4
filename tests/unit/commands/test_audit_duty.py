"""Two configurations from their folders to a folder that verifies."""

import pyarrow.parquet as pq
import pytest

from v2g_bench.commands.main import main
from v2g_bench.reports.model.modelled import load

QUICK = ["--days", "1", "--draws", "50", "--ages", "1"]


@pytest.fixture
def configs(tmp_path):
    for name, text in (("a", "MIN_SOC=25\nMAX_SOC=75\n"), ("b", "MIN_SOC=20\nMAX_SOC=80\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "limits.conf").write_text(text)
    return ["--config", str(tmp_path / "a"), "--config", str(tmp_path / "b")]


def test_two_configurations_become_a_folder_that_verifies(configs, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    status = main(["audit", "--duty", "commuter", *configs, *QUICK, "--out", str(out)])
    pages = load(out)
    assert status == {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}[pages.verdict]
    assert pages.evidence == "modelled"
    assert {"soc_a", "soc_b", "ac_w_b"} <= set(pq.read_schema(out / "series.parquet").names)
    assert main(["verify", str(out)]) == 3
    assert "everything fits together" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--duty", "commuter"], "a comparison takes two: A, then B, not 0"),
        (["--config", "x"], "says nothing without a duty"),
        (["--duty", "comuter", "AB"], "is none of the bench's duties"),
        (["--duty", "commuter", "--ablate", "AB"], "--ablate takes one --config, not 2"),
        (["--duty", "commuter", "--years", "1", "AB"], "2 of 1 years cannot be run"),
        (["--duty", "commuter", "--chemistry", "LMO", "AB"], "no voltages of LMO"),
        (["--duty", "commuter", "week.csv", "AB"], "one of them"),
        (["--duty", "commuter", "--capacity-kwh", "77", "AB"], "--capacity-kwh: is of a recording"),
        (["--duty", "commuter", "--temperature", "0", "AB"], "--temperature: is of a recording"),
        (["--duty", "commuter", "--van", "AB"], "--van: is of a recording"),
        (["week.csv", "--margin", "2"], "--margin: is of a duty, and no duty is judged"),
        ([], "one of them"),
    ],
)
def test_what_does_not_fit_together_is_said(configs, tmp_path, capsys, words, message) -> None:
    given = [part for word in words for part in (configs if word == "AB" else [word])]
    assert main(["audit", *given, "--out", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_bad_limits_have_the_controllers_message_and_leave_nothing(configs, tmp_path, capsys) -> None:
    (tmp_path / "b" / "limits.conf").write_text("MIN_SOC=80\nMAX_SOC=20\n")
    assert main(["audit", "--duty", "commuter", *configs, *QUICK, "--out", str(tmp_path / "out")]) == 2
    assert "MIN_SOC=80 is not below MAX_SOC=20" in capsys.readouterr().err
    assert {one.name for one in tmp_path.iterdir()} == {"a", "b"}
