"""One composition: what the settings name is there, once, on the clock that was given."""

import pytest

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.errors import BenchError
from v2g_bench.plant.compose import Composition
from v2g_bench.plant.settings import PlantSettings

METERS = {
    "dc": {"driver": "keysight-34465a", "shunt_ohm": 0.001},
    "dc_2": {"driver": "keysight-34465a", "shunt_ohm": 0.001},
    "ac": {"driver": "yokogawa-wt300e", "seed": 99},
}


class Clock:
    def __init__(self, at_s):
        self.at_s = at_s

    def now_s(self):
        return self.at_s


def settings(**more):
    return PlantSettings.model_validate({"control": "", "seed": 5, "plant": {"rated_power_w": 7000}, **more})


def database():
    return BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))


def test_what_the_settings_name_is_there_and_the_operations_reach_it():
    parts = Composition(settings(meters=METERS, bms={"command_timeout_s": 0.3}), Clock(40.0))
    world = parts.join_bus(database(), sample_s=0.5)
    assert world.plant is parts.plant
    assert (parts.plant.now_s, parts.inverter.config.rated_power_w) == (40.0, 7000)
    operations = parts.operations(end=lambda: None, changed=lambda: None)
    assert operations["set_defects"]("meters.dc", {"scale": 2.0})["scale"] == 2.0
    assert (parts.meters["dc"].defects.scale, parts.meters["dc_2"].defects.scale) == (2.0, 1.0)
    assert operations["set_defects"]("inverter", {"local": True})["local"]


def test_the_bms_begins_when_the_bus_is_joined_and_not_when_the_parts_were_made():
    clock = Clock(40.0)
    parts = Composition(settings(), clock)
    clock.at_s = 42.0
    world = parts.join_bus(database())
    assert world.bms.next_due_s >= 42.0


def test_no_two_meters_have_the_same_errors_and_the_same_settings_give_the_same():
    first, second = (Composition(settings(meters=METERS), Clock(0.0)).meters for _ in range(2))
    assert first["dc"].gain_error != first["dc_2"].gain_error
    assert first["dc"].gain_error == second["dc"].gain_error


def test_without_an_inverter_there_is_no_server_and_no_such_part():
    parts = Composition(settings(inverter=None), Clock(0.0))
    assert (parts.inverter, parts.server) == (None, None)
    parts.join_bus(None)
    with pytest.raises(BenchError, match="inverter"):
        parts.operations(end=lambda: None, changed=lambda: None)["set_defects"]("inverter", {})


def test_a_meter_that_cannot_be_is_named():
    with pytest.raises(BenchError, match=r"meters\.dc"):
        Composition(settings(meters={"dc": {"driver": "keysight-34465a", "shunt": 1}}), Clock(0.0))
