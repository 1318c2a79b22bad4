"""What the gateway adds to a frame: from its stamp on the BMS's channel to its stamp on the controller's.

    python tests/benchmarks/bench_gateway.py [--rate 2000] [--seconds 20]
    v2g-bench kernel -- python tests/benchmarks/bench_gateway.py --bus kernel --rate 400

A sender in a process of its own puts FD frames (one in eight BMS_Safety with its protection, the others 64 bytes) on one
channel; a listener takes the kernel's stamps on both. Rows: forwarded as they are, and with a fault that rewrites
BMS_Safety, counter and CRC made right; on kernel channels also the kernel's own can-gw ([gateway] path = "kernel"),
forwarding and rewriting the same signal without the CRC, which it cannot compute. The stamps are the kernel's: on the
userland bus at the sender's send(), so that the way through the hub is in it. A user-mode kernel has one processor and
system calls of 20 us: sender, gateway and listener share it, so its rows are for the comparison with can-gw, at a rate that
it can carry.
Exit status 1 if a frame was lost or the target is missed.
"""

import argparse
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from v2g_bench.can.hub import HubProcess
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.faults import OverTemperature
from v2g_bench.gateway.host import GatewayProcess
from v2g_bench.gateway.ports import open_port
from v2g_bench.gateway.rule import Rule
from v2g_bench.priority import realtime

TARGET_MS = 0.3
WARM_UP = 200
RATES = {"fd": True, "bitrate": 500_000, "data_bitrate": 2_000_000}

SENDER = """
import json, sys, time
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.gateway.frame import frame_of
from v2g_bench.gateway.ports import open_port
from v2g_bench.gateway.rule import Rule
from v2g_bench.priority import realtime

bus, rate, count = json.loads(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
db = BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))
cells = frame_of(db.encode("BMS_CellVoltages1", {f"cell_voltage[{n}]": 3.7 for n in range(1, 33)}, 0))
safety = [
    frame_of(db.encode("BMS_Safety", {"cell_temperature_max": 25.0, "string_voltage_difference": 0.01}, n))
    for n in range(256)
]
port = open_port(**bus)
realtime()
time.sleep(0.3)
start = time.monotonic()
for n in range(count):
    ahead = start + n / rate - time.monotonic()
    if ahead > 0:
        time.sleep(ahead)
    while not port.write(safety[n // 8 % 256] if n % 8 == 0 else cells):
        time.sleep(0.0001)
port.close()
"""


@contextmanager
def userland(folder: Path) -> Iterator[tuple[dict, dict]]:
    """Two hubs."""
    with HubProcess(folder / "bms") as one, HubProcess(folder / "ems") as other:
        yield tuple({"interface": "v2g_userland", "channel": hub.path, **RATES} for hub in (one, other))


@contextmanager
def kernel(_: Path) -> Iterator[tuple[dict, dict]]:
    """vcan1 and vcan0."""
    yield tuple({"interface": "socketcan", "channel": name, **RATES} for name in ("vcan1", "vcan0"))


@contextmanager
def ours(buses: tuple[dict, dict], folder: Path, rewrite: bool, path: str = "bench") -> Iterator[GatewayProcess]:
    """The gateway, with or without a rewrite in force; path: who forwards."""
    roles = read_roles(roles_path("v2g_bms_fd"))
    config = {"dbc": str(dbc_path("v2g_bms_fd")), "roles": roles, "bms": buses[0], "controller": buses[1]}
    config["path"] = path
    with GatewayProcess(config, folder) as gateway:
        if rewrite and path == "bench":
            gateway.client.inject(OverTemperature(cell=17, to_c=45.5))
        elif rewrite:
            gateway.rule(Rule(write={"cell_temperature_max": 45.5}, crc="stale"))
        yield gateway


def listen(buses: tuple[dict, dict], rate: float, count: int) -> list[list[int]]:
    """The stamps (ns) on both channels of `count` frames that a sender puts on the first, in order."""
    import json

    ports = [open_port(**bus) for bus in buses]
    timestamps: list[list[int]] = [[], []]
    with subprocess.Popen([sys.executable, "-c", SENDER, json.dumps(buses[0]), str(rate), str(count)]) as sender:
        last_s = time.monotonic()
        while len(timestamps[1]) < count and time.monotonic() < last_s + 20:
            for port in select.select(ports, [], [], 1.0)[0]:
                while (received := port.read()) is not None:
                    timestamps[ports.index(port)].append(received[1])
                    last_s = time.monotonic()
        sender.wait()
    for port in ports:
        port.close()
    return timestamps


def row(name: str, timestamps: list[list[int]], count: int) -> tuple[float, float, int]:
    """Print one row; (p50, p99) in us, and the lost frames."""
    lost = count - min(map(len, timestamps))
    if lost:
        print(f"{name:34} {lost} of {count} frames lost")
        return float("nan"), float("nan"), lost
    added_us = (np.array(timestamps[1]) - np.array(timestamps[0]))[WARM_UP:] / 1000
    p50, p99 = np.percentile(added_us, [50, 99])
    print(f"{name:34} {p50:9.1f} {p99:9.1f} {added_us.max():9.1f} {lost:6d}", flush=True)
    return float(p50), float(p99), lost


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bus", choices=("userland", "kernel"), default="userland")
    parser.add_argument("--rate", type=float, default=2000.0, help="frames per second")
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    count = int(options.rate * options.seconds)
    print(f"{options.rate:.0f} frames/s, {count} frames each; added latency in us")
    print(f"{'':34} {'p50':>9} {'p99':>9} {'max':>9} {'lost':>6}")
    rows: dict[str, tuple[float, float, int]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        buses = stack.enter_context((userland if options.bus == "userland" else kernel)(folder))
        realtime()
        for path in ("bench", "kernel") if options.bus == "kernel" else ("bench",):
            for rewrite in (False, True):
                name = f"{path}, {'rewriting BMS_Safety' if rewrite else 'forwarding'}"
                with ours(buses, folder / f"{path}{rewrite}", rewrite, path) as gateway:
                    rows[name] = row(name, listen(buses, options.rate, count), count)
                    status = gateway.status()
                    print(
                        f"{'':4}its own count: {status['added_us']}, lost {status['lost']}, refused {status['refused']}"
                    )
        if options.bus == "kernel":
            mine, theirs = (rows[f"{path}, rewriting BMS_Safety"] for path in ("bench", "kernel"))
            print(f"bench to kernel: p50 {mine[0] / theirs[0]:.1f}, p99 {mine[1] / theirs[1]:.1f}")
    met = all(p99 < 1000 * TARGET_MS for name, (_, p99, _) in rows.items() if name.startswith("bench"))
    print(f"target p99 < {TARGET_MS} ms: {'met' if met else 'MISSED'}")
    return 0 if met and not any(lost for _, _, lost in rows.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
