"""A plugin that runs a failed test again does not turn its FAIL into a PASS: both ways in which such plugins work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from v2g_bench.reports.model.run import load
from v2g_bench.reports.verify.run_folder import verify

pytestmark = pytest.mark.simulated

ROOT = Path(__file__).parents[2]
BOUND_S = 120

# As pytest-retry: inside the hook that makes the report, which then says what came of the second attempt.
QUIETLY = """
import pytest

@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if call.when == "call" and call.excinfo:
        other = pytest.Class.from_parent(item.session, name="Other")
        pytest.CallInfo.from_call(lambda: item.ihook.pytest_runtest_teardown(item=item, nextitem=other), when="teardown")
        item._initrequest()
        pytest.CallInfo.from_call(lambda: item.ihook.pytest_runtest_setup(item=item), when="setup")
        again = pytest.CallInfo.from_call(lambda: item.ihook.pytest_runtest_call(item=item), when="call")
        retried = pytest.TestReport.from_item_and_call(item, again)
        report.outcome, report.longrepr = retried.outcome, retried.longrepr
"""
# As pytest-rerunfailures: the whole protocol once more, and only the last reports are logged.
IN_FULL = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    for attempt in (1, 2):
        item._initrequest()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        if not any(report.failed for report in reports):
            break
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    return True
"""
TEST = """
import pytest

TRIES = []

@pytest.mark.req("X-01")
def test_lucky(bench, judge):
    \"\"\"It holds from the second time on.\"\"\"
    TRIES.append(1)
    judge.holds("lucky", len(TRIES) > {fails})
"""
WORDING = """---
id: X-01
title: is lucky
family: luck
source: this test
limit: none
method: it counts
---
It holds.
"""


def run(folder, plugin, fails):
    (folder / "requirements").mkdir()
    (folder / "requirements" / "X-01.md").write_text(WORDING)
    (folder / "test_lucky.py").write_text(TEST.format(fails=fails))
    (folder / "conftest.py").write_text(plugin)
    (folder / "pytest.ini").write_text("[pytest]\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "V2G"))}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--rig=sim",
        "--seed=1",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
    ]
    done = subprocess.run(
        [*command, f"--reports={folder / 'reports'}", "test_lucky.py"],
        cwd=folder, capture_output=True, text=True, timeout=BOUND_S, env=environment,
    )  # fmt: skip
    (results,) = (folder / "reports").glob("*/results.json")
    return done, load(results), results.parent


@pytest.mark.timeout(BOUND_S + 30)
@pytest.mark.parametrize("plugin", [QUIETLY, IN_FULL], ids=["quietly", "in full"])
def test_every_attempt_is_kept_and_the_worst_counts(tmp_path, plugin):
    done, found, folder = run(tmp_path, plugin, fails=1)
    (requirement,) = [one for one in found.requirements if one.id == "X-01"]
    assert [(test.title, test.verdict) for test in requirement.tests] == [
        ("It holds from the second time on.", "FAIL"),
        ("It holds from the second time on. (attempt 2)", "PASS"),
    ]
    assert (requirement.verdict, found.verdict, done.returncode, found.exit_status) == ("FAIL", "FAIL", 1, 1)
    assert (
        "test_lucky was run 2 times: the outcome of each attempt is kept, and the worst one counts" in found.deviations
    )
    assert verify(folder).ok, verify(folder).findings


@pytest.mark.timeout(BOUND_S + 30)
def test_a_test_that_needs_no_second_attempt_has_one(tmp_path):
    done, found, _ = run(tmp_path, QUIETLY, fails=0)
    assert (found.verdict, done.returncode) == ("PASS", 0)
    assert not [text for text in found.deviations if "was run" in text]
