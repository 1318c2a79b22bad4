"""How long the history takes to answer: 365 nights of 2,000 results.

.venv/bin/python tests/benchmarks/bench_history.py
"""

import tempfile
import time
from pathlib import Path

import numpy as np

from v2g_bench.reports.history.changes import changes
from v2g_bench.reports.history.index import INDEX, History
from v2g_bench.reports.history.page import render_history
from v2g_bench.reports.history.trend import RUNS, summarize
from v2g_bench.reports.model.run import Controller, Measurement, Requirement, Run, TestResult

NIGHTS, REQUIREMENTS, TESTS, MEASUREMENTS = (
    365,
    100,
    5,
    3,
)  # a test's verdict is a result too: 100 * 5 * (3 + 1) = 2,000


def night(number: int, values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> Run:
    requirements = []
    for r in range(REQUIREMENTS):
        tests = []
        for t in range(TESTS):
            measured = [
                Measurement(
                    name=f"m{m}", unit="ms", value=float(values[r, t, m]), expanded=0.3, limit_high=50.0, verdict="PASS"
                )
                for m in range(MEASUREMENTS)
            ]
            tests.append(TestResult(nodeid=f"t.py::test_{r}[{t}]", verdict="PASS", measurements=measured))
        requirements.append(Requirement(id=f"R-{r:03d}", title="t", tests=tests))
    day = f"{2026 + number // 360}-{1 + number % 360 // 30:02d}-{1 + number % 30:02d}"
    controller = Controller(name="ems", version="1.0")
    return Run(
        title="t", started=f"{day}T01:00:00+00:00", complete=True, rig="bench", evidence="hardware", clock="real",
        controller=controller, requirements=requirements,
    )  # fmt: skip


def main() -> None:
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as name, History(Path(name)) as history:
        started = time.perf_counter()
        for number in range(NIGHTS):
            run = night(number, 20.0 + rng.normal(0, 0.5, (REQUIREMENTS, TESTS, MEASUREMENTS)))
            with history._db:
                history.add(f"night{number}", run)
        print(f"index of {NIGHTS} nights       {time.perf_counter() - started:6.1f} s")
        print(f"size                     {(Path(name) / INDEX).stat().st_size / 1e6:6.1f} MB")
        for text, requirement, last in (
            ("one requirement, all runs", "R-050", None),
            ("everything, last 60 runs ", None, RUNS),
        ):
            best = float("inf")
            for _ in range(3):
                started = time.perf_counter()
                found = [summarize(series, 30) for series in history.series("bench", requirement, last)]
                best = min(best, time.perf_counter() - started)
            print(
                f"{text} {best:6.3f} s   {len(found)} series, {sum(bool(reported.alarm) for reported in found)} alarms"
            )
            print(f"target 1 s: {'met' if best < 1.0 else 'MISSED'}")
        for text, work in (
            ("what changed", lambda: changes(history, "bench", 30)),
            ("the page", lambda: render_history(history, ["bench"], 30)),
        ):
            started = time.perf_counter()
            made = work()
            size = f", {len(made) / 1e6:.1f} MB" if isinstance(made, bytes) else ""
            print(f"{text:24s} {time.perf_counter() - started:6.3f} s{size}")


if __name__ == "__main__":
    main()
