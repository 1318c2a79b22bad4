"""A certification through the kernel's gateway, and its death: no job may be left in the kernel."""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "certification"))
from certify import Run, certify, latency, rig_file, wait_for

from v2g_bench.gateway import cangw

pytestmark = pytest.mark.timeout(250)

HOT = "tests/conformance/safety/test_emergency_shutdown.py::test_hot_cell_isolates[charging]"
COMPACT = {
    "bus.bms.fd": False,
    "bus.ems.fd": False,
    "bms.dbc": "dbc/compact_classic.dbc",
    "bms.roles": "dbc/compact_classic.roles.toml",
}


@pytest.mark.parametrize(
    ("path", "changes", "hands_over"),
    [("kernel", COMPACT, False), ("auto", {}, True)],
)
def test_the_same_test_through_the_kernel(tmp_path, path, changes, hands_over):
    """A plain BMS: the kernel writes the fault itself. A protected one: the bench does, for as long as the fault is there."""
    rig = rig_file(tmp_path, {**changes, "gateway.path": path, "dut.ready_s": 60.0}, base="gateway")
    done = certify(tmp_path, rig, [HOT], "--rig-strict")
    assert [test.verdict for test in done.requirement("SAF-01").tests] == ["PASS"], done.out
    notes = " / ".join(done.run.marks)
    assert "the kernel's gateway (can-gw) forwards between BMS and controller" in notes
    handed = re.search(r", handed over (\d+) times between kernel and bench", notes)
    assert bool(handed) == hands_over, notes
    if handed:  # to the bench and back, in each trial; a void one is repeated
        measured = latency(done.requirement("SAF-01").tests[0])
        assert int(handed[1]) == 2 * len(measured.trials)
    assert "0 lost" in notes
    assert cangw.found() == []


def test_a_bench_that_is_killed_leaves_no_job(tmp_path):
    rig = rig_file(tmp_path, {"gateway.path": "kernel", "dut.ready_s": 60.0}, base="gateway")
    run = Run(tmp_path, rig, [HOT], "--rig-strict")
    try:
        wait_for("the controller runs", run.controller_runs, 100)
        assert all(job.ours for job in cangw.found())
        assert cangw.found()
    finally:
        run.kill()
    wait_for("all that it started has ended", lambda: not run.children())
    assert cangw.found() == []
