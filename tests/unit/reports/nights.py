"""Forty nights of one rig: a margin that is used up, a steady one, a flip, a sick rig, and a new version."""

import random
from pathlib import Path

from v2g_bench.reports.model.run import Controller, Measurement, Requirement, Run, TestResult, dump

NIGHTS, NEW_VERSION, SICK, FLIPPED = 40, 10, 25, (30, 31)


def night(number: int) -> Run:
    """One run: SAF-01 drifts towards its limit of 50 ms, SAF-02 stays, SAF-03 fails in two nights, one night is sick."""
    noise = random.Random(number)
    drifts = _timed("SAF-01", 20.0 + 0.6 * number + noise.gauss(0, 0.4))
    steady = _timed("SAF-02", 22.0 + noise.gauss(0, 0.4), sick=number == SICK)
    held = TestResult(
        nodeid="tests/t.py::test_held",
        verdict="FAIL" if number in FLIPPED else "PASS",
        reason="it tripped" if number in FLIPPED else "",
    )
    requirements = [drifts, steady, Requirement(id="SAF-03", title="no trip", tests=[held])]
    return Run(
        title="V2G controller certification",
        started=f"2026-{1 + number // 28:02d}-{1 + number % 28:02d}T01:00:00+00:00",
        complete=True,
        rig="bench-3",
        evidence="emulated",
        clock="real",
        bench_version="0.1.0",
        controller=Controller(name="ems", version="1.0" if number < NEW_VERSION else "1.1"),
        requirements=requirements,
    )


def _timed(name: str, value: float, *, sick: bool = False) -> Requirement:
    m = Measurement(
        name="time to isolation",
        unit="ms",
        value=None if sick else value,
        expanded=None if sick else 0.3,
        limit_high=50.0,
        verdict="INCONCLUSIVE" if sick else "PASS",
    )
    test = TestResult(
        nodeid="tests/t.py::test_isolates[charging]", measurements=[m], reason="no clock link" if sick else ""
    )
    return Requirement(id=name, title="isolates", tests=[test])


def write_nights(folder: Path, first: int = 0, last: int = NIGHTS) -> None:
    """results.json of the nights from `first` to `last` - 1, each in its folder."""
    for number in range(first, last):
        path = folder / f"night-{number:03d}"
        path.mkdir(parents=True)
        dump(night(number), path / "results.json")
