"""How fast the bench qualifies itself, and how well: seconds per trial, error against U, with and without CPU hogs.

    .venv/bin/python tests/benchmarks/bench_qualification.py [--trials 2] [--hogs 4]

--trials 16 is the 400-trial proof; each hog is a process that computes without end at normal priority.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from v2g_bench.commands.qualify import _show, _table
from v2g_bench.qualification.result import QualificationResult
from v2g_bench.qualification.run import DELAYS_MS, QualificationPlan, qualify
from v2g_bench.rig.file.load import load_rig

HOG = "while True: pass"


def run(trials: int, hogs: int, rig: str, seed: int) -> QualificationResult:
    """One qualification beside so many hogs."""
    busy = [subprocess.Popen([sys.executable, "-c", HOG]) for _ in range(hogs)]
    try:
        with tempfile.TemporaryDirectory(prefix="v2g-bench-") as folder:
            plan = QualificationPlan(trials, DELAYS_MS, seed)
            return qualify(load_rig(rig), plan, Path(folder), note=print, show=_show)
    finally:
        for hog in busy:
            hog.kill()
            hog.wait()


def main() -> None:
    """Print the table and the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=2, help="per delay")
    parser.add_argument("--hogs", type=int, default=0)
    parser.add_argument("--rig", default="virtual")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    begun_s = time.monotonic()
    result = run(options.trials, options.hogs, options.rig, options.seed)
    taken_s = time.monotonic() - begun_s
    valid = [one for one in result.outcomes if not one.void]
    ratios = sorted(
        abs(one.error_ms) / one.expanded_ms for one in valid if one.error_ms is not None and one.expanded_ms
    )
    print(_table(result.rows))
    print(*result.floor, sep="\n")
    if ratios:
        print(f"|measured - true| / U: median {ratios[len(ratios) // 2]:.2f}, largest {ratios[-1]:.2f}")
    print(f"{taken_s / max(1, len(result.outcomes)):.2f} s per trial, {taken_s:.0f} s, {options.hogs} hogs")
    print(result.verdict, result.text)


if __name__ == "__main__":
    main()
