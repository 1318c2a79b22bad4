"""Every verdict of a whole certification (simulated) is recomputed; each of them, forged, is found."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from v2g_bench.reports.check import Verification
from v2g_bench.reports.model import Run, load
from v2g_bench.reports.recheck import recheck
from v2g_bench.reports.rejudge import FIGURES, LOG, READINGS, WAVEFORM
from v2g_bench.reports.verify import verify

pytestmark = pytest.mark.simulated

ROOT = Path(__file__).parents[2]
OTHER = {"PASS": "FAIL", "FAIL": "PASS", "INCONCLUSIVE": "PASS", "ERROR": "PASS"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    base = tmp_path_factory.mktemp("again")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--rig=sim",
        "--trials=1",
        "-q",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "V2G"))}
    done = subprocess.run(
        [*command, f"--reports={base}", "tests/conformance"],
        cwd=ROOT, capture_output=True, text=True, timeout=200, env=environment,
    )  # fmt: skip
    (found,) = list(base.glob("*-sim"))
    assert (found / "manifest.json").is_file(), done.stdout + done.stderr
    return found


def measurements(run):
    return [(test.nodeid, m) for r in run.requirements for test in r.tests for m in test.measurements]


@pytest.mark.timeout(300)
def test_every_verdict_of_a_certification_is_recomputed(folder):
    result = verify(folder)
    assert result.ok, result.findings
    run = load(folder / "results.json")
    assert sorted(where for where, _ in result.verdicts) == sorted(f"{node} {m.name}" for node, m in measurements(run))
    how = [found for _, found in result.verdicts]
    assert {WAVEFORM, READINGS, LOG, FIGURES} == set(how)
    observed = [m for _, m in measurements(run) if '"kind": "observed"' in m.basis]
    assert how.count(FIGURES) == len(observed), "only what was merely seen has no raw data behind it"


@pytest.mark.timeout(300)
def test_each_forged_verdict_is_found(folder):
    """As if results.json, every output and every hash had been made anew by whoever forged it."""
    run = load(folder / "results.json")
    assert len(measurements(run)) > 40
    seen: set[str] = set()  # one of each name: a pass over the capture for every single one takes minutes
    for r, requirement in enumerate(run.requirements):
        for t, test in enumerate(requirement.tests):
            for n, m in enumerate(test.measurements):
                if m.name in seen:
                    continue
                seen.add(m.name)
                forged = _with(run, r, t, n, dataclasses.replace(m, verdict=OTHER[m.verdict]))
                result = Verification()
                recheck(folder, forged, result)
                assert any(m.name in found.where for found in result.findings), f"{test.nodeid} {m.name}"
    assert len(seen) > 10


def _with(run: Run, r: int, t: int, n: int, forged: object) -> Run:
    requirement = run.requirements[r]
    test = requirement.tests[t]
    found = [*test.measurements[:n], forged, *test.measurements[n + 1 :]]
    tests = [
        *requirement.tests[:t],
        dataclasses.replace(test, verdict="", measurements=found),
        *requirement.tests[t + 1 :],
    ]
    changed = dataclasses.replace(requirement, verdict="", tests=tests)
    return dataclasses.replace(run, requirements=[*run.requirements[:r], changed, *run.requirements[r + 1 :]])
