import os
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


def test_unwritable_log_is_said_once_and_lines_go_to_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    log = MainLog(tmp_path / "file" / "log")
    log.write(LINE, 1.0)
    log.write(LINE, 2.0)
    err = capfd.readouterr().err
    assert err.count("cannot be written") == 1
    assert err.count("High Thermal Gradient") == 2


def test_full_disk(capfd: pytest.CaptureFixture[str]) -> None:
    log = MainLog(Path("/dev/full"))
    log.write(LINE, 1.0)
    assert "No space left" in capfd.readouterr().err
    log.close()


def test_stderr_that_nobody_reads_does_not_hold_it_up(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    log, saved, ends = MainLog(tmp_path / "file" / "log"), os.dup(2), os.pipe()
    os.dup2(ends[1], 2)
    try:
        for _ in range(5000):
            log.write(LINE, 1.0)
    finally:
        os.dup2(saved, 2)
        for end in (saved, *ends):
            os.close(end)
