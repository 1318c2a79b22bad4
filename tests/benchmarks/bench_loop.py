"""How long a closed-loop year of one configuration takes on one core, and the laws' draws over ten years of it.

    .venv/bin/python tests/benchmarks/bench_loop.py [--days 365] [--duty commuter] [--climate temperate] [--draws 1000]

Times are those of the processor, so that other work beside it counts little. Exit status 1 if a year takes 30 s or more.
"""

import argparse
import sys
import time

import numpy as np

from v2g_bench.life.loop.climate import load_climate
from v2g_bench.life.loop.configuration import Configuration
from v2g_bench.life.loop.duty import load_duty
from v2g_bench.life.loop.year import Setting, run_year
from v2g_bench.pack.ageing.law import Spread
from v2g_bench.pack.ageing.laws import LAWS
from v2g_bench.pack.ageing.stress import stress_of

LONGEST_S = 30.0


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--duty", default="commuter")
    parser.add_argument("--climate", default="temperate")
    parser.add_argument("--draws", type=int, default=1000)
    asked = parser.parse_args()
    setting = Setting(load_duty(asked.duty), load_climate(asked.climate), days=asked.days)
    began = time.process_time()
    year = run_year(setting, Configuration("default"))
    year_s = (time.process_time() - began) * 365 / asked.days
    print(f"closed-loop year   {year_s:6.1f} s  (from {asked.days} days, {asked.duty}, {asked.climate})")
    began = time.process_time()
    stress = stress_of(year.series)
    print(f"its stress         {time.process_time() - began:6.2f} s")
    drawn = Spread().draws(asked.draws, np.random.default_rng(1))
    for law in LAWS.values():
        began = time.process_time()
        law.fade(stress.repeated(10 * 365 / asked.days), 10.0, drawn)
        print(f"{law.name:18} {1000 * (time.process_time() - began):6.0f} ms for {asked.draws} draws of ten years")
    return int(year_s >= LONGEST_S)


if __name__ == "__main__":
    sys.exit(main())
