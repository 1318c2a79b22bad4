"""A command of the controller: bounded in time, output and what it leaves behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.rig.dut.command import carry_out

KEY = "dut.commands.status"


def shell(text: str) -> list[str]:
    return ["/bin/sh", "-c", text]


def _runs(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def test_it_gives_status_output_and_errors():
    done = carry_out(shell("printf 'a\\r\\nb'; echo no >&2; exit 3"), KEY, 10)
    assert (done.status, done.out, done.err) == (3, "a\nb", "no\n")


def test_output_that_is_not_utf_8_is_shown_as_far_as_it_is():
    assert carry_out(shell(r"printf '21 \260C'"), KEY, 10).out == "21 �C"


def test_a_child_that_holds_its_output_does_not_hold_the_bench_and_is_ended():
    began_s = time.monotonic()
    child = int(carry_out(shell("sleep 60 & echo $!"), KEY, 10).out)
    assert time.monotonic() - began_s < 9
    _gone(child)


def test_what_a_start_leaves_behind_goes_on():
    child = int(carry_out(shell("sleep 60 & echo $!"), KEY, 10, leaves=True).out)
    assert _runs(child)
    os.kill(child, signal.SIGKILL)


def test_one_that_does_not_end_is_ended_with_all_that_it_started(tmp_path):
    with pytest.raises(BenchError, match=r"dut\.commands\.status: no answer within 0\.3 s"):
        carry_out(shell(f"sleep 60 & echo $! > {tmp_path}/pid; wait"), KEY, 0.3)
    _gone(int((tmp_path / "pid").read_text()))


def test_one_that_prints_without_an_end_is_ended():
    with pytest.raises(BenchError, match="printed more than 1,000,000 bytes"):
        carry_out(shell("yes"), KEY, 30)


@pytest.mark.parametrize(
    ("content", "mode", "what"),
    [
        ("#!/bin/sh\n", 0o644, "Permission denied"),
        ("#!/no/such\n", 0o755, "No such file"),
        ("\x7fELF", 0o755, "format"),
    ],
)
def test_one_that_cannot_be_run_says_why(tmp_path, content, mode, what):
    (program := tmp_path / "status").write_text(content)
    program.chmod(mode)
    with pytest.raises(BenchError, match=f"cannot be run: .*{what}"):
        carry_out([str(program)], KEY, 10)
    with pytest.raises(BenchError, match="cannot be run: embedded null byte"):
        carry_out([sys.executable, "a\0b"], KEY, 10)


def _gone(pid: int) -> None:
    """SIGKILL takes a moment: its parent here is whoever reaps orphans."""
    end_s = time.monotonic() + 10
    while _runs(pid):
        assert time.monotonic() < end_s
        subprocess.run(["true"], check=True)
