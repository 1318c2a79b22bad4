"""What a soak does with a rig again and again: starts of the controller, power both ways, dangers, resets, clients that come
and go: CAN nodes, Modbus, SCPI and control connections."""

import itertools
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from v2g_bench.can.buses import open_bus
from v2g_bench.errors import BenchError
from v2g_bench.faults import OverTemperature, SocDivergence, StringVoltageDifference
from v2g_bench.instruments.session import ScpiSession
from v2g_bench.inverter.client import InverterClient
from v2g_bench.inverter.orders import MOST_KEPT, Order
from v2g_bench.open_rig import open_parts
from v2g_bench.plant.circuit import TRUTH_EVENTS
from v2g_bench.plant.control import PlantClient
from v2g_bench.plant.truth import TruthEvent
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.measuring.session import Session
from v2g_bench.sim.plant import SimPlant

RIGS = {"virtual": "sim", "real": "virtual"}  # clock -> rig
DANGERS = (OverTemperature(cell=17, to_c=46.0), StringVoltageDifference(to_mv=400.0), SocDivergence(by_pct=15.0))
HELD_S, TRIP_S = 2.0, 1.0


def turns(parts: Any) -> Iterator[str]:
    """Endless turns of work on an open rig, each with what went wrong in it, as on a machine that was busy; "" for nothing."""
    for number in itertools.count(1):
        trouble = ""
        try:
            turn(parts, number)
        except BenchError as error:
            trouble = str(error)
        yield trouble


def turn(parts: Any, number: int) -> None:
    """One controller without history, as every test has it: power, a danger, a reset; and all clients."""
    session = Session(parts)
    session.prepare()
    bench, power_w = session.bench, (-3000.0, 3000.0, -11_000.0)[number % 3]
    with bench.at_power(power_w), bench.recording() as trace:
        bench.wait_until(lambda: False, HELD_S)
        with bench.inject(DANGERS[number % len(DANGERS)]):
            bench.wait_until(lambda: False, TRIP_S)
        trace.waveform  # noqa: B018  (fetched here)
    bench.controller.run("reset_trip")
    clients(parts)


def clients(parts: Any) -> None:
    """Each kind of client comes, asks once and goes; some leave in the middle of a word."""
    plant = parts.world.plant
    if isinstance(plant, SimPlant):  # all is one process, whose controller and inverter are asyncio's streams
        parts.inverter.reading()
        return
    with InverterClient("127.0.0.1", plant.modbus_port) as client:
        client.reading()
    for name in parts.loaded.rig.meters.named():
        with ScpiSession(plant.resource(name)) as session:
            session.query("*IDN?")
    with PlantClient(parts.runtime / "plant") as client:
        client.status()
    bus = open_bus(**parts._bus_choice)
    bus.recv(0.1)
    bus.shutdown()
    with socket.create_connection(("127.0.0.1", plant.modbus_port), 1.0) as rude:
        rude.sendall(b"\0\1\0")
    with socket.socket(socket.AF_UNIX) as rude:
        rude.connect(str(parts.runtime / "plant"))
        rude.sendall(b'{"op": ')


def opened(clock: str, folder: Path, seed: int) -> Any:
    """The rig of a clock, to be entered."""
    return open_parts(load_rig(RIGS[clock]), folder, seed, strict=False, note=lambda text: None)


def fill(parts: Any) -> None:
    """What the world keeps a bounded number of is full from the beginning; else an hour would be one long warming up."""
    plant = parts.world.plant
    if isinstance(plant, SimPlant):
        plant.plant._circuit.truth.extend(TruthEvent(-1.0 - n, "before the soak") for n in range(TRUTH_EVENTS))
        plant._server._log.__self__._kept.extend(Order(-1.0 - n, float(n), f"{n:024x}") for n in range(MOST_KEPT))


def processes(parts: Any) -> dict[str, int]:
    """Name -> process id of what stays while the rig is open: this process, and those of the bench below it. (The controller is
    started anew in each turn, and is none of them.)"""
    found = {"bench": os.getpid()}
    if not isinstance(parts.world.plant, SimPlant):
        for pid, words in _below(os.getpid()):
            module = next((word for word in words if word.startswith("v2g_bench.")), "")
            if module:
                found[module.removeprefix("v2g_bench.")] = pid
    return found


def _below(pid: int) -> Iterator[tuple[int, list[str]]]:
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            words = (path / "cmdline").read_text().split("\0")
        except OSError:
            continue
        if parent == pid:
            yield int(path.name), words
            yield from _below(int(path.name))
