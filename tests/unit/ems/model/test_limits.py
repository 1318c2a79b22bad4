from pathlib import Path

import pytest

from v2g_bench.ems.model.limits import SocLimits, SocWindow, load_limits, parse_limits
from v2g_bench.errors import BenchError


def test_file_of_the_manual() -> None:
    text = "# hard limits\nMIN_SOC=25\n\n MAX_SOC = 75 # percent\n"
    assert parse_limits(text, "limits.conf") == SocLimits(25.0, 75.0)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("MIN_SOC 25\nMAX_SOC=75", "limits.conf: line 1", "not KEY=VALUE"),
        ("MIN_SOC=25\nMAX_SOC=many", "limits.conf: line 2", "not a number"),
        ("MIN_SOC=25\nMAX_SOC=101", "limits.conf: line 2", "not a number from 0 to 100"),
        ("MIN_SOC=-1\nMAX_SOC=75", "limits.conf: line 1", "not a number from 0 to 100"),
        ("MIN_SOC=25\nMAX_SOC=inf", "limits.conf: line 2", "'inf' is not a number from 0 to 100"),
        ("MIN_SOC=25\nMAX_SOC=" + "9" * 5000, "limits.conf: line 2", "… is not a number from 0 to 100"),
        ("MIN_SOC=nan\nMAX_SOC=75", "limits.conf: line 1", "not a number from 0 to 100"),
        ("MIN_SOC=25\nMIN_SOC=30\nMAX_SOC=75", "limits.conf: line 2", "second time"),
        ("MIN_SOC=25\nMAXSOC=75", "limits.conf: line 2", "unknown key 'MAXSOC'"),
        ("MIN_SOC=25", "limits.conf", "MAX_SOC is missing"),
        ("", "limits.conf", "MIN_SOC is missing"),
        ("MIN_SOC=75\nMAX_SOC=75", "limits.conf", "is not below"),
        ("MIN_SOC=80\nMAX_SOC=75", "limits.conf", "is not below"),
    ],
)
def test_broken_file_is_refused(text: str, where: str, what: str) -> None:
    with pytest.raises(BenchError) as caught:
        parse_limits(text, "limits.conf")
    assert caught.value.where == where
    assert what in caught.value.what
    assert caught.value.hint


def test_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="cannot be read"):
        load_limits(tmp_path / "absent.conf")
    (tmp_path / "bytes.conf").write_bytes(b"\xff\xfe")
    with pytest.raises(BenchError, match="cannot be read"):
        load_limits(tmp_path / "bytes.conf")


@pytest.mark.parametrize(
    ("soc_pct", "discharge", "charge"),
    [(24.9, False, True), (25.0, False, True), (25.1, True, True), (74.9, True, True), (75.0, True, False)],
)
def test_window(soc_pct: float, discharge: bool, charge: bool) -> None:
    ceiling = SocWindow(SocLimits()).ceiling(soc_pct, calibrating=False)
    assert (ceiling is None or ceiling.discharge_w > 0) is discharge
    assert (ceiling is None or ceiling.charge_w > 0) is charge


def test_hysteresis_does_not_chatter() -> None:
    window = SocWindow(SocLimits(), hysteresis_pct=0.5)
    allowed = [window.ceiling(soc, calibrating=False) is None for soc in (25.2, 25.0, 25.2, 25.4, 25.5, 25.2)]
    assert allowed == [True, False, False, False, True, True]
    allowed = [window.ceiling(soc, calibrating=False) is None for soc in (74.8, 75.0, 74.8, 74.6, 74.5, 74.8)]
    assert allowed == [True, False, False, False, True, True]


def test_calibration_charges_to_the_top() -> None:
    window = SocWindow(SocLimits())
    assert window.ceiling(80.0, calibrating=False) is not None
    assert window.ceiling(80.0, calibrating=True) is None
    ceiling = window.ceiling(100.0, calibrating=True)
    assert ceiling is not None
    assert ceiling.charge_w == 0
    low = window.ceiling(20.0, calibrating=True)
    assert low is not None
    assert low.discharge_w == 0


def test_mark_of_an_editor_and_foreign_line_ends_are_no_part_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "limits.conf"
    path.write_bytes(b"\xef\xbb\xbfMIN_SOC=30\r\nMAX_SOC=70\r\n")
    assert load_limits(path) == SocLimits(30, 70)


def test_what_cannot_be_read_says_why_once(tmp_path: Path) -> None:
    path = tmp_path / "limits.conf"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BenchError, match=r"limits.conf: cannot be read: it is not UTF-8 text\n"):
        load_limits(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(BenchError, match=r"cannot be read: Is a directory\n"):
        load_limits(path)
