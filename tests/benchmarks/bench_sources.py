"""How often do the sources of a healthy simulated rig disagree? Every disagreement would be a false INCONCLUSIVE.

    python tests/benchmarks/bench_sources.py --scenarios 1000

Each scenario: a pack of another state of charge, another power, the comparisons that a test brings with it (power
standing, AC power, DC power, a watched trace); every 20 scenarios other instruments with errors of their own.
"""

import argparse
import random
import tempfile
from collections import defaultdict
from pathlib import Path

from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.measuring.session import Session
from v2g_bench.sim.rig import SimRig

PER_RIG = 20


def main() -> None:
    """Play, count, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance, found, bad = random.Random(options.seed), defaultdict(list), []
    for first in range(0, options.scenarios, PER_RIG):
        with tempfile.TemporaryDirectory() as folder:
            loaded = load_rig("sim")
            with SimRig(loaded, Path(folder), seed=first + options.seed, note=lambda text: None) as parts:
                for number in range(first, min(first + PER_RIG, options.scenarios)):
                    power_w = chance.choice((-1, 1)) * chance.uniform(500, 4000)
                    session = Session(parts)
                    bench = session.bench
                    session.comparisons.reported = lambda one, at=(number, power_w): (
                        found[one.quantity].append(one.e_n),
                        None if one.agreed else bad.append((*at, one.text)),
                    )
                    parts.dut.fresh()
                    parts.world.plant.client.reset(soc_pct=chance.uniform(30, 70))
                    parts.dut.fresh(heal=False)
                    with bench.at_power(power_w):
                        bench.readings.ac_power()
                        bench.readings.pack_power()
                    with bench.recording(rate_hz=1000, after_s=1.0) as trace:
                        trace.complete()
                    bench.readings.compare(trace)
    for quantity, numbers in found.items():
        print(f"{quantity:12} {len(numbers):6} comparisons, greatest E_n {max(numbers):.2f}")
    print(f"{len(bad)} of {sum(map(len, found.values()))} disagree")
    for one in bad[:20]:
        print(*one)


if __name__ == "__main__":
    main()
