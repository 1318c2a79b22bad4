"""The supervisor's watch over the pack itself, with real processes: an emulated world, a BMS that the bench does not play.

What the bench writes into frames is never a reason; the true pack, and each quantity that is not heard any more, is.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import can
import pytest

from v2g_bench.can.buses import open_bus
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.e2e import protect
from v2g_bench.can.hub import HubProcess
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.errors import BenchError
from v2g_bench.faults import BmsFrozen, OverTemperature
from v2g_bench.plant.host import PlantProcess
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.safety.physical import physical_side
from v2g_bench.rig.safety.supervisor_client import SupervisorClient

DBC, ROLES = str(dbc_path("v2g_bms_fd")), read_roles(roles_path("v2g_bms_fd"))
DB = BusDatabase.load(DBC, ROLES)
SILENT_S = 0.5
SOUND = {"cell_temperature_max": 25.0, "cell_temperature_min": 24.0, "pack_voltage": 350.0, "pack_current": -9.0}
MESSAGES = ("BMS_Safety", "BMS_PackStatus", "BMS_Contactor")


def eventually(what: str, condition: Callable[[], Any], within_s: float = 20.0) -> Any:
    until_s = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < until_s, f"not within {within_s:g} s: {what}"
        time.sleep(0.01)
    return value


def quiet_for(supervisor: SupervisorClient, for_s: float) -> None:
    """The supervisor sees no reason for this long."""
    until_s = time.monotonic() + for_s
    while time.monotonic() < until_s:
        supervisor.check()
        time.sleep(0.02)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubProcess]:
    with HubProcess(tmp_path / "bus") as hub:
        yield hub


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[SupervisorClient]:
    supervisor = SupervisorClient(tmp_path / "supervisor.jsonl")
    supervisor.start()
    yield supervisor
    supervisor.send("disarm", well=True)
    with contextlib.suppress(BenchError):
        supervisor.close()


def watches(supervisor: SupervisorClient, hub: HubProcess, rig: str, truth: Path | None = None) -> None:
    """Told as an open rig tells it."""
    loaded = load_rig(rig).rig
    safety = loaded.safety.model_copy(update={"bus_silent_s": SILENT_S})
    side = physical_side(loaded.model_copy(update={"safety": safety}), DB)
    assert (side.source == "plant") == (truth is not None)
    supervisor.send("limits", safety=safety.model_dump())
    roles, socket = list(side.roles), None if truth is None else str(truth)
    supervisor.send("physical", timeouts_s=dict(side.timeouts_s), truth=socket, roles=roles)
    supervisor.send("bus", bus={"interface": "v2g_userland", "channel": hub.path}, dbc=DBC, roles=ROLES)
    supervisor.send("arm")


class Bms:
    """Somebody else's BMS: sends its messages every 10 ms, each as it is told to by `change`."""

    def __init__(self, hub: HubProcess) -> None:
        self.change: Callable[[can.Message, str, int], can.Message | None] = lambda frame, name, counter: frame
        self._over = threading.Event()
        self._bus = open_bus("v2g_userland", hub.path)
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Bms":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._bus.shutdown()

    def _run(self) -> None:
        counter = 0
        while not self._over.wait(0.01):
            counter = (counter + 1) & 0xFF
            for name in MESSAGES:
                values = {role: value for role, value in SOUND.items() if role in DB.roles_of(name)}
                frame = self.change(DB.encode(name, values, counter), name, counter)
                if frame is not None:
                    self._bus.send(frame)


@pytest.fixture
def bms(hub: HubProcess) -> Iterator[Bms]:
    with Bms(hub) as bms:
        yield bms


@pytest.fixture
def gone(supervisor: SupervisorClient) -> Iterator[None]:
    """A world that has ended: no current can flow, so that every trip is safe at once."""
    world = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
    supervisor.send("world", pid=world.pid)
    world.kill()
    yield
    world.wait()
    assert world.stdin is not None
    world.stdin.close()


def with_count(frame: can.Message, role: str, raw: int, counter: int) -> can.Message:
    codec, spec = DB.codec(role), DB.message_of(role)
    mask = (1 << codec.length) - 1
    bits = int.from_bytes(frame.data, "little") & ~(mask << codec.shift) | (raw & mask) << codec.shift
    frame.data = bytearray(bits.to_bytes(len(frame.data), "little"))
    assert spec.e2e is not None
    protect(frame.data, spec.e2e.data_id, counter)
    return frame


def missing(message: str) -> Callable[[can.Message, str, int], can.Message | None]:
    return lambda frame, name, counter: None if name == message else frame


def saying(role: str, raw: int) -> Callable[[can.Message, str, int], can.Message | None]:
    message = DB.message_of(role).name
    return lambda frame, name, counter: with_count(frame, role, raw, counter) if name == message else frame


def frozen(message: str) -> Callable[[can.Message, str, int], can.Message | None]:
    kept: list[can.Message] = []

    def change(frame: can.Message, name: str, counter: int) -> can.Message:
        if name != message:
            return frame
        kept.append(frame)
        return kept[0]

    return change


NOT_HEARD = {
    "temperature frame missing": (missing("BMS_Safety"), "cell_temperature_max"),
    "current frame missing": (missing("BMS_PackStatus"), "pack_current"),
    "temperature not available": (saying("cell_temperature_max", -32768), "cell_temperature_max"),
    "temperature with all bits set": (saying("cell_temperature_max", 32767), "cell_temperature_max"),
    "temperature beyond its signal": (saying("cell_temperature_max", 2001), "cell_temperature_max"),
    "temperature below the lowest": (saying("cell_temperature_max", 239), "cell_temperature_max"),
    "current not available": (saying("pack_current", -(1 << 23)), "pack_current"),
    "voltage not available": (saying("pack_voltage", 65535), "pack_voltage"),
    "voltage beyond its signal": (saying("pack_voltage", 15001), "pack_voltage"),
    "temperature frame frozen": (frozen("BMS_Safety"), "cell_temperature_max"),
}


@pytest.mark.usefixtures("gone")
@pytest.mark.parametrize("how", NOT_HEARD)
def test_a_quantity_that_a_real_bms_does_not_say_any_more_is_a_reason(supervisor, hub, bms, how):
    """Its other frames go on: each of them has kept the one age of the BMS young."""
    change, role = NOT_HEARD[how]
    watches(supervisor, hub, "hardware-example")
    quiet_for(supervisor, 3 * SILENT_S)
    bms.change = change
    eventually("the trip", lambda: supervisor.tripped)
    assert f"no credible value for {SILENT_S:g} s: " in supervisor.tripped
    assert f"({role})" in supervisor.tripped


@pytest.mark.usefixtures("gone")
def test_a_real_bms_that_never_says_its_temperature_is_a_reason(supervisor, hub, bms):
    bms.change = saying("cell_temperature_max", -32768)
    watches(supervisor, hub, "hardware-example")
    eventually("the trip", lambda: supervisor.tripped)
    assert "no credible value at all for 5 s: cell temperature (cell_temperature_max)" in supervisor.tripped


@pytest.mark.usefixtures("gone")
def test_a_real_bms_behind_a_gateway_is_watched_although_its_silence_is_feigned(supervisor, hub, bms):
    """The gateway silences it for the controller alone: on its own bus it must go on."""
    watches(supervisor, hub, "hardware-example")
    supervisor.send("silence", allowed=True)
    bms.change = lambda frame, name, counter: None
    eventually("the trip", lambda: supervisor.tripped)
    assert "no credible value" in supervisor.tripped


@pytest.fixture
def plant(hub: HubProcess, supervisor: SupervisorClient, tmp_path: Path) -> Iterator[PlantProcess]:
    bus = {"interface": "v2g_userland", "channel": hub.path}
    config = {"seed": 1, "dbc": DBC, "roles": ROLES, "bus": bus, "control": str(tmp_path / "plant")}
    plant = PlantProcess(config, tmp_path)
    plant.start()
    supervisor.send("world", pid=plant.pid)
    watches(supervisor, hub, "virtual", tmp_path / "plant")
    yield plant
    with contextlib.suppress(ProcessLookupError):
        os.kill(plant.pid, signal.SIGCONT)
    with contextlib.suppress(BenchError):
        plant.stop()


def test_what_the_emulated_bms_is_made_to_say_is_no_reason_and_the_hot_cell_is(supervisor, plant):
    for to_c in (70.0, 125.0):
        number = plant.client.inject(OverTemperature(cell=17, to_c=to_c))
        quiet_for(supervisor, 3 * SILENT_S)
        plant.client.clear(number)
    plant.client.inject(BmsFrozen())
    quiet_for(supervisor, 3 * SILENT_S)
    plant.client.heat_cell(17, 1e6)
    eventually("the trip", lambda: supervisor.tripped)
    assert "is beyond the rig's 60 °C ([safety] max_cell_temperature_c)" in supervisor.tripped
    assert supervisor.tripped.startswith("made the rig safe")


def test_a_world_that_stands_still_is_a_reason(supervisor, plant):
    quiet_for(supervisor, 3 * SILENT_S)
    os.kill(plant.pid, signal.SIGSTOP)
    eventually("the trip", lambda: supervisor.tripped, 30.0)
    assert f"for {SILENT_S:g} s" in supervisor.tripped
    assert "COULD NOT make the rig safe" in supervisor.tripped


def test_a_world_that_stands_still_while_its_bms_is_silenced_is_a_reason(supervisor, plant):
    supervisor.send("silence", allowed=True)
    quiet_for(supervisor, 3 * SILENT_S)
    os.kill(plant.pid, signal.SIGSTOP)
    eventually("the trip", lambda: supervisor.tripped, 30.0)
    assert f"no credible value for {SILENT_S:g} s: cell temperature (cell_temperature_max), " in supervisor.tripped


def test_a_world_that_is_gone_is_a_reason_and_safe(supervisor, plant):
    quiet_for(supervisor, 3 * SILENT_S)
    os.kill(plant.pid, signal.SIGKILL)
    eventually("the trip", lambda: supervisor.tripped)
    assert "the emulated world has ended, no current can flow" in supervisor.tripped
