"""Bias, spread and coverage of the crossing estimator over its matrix, and what it costs; a naive one beside it.

    python tests/benchmarks/bench_crossing.py [--trials 20] [--shape exponential|ramp] [--ripple-stays]

coverage: share of results whose U (k from the dof) covers the truth; ratio: error / u, root mean square (1 is honest,
less is careful).
"""

import argparse
import itertools
import math
import time

import numpy as np

from v2g_bench.metrology.budget import Uncertainty
from v2g_bench.metrology.crossing import NoCrossing, isolation
from v2g_bench.metrology.synthetic import Fall
from v2g_bench.metrology.waveform import Waveform

RATES = (1e3, 10e3, 50e3, 200e3, 1e6)
RIPPLES = (0.0, 2.0, 10.0)
NOISES = (0.0, 0.2, 1.0)
DECAYS = (0.2e-3, 1e-3, 3e-3, 10e-3)


def naive(waveform: Waveform, fault_s: float, fraction: float = 0.05) -> float:
    """The first sample below the threshold: what an engineer writes first."""
    after = waveform.index_at(fault_s)
    level = abs(waveform.samples[:after].mean())
    below = np.flatnonzero(np.abs(waveform.samples[after:]) < fraction * level)
    return waveform.start_s + (after + int(below[0])) * waveform.dt_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--shape", choices=("exponential", "ramp"), default="exponential")
    parser.add_argument("--ripple-hz", type=float, default=20_000.0)
    parser.add_argument("--declare", action="store_true", help="tell the estimator the ripple's frequency")
    parser.add_argument("--ripple-stays", action="store_true")
    parser.add_argument("--all", action="store_true", help="print every cell, not the worst ones")
    args = parser.parse_args()
    rows, errors = [], []
    for rate, ripple, noise, decay in itertools.product(RATES, RIPPLES, NOISES, DECAYS):
        bias, first, u, covered, spent, refused = [], [], [], 0, 0.0, 0
        for trial in range(args.trials):
            sign = -1 if trial % 2 else 1
            fall = Fall(8.0 * sign, decay, args.shape, ripple, args.ripple_hz, args.ripple_stays, noise)
            wave = fall.waveform(rate, seed=trial)
            begin = time.perf_counter()
            try:
                found = isolation(wave, fall.fault_s, ripple_hz=args.ripple_hz if args.declare else None)
            except NoCrossing as error:
                refused += 1
                errors.append(f"{rate:g} {ripple:g} {noise:g} {decay:g}: {error}")
                continue
            spent += time.perf_counter() - begin
            off = found.time_s - fall.truth_s(0.05)
            bias.append(off)
            u.append(found.u_s)
            first.append(naive(wave, fall.fault_s) - fall.truth_s(0.05))
            covered += abs(off) <= Uncertainty.of(found.u_s, found.dof).expanded + 1e-9
        if not bias:
            continue
        ratio = math.sqrt(np.mean((np.array(bias) / np.maximum(u, 1e-9)) ** 2))
        rows.append(
            (
                rate,
                ripple,
                noise,
                decay * 1e3,
                np.mean(first) * 1e6,
                np.mean(bias) * 1e6,
                np.std(bias) * 1e6,
                np.mean(u) * 1e6,
                100 * covered / len(bias),
                ratio,
                1e3 * spent / len(bias),
                refused,
            )
        )
    print("   rate ripple noise decay     naive      bias    spread    mean u coverage ratio     time refused")
    print("    S/s      %     %    ms        us        us        us        us        %           ms")
    for row in rows:
        if args.all or row[8] < 90 or row[11]:
            print(
                f"{row[0]:7g} {row[1]:6g} {row[2]:5g} {row[3]:5g} {row[4]:9.1f} {row[5]:9.2f} {row[6]:9.2f} "
                f"{row[7]:9.2f} {row[8]:8.0f} {row[9]:5.2f} {row[10]:8.2f} {row[11]:7d}"
            )
    table = np.array(rows)
    print(f"\n{len(rows)} cells, {args.trials} trials each; refused {int(table[:, 11].sum())}")
    print("   rate   |naive|    |bias|    spread    mean u coverage     time   (means over the cells of a rate)")
    for rate in RATES:
        part = table[table[:, 0] == rate]
        if part.size:
            print(
                f"{rate:7g} {np.abs(part[:, 4]).mean():9.1f} {np.abs(part[:, 5]).mean():9.2f} "
                f"{part[:, 6].mean():9.2f} {part[:, 7].mean():9.2f} {part[:, 8].mean():8.1f} {part[:, 10].mean():8.2f}"
            )
    print(f"coverage over all: {table[:, 8].mean():.2f} %")
    for line in sorted(set(errors))[:12]:
        print("refused:", line)


if __name__ == "__main__":
    main()
