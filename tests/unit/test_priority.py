"""What is favoured is favoured with its session, or a nice value counts for nothing beside other sessions."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from v2g_bench.priority import FAVOURED_NICE, favoured

IDLE = [sys.executable, "-c", "import sys; sys.stdin.read()"]
autogroups = pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this kernel shares by process alone")


@pytest.fixture(params=[True, False], ids=["its own session", "our session"])
def process(request):
    """A process that waits, and whether it leads a session."""
    with subprocess.Popen(IDLE, stdin=subprocess.PIPE, start_new_session=request.param) as one:
        yield one, request.param


def session_nice(pid: int) -> int | None:
    """None for a process of the session that the kernel began with: it shares the processors by process alone."""
    words = Path(f"/proc/{pid}/autogroup").read_text(encoding="ascii").split()
    return int(words[-1]) if words else None


@autogroups
def test_a_favoured_process_that_leads_a_session_is_favoured_with_it_and_no_other_session_is(process):
    one, leads = process
    before = session_nice(one.pid)
    if not favoured(one.pid):
        pytest.skip("this user may not favour a process (root, or CAP_SYS_NICE)")
    assert os.getpriority(os.PRIO_PROCESS, one.pid) == FAVOURED_NICE
    assert session_nice(one.pid) == (FAVOURED_NICE if leads else before)


def test_who_may_not_favour_is_told_and_nothing_is_changed(process, monkeypatch):
    def refuse(*_):
        raise PermissionError

    one, _ = process
    before = Path(f"/proc/{one.pid}/stat").read_text(encoding="ascii").split()[18]
    monkeypatch.setattr(os, "setpriority", refuse)
    assert not favoured(one.pid)
    assert Path(f"/proc/{one.pid}/stat").read_text(encoding="ascii").split()[18] == before
