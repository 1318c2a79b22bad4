"""How much faster than real time the simulation is, and where the time goes. Figures, not a test.

    .venv/bin/python tests/benchmarks/bench_sim.py [--trials 20] [--suite]

CPU time, so that a busy machine counts as little as it can; the ratios are simulated seconds per CPU second. --suite also
runs `pytest --rig=sim` as a user does and gives wall time beside it: imports, judging and the written report are in it.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from can.io import BLFReader

from v2g_bench.faults import OverTemperature
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.measuring.bench import Bench
from v2g_bench.rig.measuring.session import Session
from v2g_bench.sim.rig import SimRig

AFTER_FAULT_S = 0.1


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--suite", action="store_true", help="the whole conformance suite as well")
    options = parser.parse_args()
    trials = options.trials
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        with SimRig(load_rig("sim"), Path(folder), 1, note=lambda text: None) as parts:
            session = Session(parts)
            session.prepare()
            bench = session.bench
            print(f"open and prepare      {1e3 * (time.process_time() - begun):8.1f} ms")
            idle(parts, bench)
            shutdowns(parts, bench, trials)
    print(f"load of the machine   {os.getloadavg()[0]:8.1f}")
    if options.suite:
        suite()


def suite() -> None:
    """The conformance tests on `--rig=sim`, with the seconds between the first and the last frame of their bus."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", "--rig=sim", "--seed=1", "-q", f"--reports={folder}"]
        begun_s, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True)
        wall_s, after = time.monotonic() - begun_s, resource.getrusage(resource.RUSAGE_CHILDREN)
        (run,) = [path for path in Path(folder).iterdir() if path.is_dir()]
        with BLFReader(run / "main.blf") as reader:
            timestamps = [message.timestamp for message in reader]
    cpu_s, passed_s = (
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        timestamps[-1] - timestamps[0],
    )
    print(
        f"whole suite           {wall_s:8.1f} s ({cpu_s:.1f} s CPU) for {passed_s:.0f} s: {passed_s / wall_s:.0f} times real "
        f"time ({passed_s / cpu_s:.0f} by CPU)"
    )


def idle(parts: SimRig, bench: Bench) -> None:
    """Nothing but frames and polls, at power."""
    with bench.at_power(-3000):
        frames, cpu, started = len(parts.bus.capture), time.process_time(), parts.clock.now_s()
        parts.clock.pause(10.0)
        cpu, frames = time.process_time() - cpu, len(parts.bus.capture) - frames
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
                parts.clock.run_until(fault.on_bus.time_s + AFTER_FAULT_S)
                mark = took(spent, "shutdown", mark)
                shut_s += parts.clock.now_s() - before_s
                trace.waveform  # noqa: B018  (fetched here)
                mark = took(spent, "waveform", mark)
                latency = trace.isolation(after=fault.on_bus)
                mark = took(spent, "estimate", mark)
        assert latency.value is not None
        assert latency.value < 50
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
