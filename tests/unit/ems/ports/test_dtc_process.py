"""Whoever reads trouble codes is less urgent than the controller that started it."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from v2g_bench.ems.service.diagnosis import reader

FROM = """
import json, os
{before}
from v2g_bench.ems.ports import dtc_process
dtc_process.step_back()
print(json.dumps([os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)]))
"""


@pytest.mark.parametrize(
    "before",
    ["", "os.setpriority(os.PRIO_PROCESS, 0, -15)", "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))"],
    ids=["ordinary", "favoured", "real-time"],
)
def test_it_steps_back_wherever_it_begins(before):
    done = subprocess.run([sys.executable, "-c", FROM.format(before=before)], capture_output=True, text=True)
    if "PermissionError" in done.stderr:
        pytest.skip("this user may not raise a priority: run as root to see it")
    assert json.loads(done.stdout) == [os.SCHED_OTHER, 5]


def test_it_loads_no_library_before_it_steps_back():
    loaded = (
        "import sys, v2g_bench.ems.ports.dtc_process; print([name for name in ('can', 'isotp') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.skipif(shutil.which("chrt") is None, reason="no chrt here: apt-get install util-linux")
def test_a_small_program_steps_back_before_its_interpreter_is_loaded():
    at_once = [*reader()[:-2], "-c", "import os; print(os.sched_getscheduler(0))"]
    urgent = (
        f"import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)); os.execv({at_once[0]!r}, {at_once!r})"
    )
    done = subprocess.run([sys.executable, "-c", urgent], capture_output=True, text=True)
    if "PermissionError" in done.stderr:
        pytest.skip("this user may not raise a priority: run as root to see it")
    assert done.stdout == f"{os.SCHED_OTHER}\n"


def test_without_that_program_it_is_read_all_the_same(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert reader() == [sys.executable, "-m", "v2g_bench.ems.ports.dtc_process"]
