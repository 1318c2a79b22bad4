"""The controller's log from a mark on: a file, and a copy of what is elsewhere."""

import os
import time

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.rig.dut.controller_log import CopiedLog, LogTail, log_of
from v2g_bench.rig.dut.host import ThisMachine


@pytest.fixture
def path(tmp_path):
    return tmp_path / "v2g.log"


def test_only_what_came_after_the_mark(path):
    path.write_text("0x0B22 of yesterday\n")
    log = LogTail(path)
    assert log.find("0x0B22") is None
    with path.open("a") as file:
        file.write("0x01A2 now\n")
    assert log.find(r"0x01\w2").group() == "0x01A2"
    log.mark()
    assert log.since_mark() == ""


def test_a_file_that_is_not_there_yet_is_empty(path):
    log = LogTail(path)
    assert log.since_mark() == ""
    path.write_text("first\n")
    assert log.since_mark() == "first\n"


def test_a_rotated_file_is_read_from_its_beginning(path):
    path.write_text("a long line of yesterday\n")
    log = LogTail(path)
    path.write_text("new\n")
    assert log.since_mark() == "new\n"


def test_so_is_one_that_has_grown_beyond_the_mark_again(path):
    path.write_text("yesterday\n")
    log = LogTail(path)
    path.write_text("0x0B22 in the first line, and more\n")
    assert log.find("0x0B22")


def test_what_is_no_text_is_read_as_far_as_it_goes(path):
    log = LogTail(path)
    path.write_bytes(b"\xff\xfe 0x0B22\n")
    assert log.find("0x0B22")


def test_what_is_no_file_is_an_error(path):
    path.mkdir()
    with pytest.raises(BenchError, match=r"dut.log: .*v2g.log cannot be read: Is a directory"):
        LogTail(path).since_mark()


# Keeps a journal in a file; knows what the follower asks for, and nothing else.
JOURNALCTL = """#!/bin/sh
echo "$@" >> {folder}/asked
[ "$1 $2" = "-u ems.service" ] || {{ echo "no such unit: $2" >&2; exit 1; }}
shift 2
case "$*" in
"-n 1 -o export --no-pager") [ -s {folder}/journal ] && echo "__CURSOR=s=$(wc -l < {folder}/journal)"; exit 0;;
"-f --no-tail -o short-precise --no-pager") exec tail -s 0.05 -n +1 -F {folder}/journal;;
"-f --no-tail -o short-precise --no-pager --after-cursor=s="*)
    exec tail -s 0.05 -n +$((${{6#--after-cursor=s=}} + 1)) -F {folder}/journal;;
*) echo "what? $*" >&2; exit 2;;
esac
"""


@pytest.fixture
def journal(tmp_path, monkeypatch):
    """A journal with one old line, behind a journalctl of the test's own."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "journalctl"
    program.write_text(JOURNALCTL.format(folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    path = tmp_path / "journal"
    path.write_text("0x0B22 of yesterday\n")
    return path


@pytest.fixture
def opened(tmp_path):
    """opened(source): a copied log, open; closed at the end."""
    logs = []

    def open_it(source):
        logs.append(log_of(ThisMachine(), source, tmp_path))
        logs[-1].open()
        return logs[-1]

    yield open_it
    for log in logs:
        log.close()


def until(condition):
    until_s = time.monotonic() + 10
    while not (value := condition()):
        assert time.monotonic() < until_s
        time.sleep(0.01)
    return value


@pytest.mark.parametrize("before", ["0x0B22 of yesterday\n", ""])
def test_a_journal_is_copied_from_now_on(journal, opened, tmp_path, before):
    journal.write_text(before)
    log = opened("journal:ems.service")
    with journal.open("a") as file:
        file.write("0x01A2 now\n")
    assert until(lambda: log.find("0x01A2 now"))
    assert log.find("yesterday") is None
    assert (tmp_path / "dut.log").read_text() == "0x01A2 now\n"
    log.mark()
    assert log.since_mark() == ""


def test_a_unit_that_is_not_there_is_an_error_and_not_an_empty_log(journal, opened):
    def look():
        log = opened("journal:other")
        until(lambda: log.find("anything"))

    with pytest.raises(BenchError, match=r"dut.log: the copy of journal:other has ended \(status 1\): no such unit"):
        look()


def test_a_copy_that_has_ended_is_an_error(journal, opened):
    log = opened("journal:ems.service")
    log._following.process.stdin.close()
    log._following.process.wait(10)
    with pytest.raises(BenchError, match="has ended"):
        log.find("x")


def test_a_file_of_another_machine_is_copied_without_its_past(opened, tmp_path):
    path = tmp_path / "it's far.log"
    path.write_text("old\n")
    log = CopiedLog(ThisMachine(), str(path), tmp_path / "dut.log")
    log.open()
    try:
        with path.open("a") as file:
            file.write("new\n")
        until(lambda: log.since_mark() == "new\n")
    finally:
        log.close()
