"""What an open rig takes for true of the battery, by the kind of rig: never what the bench has written into a frame."""

from types import SimpleNamespace

import pytest

from v2g_bench.can.columns import FrameStore
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.clock import SimClock
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.parts.world import RealWorld
from v2g_bench.rig.safety.physical import physical_side

DB = BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))
TRUE_C, SHOWN_C = 24.0, 70.0


def capture(temperature_c):
    store, frame = FrameStore(), DB.encode("BMS_Safety", {"cell_temperature_max": temperature_c}, 1)
    store.append(99.9, 1, frame.arbitration_id, 0, len(frame.data), bytes(frame.data))
    return SimpleNamespace(frames=store.since)


class Bus:
    """The controller's bus: it shows a stimulus."""

    db = DB

    def latest_all(self):
        return {"cell_temperature_max": SHOWN_C}


@pytest.fixture
def opened():
    """The world of an open rig."""

    def opened(name, plant=None, gateway=None, bms_capture=None):
        loaded = load_rig(name)
        world = RealWorld(loaded, SimClock(100.0), Bus(), None, None)
        world.plant, world.gateway, world._bms_capture = plant, gateway, bms_capture
        world.watch(physical_side(loaded.rig, DB))
        return world

    return opened


@pytest.mark.parametrize("gateway", [None, object()], ids=["one bus", "gateway"])
def test_an_emulated_battery_is_as_its_world_says(opened, gateway):
    true = {"time_s": 99.99, "cell_temperature_max": TRUE_C, "pack_voltage": 350.0}
    plant = SimpleNamespace(client=SimpleNamespace(truth_pack=lambda: true))
    world = opened("virtual", plant=plant, gateway=gateway)
    assert world.physical() == {"cell_temperature_max": TRUE_C, "pack_voltage": 350.0}


def test_a_battery_behind_the_gateway_is_as_its_own_bus_says(opened):
    world = opened("hardware-example", gateway=object(), bms_capture=capture(TRUE_C))
    assert world.physical()["cell_temperature_max"] == TRUE_C


def test_a_battery_on_the_controller_s_bus_is_as_that_says(opened):
    assert opened("hardware-example").physical()["cell_temperature_max"] == SHOWN_C
