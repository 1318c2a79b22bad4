"""Speed of the ageing laws, on one core: .venv/bin/python tests/benchmarks/bench_ageing.py

Prints processor seconds: ten years at one-minute steps into a Stress and through each law; 10,000 paired draws of two
weeks; KIT's law stepped through the ten years in their order.
"""

import time
from collections.abc import Callable

import numpy as np

from v2g_bench.pack.ageing.kit import stepped
from v2g_bench.pack.ageing.law import Spread
from v2g_bench.pack.ageing.laws import LAWS
from v2g_bench.pack.ageing.series import Series
from v2g_bench.pack.ageing.stress import stress_of


def history(days: int, window: tuple[float, float] = (0.2, 0.8)) -> Series:
    """Minutes of a 3 Ah cell, charged and discharged once a day at 0.45 A, over the seasons."""
    low, high = window
    time_s = np.arange(days * 1440 + 1) * 60.0
    hour = time_s / 3600.0 % 24
    up = np.minimum(low + 0.15 * hour, high)
    soc = np.where(hour < 12, up, np.maximum(high - 0.15 * (hour - 12), low))
    current = np.append(np.diff(soc) * 180.0, 0.0)
    return Series(time_s, soc, 12.0 + 9.0 * np.sin(time_s / 86400.0 / 58.1), current, 3.0, "NMC")


def took_s(work: Callable[[], object], rounds: int = 5) -> float:
    """The least processor time of some rounds, s."""
    times = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)


def main() -> None:
    ten_years = history(3650)
    print(f"ten years of minutes into a stress   {took_s(lambda: stress_of(ten_years), 2):8.3f} s")
    print(f"KIT stepped through them             {took_s(lambda: stepped(ten_years), 1):8.3f} s")
    whole, a, b = stress_of(ten_years), stress_of(history(7)), stress_of(history(7, (0.25, 0.75)))
    draws = Spread().draws(10_000, np.random.default_rng(1))
    for law in LAWS.values():
        once = took_s(lambda law=law: law.fade(whole, 10.0))
        paired = took_s(lambda law=law: law.fade(b, 10.0, draws).capacity - law.fade(a, 10.0, draws).capacity)
        print(f"{law.name:12} ten years {1e3 * once:7.1f} ms   10,000 paired draws {1e3 * paired:7.1f} ms")


if __name__ == "__main__":
    main()
