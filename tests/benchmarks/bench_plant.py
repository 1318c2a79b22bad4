"""How long a 96-cell plant takes per step and per million samples: python tests/benchmarks/bench_plant.py

Hot: step after step. Paused: 10 ms asleep before each step, as in a plant process at 100 Hz, where the caches are cold.
"""

import time

import numpy as np

from v2g_bench.plant.model import Plant, PlantConfig

HOT_STEPS, PAUSED_STEPS, WINDOWS = 20_000, 500, 20


def running_plant() -> Plant:
    """A plant that discharges 3 kW, 2 s after its start."""
    plant = Plant(PlantConfig(), seed=1, now_s=0.0)
    plant.request_contactors(True, 0.0)
    plant.enable_bridge(True, 0.0)
    plant.set_ac_power(-3000.0, 0.0)
    for n in range(1, 201):
        plant.step(n * 0.01)
    return plant


def show(what: str, seconds: list[float]) -> None:
    """One line with p50, p99 and maximum in µs."""
    p50, p99, most = (1e6 * float(np.quantile(seconds, q)) for q in (0.5, 0.99, 1.0))
    print(f"{what:<44} p50 {p50:10.1f} us   p99 {p99:10.1f} us   max {most:10.1f} us")


def timed_steps(count: int, pause_s: float, read_sensors: bool) -> list[float]:
    """Seconds per step of 10 ms; with read_sensors, including a fresh PackReading."""
    plant, taken = running_plant(), []
    for n in range(count):
        if pause_s:
            time.sleep(pause_s)
        begin = time.perf_counter()
        plant.step(2.0 + (n + 1) * 0.01)
        if read_sensors:
            _ = plant.sensors
        taken.append(time.perf_counter() - begin)
    return taken


def timed_samples(rate_hz: float, samples: int) -> list[float]:
    """Seconds per window of `samples` of the DC current, with ripple."""
    plant, taken = running_plant(), []
    plant.step(2.0 + samples / rate_hz)
    t = 2.0 + np.arange(samples) / rate_hz
    for _ in range(WINDOWS):
        begin = time.perf_counter()
        plant.dc_current(t)
        taken.append(time.perf_counter() - begin)
    return taken


def stepped_samples() -> list[float]:
    """As timed_samples at 1 MS/s, over a second that was stepped at 100 Hz."""
    plant, taken = running_plant(), []
    for n in range(201, 301):
        plant.step(n * 0.01)
    t = 2.0 + np.arange(1_000_000) / 1e6
    for _ in range(WINDOWS):
        begin = time.perf_counter()
        plant.dc_current(t)
        taken.append(time.perf_counter() - begin)
    return taken


def timed_ac() -> list[float]:
    """Seconds per mean over 200 ms (ten cycles) of AC quantities."""
    plant, taken = running_plant(), []
    for _ in range(1000):
        begin = time.perf_counter()
        plant.ac(1.7, 1.9)
        taken.append(time.perf_counter() - begin)
    return taken


if __name__ == "__main__":
    show("step, hot", timed_steps(HOT_STEPS, 0.0, False))
    show("step + sensors, hot", timed_steps(HOT_STEPS, 0.0, True))
    show("step, 10 ms pauses", timed_steps(PAUSED_STEPS, 0.01, False))
    show("step + sensors, 10 ms pauses", timed_steps(PAUSED_STEPS, 0.01, True))
    show("dc_current, 1e6 samples, one second of steps", stepped_samples())
    show("dc_current, 50,000 samples at 1 MS/s", timed_samples(1e6, 50_000))
    show("ac, 200 ms window", timed_ac())
