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


def append(path, text):
    with path.open("a") as file:
        file.write(text)


def test_a_file_that_was_emptied_is_read_from_its_beginning_and_may_have_lost_lines(path):
    path.write_text("a long line of yesterday\n")
    log = LogTail(path)
    path.write_text("new\n")
    assert log.since_mark() == "new\n"
    assert log.rotated
    assert log.lost == "v2g.log was emptied without a copy of it: lines that were written meanwhile may be lost"


def test_so_is_one_that_has_grown_beyond_the_mark_again(path):
    path.write_text("yesterday\n")
    log = LogTail(path)
    path.write_text("0x0B22 in the first line, and more\n")
    assert log.find("0x0B22")
    assert log.lost


def test_a_renamed_file_is_read_to_its_end_also_by_a_writer_that_has_not_noticed(path):
    path.write_text("yesterday\n")
    log = LogTail(path)
    append(path, "one\n")
    path.rename(path.with_name("v2g.log.1"))
    assert log.since_mark() == "one\n"
    path.write_text("three\n")
    append(path.with_name("v2g.log.1"), "two\n")
    assert (log.since_mark(), log.rotated, log.lost) == ("one\ntwo\nthree\n", True, "")
    append(path.with_name("v2g.log.1"), "late\n")
    assert log.since_mark().endswith("late\n")
    log.mark()
    assert (log.since_mark(), log.rotated) == ("", False)


@pytest.mark.parametrize("names", ["v2g.log.{}", "v2g.log-2026113{}", "v2g-{}.log"])
def test_generations_between_two_readings_are_found_by_their_names(path, names):
    path.with_name(names.format(9)).write_text("0x0B22 of last week\n")
    path.write_text("yesterday\n")
    log = LogTail(path)
    for number, text in enumerate(["one\n", "two\n", "three\n"]):
        append(path, text)
        path.rename(path.with_name(names.format(number)))
        path.touch()
    append(path, "four\n")
    assert (log.since_mark(), log.lost) == ("one\ntwo\nthree\nfour\n", "")


def test_a_copy_of_what_was_emptied_is_read_on_and_lines_between_the_two_may_be_lost(path):
    path.write_text("0x0B22 of yesterday\n")
    log = LogTail(path)
    append(path, "seen\n")
    assert log.since_mark() == "seen\n"
    append(path, "ERR_BMS_TIMEOUT\n")
    path.with_name("v2g.log.1").write_text(path.read_text())
    path.write_text("")
    append(path, "new\n")
    assert log.since_mark() == "seen\nERR_BMS_TIMEOUT\nnew\n"
    assert "after a copy to v2g.log.1: lines that were written meanwhile may be lost" in log.lost


def test_zeros_of_a_writer_that_does_not_append_are_no_lines(path):
    path.write_text("yesterday\n")
    log = LogTail(path)
    path.write_bytes(b"\0" * 40 + b"new\n")
    assert log.since_mark() == "new\n"


@pytest.mark.parametrize("packed", [False, True])
def test_what_was_deleted_or_packed_is_whole_only_where_nothing_can_have_been_between(path, packed):
    path.write_text("yesterday\n")
    log = LogTail(path)
    append(path, "one\n")
    path.unlink()
    if packed:
        path.with_name("v2g.log.1.gz").write_bytes(b"packed")
    path.write_text("two\n")
    assert log.since_mark() == "one\ntwo\n"
    assert bool(log.lost) is not packed


def test_gaps_count_from_the_mark_on_and_not_where_the_writer_has_just_started(path):
    path.write_text("yesterday\n")
    log = LogTail(path)
    path.write_text("new\n")
    log.begun()
    assert (log.since_mark(), log.lost, log.gaps) == ("new\n", "", [])
    path.write_text("newer\n")
    assert log.find("newer")
    log.mark()
    assert (log.lost, len(log.gaps)) == ("", 1)


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
        assert log.lost == ""
        path.write_text("")
        until(lambda: log.since_mark() and log.lost)
        assert "file truncated" in log.lost
    finally:
        log.close()
