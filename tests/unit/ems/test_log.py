import re
from pathlib import Path

import pytest

from v2g_bench.ems.actions import Level, LogLine
from v2g_bench.ems.log import MainLog

LINE = LogLine(Level.WARNING, "0x01A2", "High Thermal Gradient: 9 K")


def test_columns_and_flush(tmp_path: Path) -> None:
    log = MainLog(tmp_path / "sub" / "v2g-main.log")
    log.write(LINE, 12.5)
    text = (tmp_path / "sub" / "v2g-main.log").read_text(encoding="utf-8")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00 12\.500000 WARNING 0x01A2 High Thermal Gradient: 9 K\n", text
    )
    log.close()


def test_one_event_one_line(tmp_path: Path) -> None:
    log = MainLog(tmp_path / "log")
    log.write(LogLine(Level.ERROR, "-", "first\nsecond"), 1.0)
    assert (tmp_path / "log").read_text(encoding="utf-8").count("\n") == 1
    log.close()


def test_rotation_opens_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = MainLog(path)
    log.write(LINE, 1.0)
    path.rename(tmp_path / "log.1")
    log.write(LINE, 2.0)
    assert len(path.read_text(encoding="utf-8").splitlines()) == 1
    log.close()


def test_unwritable_log_is_said_once_and_lines_go_to_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    log = MainLog(tmp_path / "file" / "log")
    log.write(LINE, 1.0)
    log.write(LINE, 2.0)
    err = capsys.readouterr().err
    assert err.count("cannot be written") == 1
    assert err.count("High Thermal Gradient") == 2


def test_full_disk(capsys: pytest.CaptureFixture[str]) -> None:
    log = MainLog(Path("/dev/full"))
    log.write(LINE, 1.0)
    assert "No space left" in capsys.readouterr().err
    log.close()
