"""How fast a meter answers: queries and a block of 20 000 samples, emulated instrument in another process.

    python tests/benchmarks/bench_scpi.py [queries]

Prints p50, p99 and the largest time of a query on both transports (target: p99 below 1 ms on an idle machine), of a
write followed by a query, and of fetching a record that is already complete. Judges nothing: the machine may be busy.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from v2g_bench.clock import RealClock
from v2g_bench.instruments.emulated import emulate
from v2g_bench.instruments.emulated.host import HostThread
from v2g_bench.instruments.session import ScpiSession

RECORD = "CONF:VOLT:DC 0.1;:VOLT:ZERO:AUTO OFF;:VOLT:APER 20E-6;:SAMP:SOUR TIM;TIM 20E-6;COUN 20000;:FORM REAL,64"


class Rig:
    def dc_current(self, t):
        return np.full(len(t), 10.0)

    def ac(self, t_from_s, t_to_s):
        return SimpleNamespace(power_w=0.0, voltage_v=230.0, current_a=0.0, frequency_hz=50.0)


def serve() -> None:
    """The other process: an instrument on both transports, until the standard input closes."""
    meter = emulate("keysight-34465a", probe=Rig(), clock=RealClock(), shunt_ohm=0.001)
    with HostThread() as hosts:
        print(hosts.hislip(meter), hosts.socket(meter), flush=True)
        sys.stdin.read()


def times_us(work: Callable[[], object], count: int) -> np.ndarray:
    times = np.empty(count)
    for index in range(count):
        start_ns = time.perf_counter_ns()
        work()
        times[index] = (time.perf_counter_ns() - start_ns) / 1000
    return times


def line(what: str, times: np.ndarray) -> None:
    p50, p99 = np.percentile(times, [50, 99])
    print(f"{what:34} n {len(times):6}  p50 {p50:8.0f} us  p99 {p99:8.0f} us  max {times.max():8.0f} us")


def measure(name: str, resource: str, count: int) -> None:
    with ScpiSession(resource) as session:
        session.identify("34465A")
        line(f"{name} query", times_us(lambda: session.query("SAMP:COUN?"), count))
        line(f"{name} write, then query", times_us(lambda: (session.write("*CLS"), session.query("*ESR?")), count // 4))
        session.write(RECORD + ";:TRIG:DEL 0;:INIT")
        session.check_errors()
        first_us = times_us(lambda: session.query_block("FETC?", timeout_s=10.0), 1)
        again_us = times_us(lambda: session.query_block("FETC?", timeout_s=10.0), 50)
        print(f"{name} 20 000 samples, first (0.4 s of them measuring)  {first_us[0] / 1000:.1f} ms")
        line(f"{name} 20 000 samples again", again_us)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin
        assert other.stdout
        try:
            hislip, raw = other.stdout.readline().split()
            measure("HiSLIP", hislip, count)
            measure("socket", raw, count)
        finally:
            other.stdin.close()
            other.wait(10)


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["--serve"] else main()
