"""The command as a whole: how it ends when nobody reads what it says."""

import os
import subprocess
import sys

import pytest

from v2g_bench.commands import main as cli


def test_a_reader_that_has_ended_is_no_error_worth_a_stack():
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, "-m", "v2g_bench.commands.main", "requirements"]
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=60)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (cli.UNREAD, b"")


def test_another_broken_pipe_is_not_taken_for_it(monkeypatch):
    def broken(_):
        raise BrokenPipeError

    monkeypatch.setattr(cli, "_rigs", broken)
    with pytest.raises(BrokenPipeError):
        cli.main(["rigs"])
