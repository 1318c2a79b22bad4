"""How fast the userland bus is, and whether capture and decode keep up with a full bus.

    python tests/benchmarks/bench_bus.py [--seconds 60] [--fast-seconds 30] [--echoes 20000]

(a) idle bus: time from send() to the own echo, every 1 ms one frame of 64 bytes.
(b) load: a paced sender in a process of its own, into a capture with a BLF file; then one signal decoded by numpy.
    CPU is the share of one core of the capturing process (all threads) and of the hub while the frames come.
Exit status 1 if a frame was lost. Latencies are those of the machine at hand: run it on a quiet one.
"""

import argparse
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import can
import numpy as np

from v2g_bench.can.capture import Capture
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.hub import HubProcess
from v2g_bench.can.roles import read_roles
from v2g_bench.can.trace import first_above, signal
from v2g_bench.can.userland import UserlandBus
from v2g_bench.dbc import dbc_path, roles_path

SENDER = """
import sys, time
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.can.userland import UserlandBus
from v2g_bench.dbc import dbc_path, roles_path

path, rate, count = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
db = BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))
cells = {f"cell_voltage[{n}]": 3.7 for n in range(1, 33)}
frames = [db.encode("BMS_CellVoltages1", cells, 0)] * 7
frames += [db.encode("BMS_Safety", {"cell_temperature_max": 25.0, "string_voltage_difference": 0.01}, 0)]
bus = UserlandBus(path)
start = time.monotonic()
for n in range(count):
    ahead = start + n / rate - time.monotonic()
    if ahead > 0.002:
        time.sleep(ahead)
    bus.send(frames[n % 8])
bus.shutdown()
"""


def echo_latency(path: str, echoes: int) -> None:
    """(a): microseconds from send() to the own echo."""
    frame = can.Message(arbitration_id=0x80, is_extended_id=False, is_fd=True, bitrate_switch=True, data=bytes(64))
    with UserlandBus(path, receive_own_messages=True) as bus:
        taken = np.empty(echoes)
        for n in range(echoes):
            time.sleep(0.001)
            start_s = time.perf_counter()
            bus.send(frame)
            bus.recv(5)
            taken[n] = time.perf_counter() - start_s
    p50, p99, p999 = np.percentile(taken, [50, 99, 99.9]) * 1e6
    print(
        f"send -> own echo, idle bus, {echoes} frames: p50 {p50:.0f} us, p99 {p99:.0f} us, p99.9 {p999:.0f} us, ",
        end="",
    )
    print(f"max {taken.max() * 1e6:.0f} us   (target: p99 < 1000 us)")


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(hub: HubProcess, db: BusDatabase, rate: float, seconds: float, folder: Path) -> int:
    """(b): one row of the table; returns the lost frames."""
    count = int(rate * seconds)
    with UserlandBus(hub.path) as bus, Capture(bus, folder / f"{rate:.0f}.blf", keep_s=math.inf) as capture:
        command = [sys.executable, "-c", SENDER, hub.path, str(rate), str(count)]
        with subprocess.Popen(command) as sender:
            capture.wait_for(lambda frame: True, timeout_s=30)
            start_s, cpu, hub_cpu = time.monotonic(), cpu_s(os.getpid()), cpu_s(hub.pid)
            sender.wait()
        deadline_s = time.monotonic() + 5
        while len(capture) < count and time.monotonic() < deadline_s:
            time.sleep(0.01)
        wall_s = time.monotonic() - start_s
        cpu, hub_cpu = cpu_s(os.getpid()) - cpu, cpu_s(hub.pid) - hub_cpu
        decode_start_s = time.perf_counter()
        t_s, volts = signal(capture, db, "cell_voltage[17]")
        hot = first_above(capture, db, "cell_temperature_max", 45.0)
        decode_s = time.perf_counter() - decode_start_s
        frames, lost = len(capture), capture.counters.lost
    assert hot is None
    assert len(volts) == len(t_s) > 0
    assert set(volts.tolist()) == {3.7}
    in_file = sum(1 for _ in can.BLFReader(folder / f"{rate:.0f}.blf"))
    missing = max(lost, count - frames, count - in_file)
    print(
        f"{rate:8.0f} {wall_s:7.1f} {frames:9d} {frames / wall_s:10.0f} {missing:6d} {100 * cpu / wall_s:9.1f} "
        f"{100 * hub_cpu / wall_s:7.1f} {decode_s * 1000:10.1f}"
    )
    return missing


def main() -> int:
    """Run both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the full-bus run, 2,900 frames/s")
    parser.add_argument("--fast-seconds", type=float, default=30.0, help="length of the fast one, 8,000 frames/s")
    parser.add_argument("--echoes", type=int, default=20_000)
    options = parser.parse_args()
    db = BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))
    with tempfile.TemporaryDirectory() as name, HubProcess(Path(name) / "bus") as hub:
        echo_latency(hub.path, options.echoes)
        print("\n frames/s  wall s    frames   measured   lost  capture %   hub %  decode ms")
        lost = load(hub, db, 2900, options.seconds, Path(name))
        lost += load(hub, db, 8000, options.fast_seconds, Path(name))
        for line in hub.notices:
            print(line)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
