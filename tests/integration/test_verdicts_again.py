"""Every verdict of a simulated certification's part is recomputed, and found where forged (.ci/run verifies a whole one)."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Container
from pathlib import Path

import pytest

from v2g_bench.evidence.record import Kind
from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.model.run import Run, load
from v2g_bench.reports.verify.recheck import recheck
from v2g_bench.reports.verify.rejudge import FIGURES, LOG, READINGS, WAVEFORM
from v2g_bench.reports.verify.run_folder import verify

pytestmark = pytest.mark.simulated

ROOT = Path(__file__).parents[2]
BOUND_S = 400
PART = [
    "safety/test_emergency_shutdown.py",
    "safety/test_fallbacks.py",
    "limits/test_power.py",
]  # each kind of evidence
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
        "--seed=1",
        "-q",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "V2G"))}
    done = subprocess.run(
        [*command, f"--reports={base}", *(f"tests/conformance/{name}" for name in PART)],
        cwd=ROOT, capture_output=True, text=True, timeout=BOUND_S, env=environment,
    )  # fmt: skip
    (found,) = list(base.glob("*-sim"))
    assert (found / "manifest.json").is_file(), done.stdout + done.stderr
    return found


def measurements(run):
    return [(test.nodeid, m) for r in run.requirements for test in r.tests for m in test.measurements]


@pytest.mark.timeout(BOUND_S + 60)
def test_every_verdict_of_a_certification_is_recomputed(folder):
    result = verify(folder)
    assert result.ok, result.findings
    run = load(folder / "results.json")
    assert sorted(where for where, _ in result.verdicts) == sorted(f"{node} {m.name}" for node, m in measurements(run))
    how = [found for _, found in result.verdicts]
    assert {WAVEFORM, READINGS, LOG, FIGURES} == set(how)
    observed = [m for _, m in measurements(run) if m.kind == Kind.OBSERVED]
    assert how.count(FIGURES) == len(observed), "only what was merely seen has no raw data behind it"


@pytest.mark.timeout(BOUND_S + 60)
@pytest.mark.parametrize("first", [0, 1])
def test_each_forged_verdict_is_found(folder, first):
    """As if results.json, every output and every hash had been made anew by whoever forged it. Every second one, then the
    others: each is found beside sound ones, and nothing is said of those."""
    run = load(folder / "results.json")
    all_of_them = measurements(run)
    assert len(all_of_them) > 40
    forged = {id(m): f"{nodeid} {m.name}" for nodeid, m in all_of_them[first::2]}
    result = Verification()
    recheck(folder, _with(run, forged), result)
    assert sorted(found.where for found in result.findings) == sorted(forged.values())


def _with(run: Run, forged: Container[int]) -> Run:
    """The run with another verdict in these measurements, and none above them."""
    requirements = []
    for requirement in run.requirements:
        tests = []
        for test in requirement.tests:
            found = [
                dataclasses.replace(m, verdict=OTHER[m.verdict]) if id(m) in forged else m for m in test.measurements
            ]
            tests.append(dataclasses.replace(test, verdict="", measurements=found))
        requirements.append(dataclasses.replace(requirement, verdict="", tests=tests))
    return dataclasses.replace(run, requirements=requirements)
