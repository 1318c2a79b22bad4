"""How fast and how cheap the reference EMS is: `python tests/benchmarks/bench_ems.py [trials]`.

- stop: from the send() of the frame with the hot cell to the inverter hearing the STOP, over the userland bus and
  Modbus TCP on this machine; includes the hub and the inverter's own thread.
- idle CPU: share of one core that the daemon takes while 350 frames/s arrive, in standby and with 3 kW flowing.
- core: time of one `on_frame` of the sans-I/O core.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))
from ems_world import HEALTHY, World, wait_for

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsSettings
from v2g_bench.ems.model.actions import Frame, InverterReading
from v2g_bench.ems.model.bus_plan import plan_bus


def _percentiles(seconds: list[float]) -> str:
    ms = sorted(value * 1000 for value in seconds)
    return f"p50 {statistics.median(ms):.2f} ms, p99 {ms[int(0.99 * (len(ms) - 1))]:.2f} ms, max {ms[-1]:.2f} ms"


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def stop_latency(world: World, trials: int) -> list[float]:
    """Seconds from send() to STOP, one per trial; each starts at 3 kW."""
    latencies = []
    for trial in range(trials):
        world.power(-3000 if trial % 2 else 3000)
        world.bms.values["cell_temperature_max"] = 45.5
        sent_s = time.monotonic()
        world.bms.send("BMS_Safety")
        wait_for("STOP", lambda since_s=sent_s: world.inverter.stops(since_s - 0.011))
        latencies.append(world.inverter.stops(sent_s - 0.011)[0] - sent_s)
        world.bms.values["cell_temperature_max"] = HEALTHY["cell_temperature_max"]
        wait_for("reset", lambda: world.ask("reset_trip")["ok"])
    return latencies


def idle_cpu(world: World, power_w: float, seconds: float = 10.0) -> float:
    """Share of one core at this power."""
    assert world.process is not None
    world.power(power_w)
    before_s, start_s = _cpu_s(world.process.pid), time.monotonic()
    time.sleep(seconds)
    return (_cpu_s(world.process.pid) - before_s) / (time.monotonic() - start_s)


def core_time(world: World, rounds: int = 20000) -> float:
    """Seconds for one `on_frame` of the safety frame."""
    ems = Ems(EmsSettings(plan_bus(world.db, 0.1)))
    values = {role: HEALTHY[role] for role in world.db.roles_of("BMS_Safety") if role in HEALTHY}
    ems.on_inverter_reading(InverterReading(), 0.0)
    start_s = time.perf_counter()
    for number in range(rounds):
        ems.on_frame(Frame("BMS_Safety", values), number * 0.01)
    return (time.perf_counter() - start_s) / rounds


def main() -> None:
    """Run all and print."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as folder, World(Path(folder)) as world:
        print(f"core: hear of one safety frame {core_time(world) * 1e6:.1f} us")
        world.start()
        time.sleep(8)  # starting is not idling; a readout of the trouble codes belongs to it
        for power_w in (0, -3000):
            print(f"CPU at {power_w} W: {idle_cpu(world, power_w) * 100:.1f} % of a core")
        print(f"hot frame to STOP, {trials} trials: {_percentiles(stop_latency(world, trials))}")


if __name__ == "__main__":
    main()
