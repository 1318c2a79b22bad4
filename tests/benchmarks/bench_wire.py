"""The wire: bit counts against published values, counters through bus-off, the fallback curve, and the speed.

    .venv/bin/python tests/benchmarks/bench_wire.py [bits] [counters] [curve] [speed] [--seconds 10]

bits      exact lengths beside the published ones (sources: the text below)
counters  a BMS whose transceiver is sick, on a busy bus: its error counters until bus off and back, as SocketCAN says it
curve     the rig sim-wire at -3 kW under rising bit errors: where the reference controller falls back
speed     500k/2M, full load of 64-byte frames: the core, the simulated bus, and the hub's process in real time
Without a name: all. Exit status 1 if a bit count differs from what is published or a speed target is missed (CPU time, so
that a busy machine does not count).
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from v2g_bench.can.hub import HubProcess, WireSettings
from v2g_bench.can.physics.bus import Wire
from v2g_bench.can.physics.errors import ErrorNotice, error_message
from v2g_bench.can.physics.frame import WireFrame
from v2g_bench.can.physics.length import frame_bits, worst_bits
from v2g_bench.can.physics.line import Line
from v2g_bench.can.physics.noise import BitErrors
from v2g_bench.can.physics.remote import RemoteWire
from v2g_bench.can.physics.timing import BitTiming
from v2g_bench.can.userland import UserlandBus
from v2g_bench.errors import BenchError
from v2g_bench.faults import WireBitErrors
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.measuring.session import Session
from v2g_bench.sim.rig import SimRig
from v2g_bench.sim.timeline import Timeline
from v2g_bench.sim.wirebus import SimWireBus

BASE, EXTENDED = 0x123, 0x18FF50E5
# Bits with the intermission. worst: include/linux/can/length.h of Linux, and for classic frames Davis, Burns, Bril and
# Lukkien, "Controller Area Network (CAN) schedulability analysis", 2007. zeros, mean: an independent encoder that agreed
# bit by bit with 10,000 frames recorded from an adapter; mean over 2000 random payloads.
PUBLISHED = [
    ("classic 11 bit,  8 B", WireFrame(BASE, bytes(8)), 135, 125, 113.7),
    ("classic 29 bit,  8 B", WireFrame(EXTENDED, bytes(8), extended=True), 160, 147, 135.7),
    ("FD      11 bit,  8 B", WireFrame(BASE, bytes(8), fd=True, brs=True), 147, 139, 128.2),
    ("FD      11 bit, 64 B", WireFrame(BASE, bytes(64), fd=True, brs=True), 712, 681, 596.4),
    ("FD      29 bit, 64 B", WireFrame(EXTENDED, bytes(64), extended=True, fd=True, brs=True), 736, 702, 617.4),
]
FULL_PER_S, TIMES_REAL = 2900, 20
CURVE = [1e-5, 1e-4, 3e-4, 6e-4, 1e-3, 1.5e-3, 2e-3, 3e-3]
LEVEL_S = 5.0
SENDER = """
import random, sys, time
import can
from v2g_bench.can.userland import UserlandBus
path, rate, seconds = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
rng = random.Random(1)
made = [
    can.Message(arbitration_id=0x301, is_extended_id=False, is_fd=True, bitrate_switch=True, data=rng.randbytes(64))
    for _ in range(500)
]
bus, start = UserlandBus(path, name="bms"), time.monotonic()
for number in range(int(rate * seconds)):
    ahead = start + number / rate - time.monotonic()
    if ahead > 0.002:
        time.sleep(ahead)
    bus.send(made[number % 500])
time.sleep(0.5)
bus.shutdown()
"""


def bits() -> bool:
    """The table; whether all agree."""
    print("bits, SOF to intermission     worst: ours published   all 00: ours published   mean: ours published")
    right = True
    for name, frame, worst, zeros, mean in PUBLISHED:
        rng = random.Random(1)
        found = [frame_bits(frame._replace(data=rng.randbytes(len(frame.data)))).with_intermission for _ in range(2000)]
        ours = worst_bits(frame) + 3, frame_bits(frame).with_intermission, sum(found) / len(found)
        right &= ours[:2] == (worst, zeros) and abs(ours[2] - mean) < 0.4
        print(f"{name:28s} {ours[0]:12d} {worst:9d} {ours[1]:14d} {zeros:9d} {ours[2]:12.1f} {mean:9.1f}")
    print("agree" if right else "DIFFER", end="\n\n")
    return right


def counters() -> bool:
    """A sick BMS on a bus that is a third busy; whether it came back as it should."""
    wire = Wire(BitTiming(), seed=1)
    bms, ems, _ = (wire.join(name) for name in ("bms", "ems", "bench"))
    wire.babble(ems, WireFrame(0x220, bytes(64), fd=True, brs=True), 1e-3, 0.0)
    wire.make_sick(bms, 1.0)
    wire.submit(bms, WireFrame(0x80, bytes(24), fd=True, brs=True), 0.0102)
    print("time ms   node  what        TEC  REC  state    SocketCAN error frame")
    off_s = back_s = 0.0
    for event in wire.advance(0.05):
        if not isinstance(event, ErrorNotice) or event.node is not bms:
            continue
        if event.kind == "bit" and event.tec % 64:
            continue  # every eighth of the single errors is shown
        message = error_message(event)
        print(
            f"{1e3 * event.at_s:8.3f}  {event.node.name:5s} {event.kind:10s} {event.tec:4d} {event.rec:4d}  {event.state:8s}"
            f" id {message.arbitration_id:03X} data {bytes(message.data).hex(' ')}"
        )
        off_s = event.at_s if event.kind == "bus off" else off_s
        back_s = event.at_s if event.kind == "restarted" else back_s
    print(
        f"off for {1e3 * (back_s - off_s):.3f} ms; 128 x 11 bits of an idle bus at 500 kbit/s are 2.816 ms;"
        f" the receiver's REC meanwhile: {ems.counters.rec}\n"
    )
    return off_s < back_s


def curve(seed: int = 1) -> bool:
    """The fallback curve; whether a fallback came."""
    print("bit error rate   destroyed/s   BMS frames lost %   BMS restarts   controller")
    fallen = False
    with (
        tempfile.TemporaryDirectory() as folder,
        SimRig(load_rig("sim-wire"), Path(folder), seed, note=lambda text: None) as parts,
    ):
        session = Session(parts)
        session.prepare()
        bench = session.bench
        with bench.at_power(-3000):
            for rate in CURVE:
                with bench.inject(WireBitErrors(rate)):
                    before, from_s = bench.bus.wire(), bench.bus.now_s()
                    parts.clock.pause(LEVEL_S)
                    after, to_s = bench.bus.wire(), bench.bus.now_s()
                    lost_pct = bench.bus.traffic(from_s, to_s).lost_pct()
                    message = bench.controller.log.find(r"0x0B22|ERR_BMS_TIMEOUT")
                destroyed = (after["destroyed"] - before["destroyed"]) / (to_s - from_s)
                restarts = after["nodes"]["bms"]["restarts"] - before["nodes"]["bms"]["restarts"]
                print(
                    f"{rate:14g} {destroyed:13.1f} {lost_pct:19.2f} {restarts:14d}   "
                    f"{'charge-only: ' + message.group() if message else 'discharges'}"
                )
                if message:
                    fallen = True
                    break
    print()
    return fallen


def frames() -> list[WireFrame]:
    """Random 64-byte frames, all different."""
    rng = random.Random(2)
    return [WireFrame(0x301, rng.randbytes(64), fd=True, brs=True) for _ in range(5000)]


def speed_of_core(seconds: float, rate: float = 0.0) -> float:
    """Times real time of the core alone at full load."""
    wire, made = Wire(BitTiming(), seed=1), frames()
    nodes = [wire.join(name) for name in ("bms", "ems", "bench")]
    if rate:
        wire.interference.set(Line(), {"ber": BitErrors(rate)})
    frame_bits(made[0])
    count, begun = int(FULL_PER_S * seconds), time.process_time()
    for number in range(count):
        at_s = number / FULL_PER_S
        wire.submit(nodes[number & 1], made[number % 5000], at_s)
        wire.advance(at_s)
    spent_s = time.process_time() - begun
    return seconds / spent_s


def speed_of_sim(seconds: float) -> float:
    """Times real time of the simulated bus with its timeline, python-can messages, two hearers and its log."""
    timeline = Timeline(0.0)
    bus, made = SimWireBus(timeline, BitTiming()), [frame.message() for frame in frames()]
    received = [0, 0]
    bms, ems = object(), object()
    bus.join(bms, lambda message: received.__setitem__(0, received[0] + 1), "bms")
    bus.join(ems, lambda message: received.__setitem__(1, received[1] + 1), "ems")
    frame_bits(WireFrame(1))
    count, begun = int(FULL_PER_S * seconds), time.process_time()
    for number in range(count):
        timeline.run_until(number / FULL_PER_S)
        bus.send(bms, made[number % 5000])
    timeline.pause(1.0)
    spent_s = time.process_time() - begun
    assert received == [0, count]
    assert bus.log.end == count
    return seconds / spent_s


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def real_time(seconds: float) -> tuple[float, float, int]:
    """Full load through the hub for so long: its share of a core, the bus load in %, and the frames that were missing."""
    with (
        tempfile.TemporaryDirectory() as folder,
        HubProcess(Path(folder) / "bus", WireSettings(seed=1)) as hub,
        UserlandBus(hub.path, name="bench") as bench,
    ):
        control = RemoteWire(hub.path)
        command = [sys.executable, "-c", SENDER, hub.path, str(FULL_PER_S), str(seconds)]
        with subprocess.Popen(command) as sender:
            bench.recv(20)
            begun, cpu, got, load_pct, looked = time.monotonic(), cpu_s(hub.pid), 1, 0.0, time.monotonic()
            while bench.recv(1.0) is not None:
                got += 1
                if time.monotonic() > looked + 0.5:
                    looked, load_pct = time.monotonic(), max(load_pct, control.status()["load_pct"])
            cpu, passed = cpu_s(hub.pid) - cpu, time.monotonic() - begun - 1.0
            sender.wait()
        control.close()
    return 100 * cpu / passed, load_pct, int(FULL_PER_S * seconds) - got


def speed(seconds: float) -> bool:
    """All speeds; whether the targets are met."""
    core, noisy, sim = speed_of_core(seconds), speed_of_core(seconds, 1e-4), speed_of_sim(seconds)
    print(f"full load: {FULL_PER_S} random 64-byte frames/s at 500k/2M, CPU time")
    print(f"core                        {core:6.1f} times real time, {1e6 / FULL_PER_S / core:5.1f} us a frame")
    print(f"core, bit error rate 1e-4   {noisy:6.1f} times real time")
    print(f"simulated bus, 3 hearers    {sim:6.1f} times real time, {1e6 / FULL_PER_S / sim:5.1f} us a frame")
    hub_pct, load_pct, missing = real_time(seconds)
    print(
        f"hub in real time            {hub_pct:6.1f} % of one core, bus load {load_pct:.1f} %, {missing} frames missing"
    )
    made, begun = frames(), time.process_time()
    for frame in made:
        frame_bits(frame)
    counting_us = 1e6 * (time.process_time() - begun) / len(made)
    print(
        f"of that, counting stuff bits {counting_us:4.1f} us a frame (a table step for two bytes); the rest of it is Python's"
    )
    print(
        "calls through queue, arbitration, events and timeline; in the hub, the system calls to receive and to hand out\n"
    )
    return sim >= TIMES_REAL and hub_pct < 100 and missing == 0


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = {"bits": bits, "counters": counters, "curve": curve, "speed": lambda: speed(options.seconds)}
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts)}; default: all")
    parser.add_argument("--seconds", type=float, default=10.0, help="of bus time for each speed")
    options = parser.parse_args()
    wrong = sorted(set(options.parts) - set(parts))
    if wrong:
        parser.error(f"no part {', '.join(wrong)}")
    try:
        good = [part() for name, part in parts.items() if name in (options.parts or parts)]
        return 0 if all(good) else 1
    except BenchError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
