"""Whoever reads trouble codes is less urgent than the controller that started it."""

import json
import os
import subprocess
import sys

import pytest

FROM = """
import json, os
{before}
from v2g_bench.ems import dtc_process
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
    loaded = "import sys, v2g_bench.ems.dtc_process; print([name for name in ('can', 'isotp') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True).stdout == "[]\n"
