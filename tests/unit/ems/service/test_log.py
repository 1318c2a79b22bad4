import asyncio
import logging
import os
import re
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from v2g_bench.ems.model.actions import Level, LogLine
from v2g_bench.ems.ports.aside import Worker
from v2g_bench.ems.service.log import LibraryLog, Log, MainLog

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


def test_rotation_by_size_keeps_so_many(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = MainLog(path, max_bytes=4096, keep=3)
    for number in range(400):
        log.write(LogLine(Level.INFO, "-", f"line {number:04d} {'x' * 20}"), float(number))
    log.close()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["log", "log.1", "log.2", "log.3"]
    assert all(entry.stat().st_size <= 4096 for entry in tmp_path.iterdir())
    text = "".join((tmp_path / name).read_text(encoding="utf-8") for name in ("log.3", "log.2", "log.1", "log"))
    numbers = [int(number) for number in re.findall(r"line (\d+)", text)]
    assert numbers == list(range(numbers[0], 400)), "no line is lost or doubled at a rotation"


def test_full_disk_comes_back_and_the_gap_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real = tmp_path / "log", os.write
    log = MainLog(path)
    log.write(LINE, 1.0)

    def full(fd: int, data: bytes) -> int:
        if fd > 2:
            raise OSError(28, "No space left on device")
        return real(fd, data)

    def half(fd: int, data: bytes) -> int:
        return real(fd, data[:10]) if fd > 2 else real(fd, data)

    for broken in (full, half):
        monkeypatch.setattr(os, "write", broken)
        log.write(LINE, 2.0)
    monkeypatch.setattr(os, "write", real)
    log.write(LINE, 3.0)
    log.close()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line.split()[1] for line in lines] == ["1.000000", "3.000000", "3.000000"]
    assert "2 lines before this one are missing" in lines[1]


def test_journal_gets_priorities_when_stderr_is_the_journal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ours = os.fstat(2)
    MainLog(tmp_path / "log", environ={"JOURNAL_STREAM": f"{ours.st_dev}:{ours.st_ino}"}).write(LINE, 1.0)
    assert capfd.readouterr().err == "<4>0x01A2 High Thermal Gradient: 9 K\n"
    MainLog(tmp_path / "log", environ={"JOURNAL_STREAM": "1:2"}).write(LINE, 1.0)
    assert capfd.readouterr().err == ""


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


def _aside(path: Path, **more: int) -> Log:
    return Log(MainLog(path), Worker("terminal"), **more)


def test_beside_the_loop_each_line_has_the_time_at_which_it_was_said(tmp_path: Path) -> None:
    hung = threading.Event()

    async def play() -> tuple[datetime, datetime]:
        log = _aside(tmp_path / "log")
        log._worker.give(hung.wait)
        before = datetime.now(UTC)
        log.write(LINE, 1.0)
        after = datetime.now(UTC)
        hung.set()
        await log.close(30.0)
        return before, after

    before, after = asyncio.run(play())
    timestamp = datetime.fromisoformat((tmp_path / "log").read_text(encoding="utf-8").split()[0])
    assert before <= timestamp <= after


def test_log_that_hangs_costs_lines_which_are_counted(tmp_path: Path) -> None:
    hung = threading.Event()

    async def play() -> None:
        log = _aside(tmp_path / "log", most_waiting=10)
        begun = threading.Event()
        log._worker.give(lambda: begun.set() or hung.wait())
        begun.wait()
        for number in range(100):
            log.write(LINE, float(number))
        await log.close(0.01)
        hung.set()
        async with asyncio.timeout(30):
            while log._worker._jobs.qsize():
                await asyncio.sleep(0.001)
        log.write(LINE, 100.0)
        await log.close(30.0)

    asyncio.run(play())
    lines = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert [float(line.split()[1]) for line in lines] == [*range(10), 100, 100]
    assert "90 lines before this one are missing" in lines[-2]


def test_log_that_hangs_is_said_once_and_its_lines_stand_on_stderr(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hung = threading.Event()
    monkeypatch.setattr("v2g_bench.ems.service.log._STUCK_S", 0.0)

    async def play() -> None:
        log = _aside(tmp_path / "log")
        begun = threading.Event()
        log._worker.give(lambda: begun.set() or hung.wait())
        begun.wait()
        log.write(LINE, 1.0)
        log.write(LINE, 2.0)
        await log._terminal.run(lambda: None, 30.0)
        hung.set()
        await log.close(30.0)

    asyncio.run(play())
    err = capfd.readouterr().err
    assert (err.count("the log hangs"), err.count("High Thermal Gradient")) == (1, 2)


def test_text_that_is_none_is_written_all_the_same(tmp_path: Path) -> None:
    log = MainLog(tmp_path / "log")
    log.write(LogLine(Level.INFO, "-", "half \ud800 character"), 1.0)
    log.close()
    assert "half \\ud800 character" in (tmp_path / "log").read_text(encoding="utf-8")


@pytest.mark.timeout(20)
def test_fifo_that_nobody_reads_is_an_error_and_no_wait(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "log")
    MainLog(tmp_path / "log").write(LINE, 1.0)
    assert "cannot be written" in capfd.readouterr().err


def test_what_libraries_say_goes_to_stderr_beside_the_loop(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    logger = logging.getLogger("a library")
    logger.propagate = False

    async def play() -> None:
        log = _aside(tmp_path / "log")
        logger.addHandler(LibraryLog(log))
        logger.warning("says %d", 5)
        await log.close(30.0)

    asyncio.run(play())
    assert capfd.readouterr().err == "says 5\n"
