"""How much faster than real time the simulation is, and where the time goes. Figures, not a test.

    .venv/bin/python tests/benchmarks/bench_sim.py [--trials 20]

CPU time of this process, so that a busy machine does not count; the ratios are simulated seconds per CPU second.
"""

import argparse
import tempfile
import time
from pathlib import Path

from v2g_bench.faults import OverTemperature
from v2g_bench.rig.bench import Bench
from v2g_bench.rig.load import load_rig
from v2g_bench.sim.rig import SimRig

AFTER_FAULT_S = 0.1


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        with SimRig(load_rig("sim"), Path(folder), 1, note=lambda text: None) as parts:
            bench = Bench(parts)
            bench.prepare()
            print(f"open and prepare      {1e3 * (time.process_time() - begun):8.1f} ms")
            idle(parts, bench)
            shutdowns(parts, bench, trials)


def idle(parts: SimRig, bench: Bench) -> None:
    """Nothing but frames and polls, at power."""
    with bench.at_power(-3000):
        frames, cpu, started = len(parts.capture), time.process_time(), parts.clock.now_s()
        parts.pause(10.0)
        cpu, frames = time.process_time() - cpu, len(parts.capture) - frames
        passed = parts.clock.now_s() - started
    print(
        f"10 s at power         {1e3 * cpu:8.1f} ms, {passed / cpu:.0f} times real time, {1e6 * cpu / frames:.0f} us a frame"
    )


def shutdowns(parts: SimRig, bench: Bench, trials: int) -> None:
    """Emergency shutdowns: the whole trial, and its parts."""
    spent = {"to power": 0.0, "shutdown": 0.0, "waveform": 0.0, "estimate": 0.0, "back": 0.0}
    started, cpu, shut_s = parts.clock.now_s(), time.process_time(), 0.0
    for trial in range(trials):
        mark = time.process_time()
        with bench.at_power(-3000), bench.recording() as trace:
            mark = took(spent, "to power", mark)
            before_s = parts.clock.now_s()
            with bench.inject(OverTemperature(cell=17, to_c=45.5), phase_s=0.0007 * trial) as fault:
                parts.timeline.run_until(fault.on_bus.time_s + AFTER_FAULT_S)
                mark = took(spent, "shutdown", mark)
                shut_s += parts.clock.now_s() - before_s
                trace.waveform  # noqa: B018  (fetched here)
                mark = took(spent, "waveform", mark)
                latency = trace.isolation(after=fault.on_bus).latency
                mark = took(spent, "estimate", mark)
        assert latency.reading.value is not None
        assert latency.reading.value < 50
        took(spent, "back", mark)
    cpu, passed = time.process_time() - cpu, parts.clock.now_s() - started
    for name, seconds in spent.items():
        print(f"{name:21s} {1e3 * seconds / trials:8.2f} ms a trial")
    print(
        f"whole trial           {1e3 * cpu / trials:8.2f} ms, {passed / cpu:.0f} times real time ({passed / trials:.2f} s each)"
    )
    print(
        f"shutdown alone        {shut_s / spent['shutdown']:.0f} times real time ({1e3 * shut_s / trials:.0f} ms each)"
    )


def took(spent: dict[str, float], name: str, since: float) -> float:
    """Book the CPU time since then; the time now."""
    now = time.process_time()
    spent[name] += now - since
    return now


if __name__ == "__main__":
    main()
