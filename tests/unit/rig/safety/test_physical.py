"""Which side of a rig is the physical one, how old each of its quantities may be, and what cannot be watched."""

import pytest

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.file.model import Safety
from v2g_bench.rig.safety.envelope import FRAMES
from v2g_bench.rig.safety.physical import physical_side, stimulates
from v2g_bench.rig.safety.truth_line import EVERY_S

ROLES = read_roles(roles_path("v2g_bms_fd"))
HARDWARE = load_rig("hardware-example").rig
ALL = Safety(max_cell_voltage_v=4.2, min_cell_voltage_v=2.8, max_pack_voltage_v=410, max_current_a=45)
WATCHED = {"cell_temperature_max", "cell_voltage_max", "cell_voltage_min", "pack_voltage", "pack_current"}


def database(without=(), text=None, folder=None):
    path = dbc_path("v2g_bms_fd")
    if text is not None:
        path = folder / "changed.dbc"
        path.write_text(text)
    return BusDatabase.load(path, {role: signal for role, signal in ROLES.items() if role not in without})


def rig(name, **parts):
    return load_rig(name).rig.model_copy(update={"safety": ALL} | parts)


@pytest.mark.parametrize("name", ["virtual", "vcan0", "gateway", "wire", "classic", "rtu"])
def test_an_emulated_world_says_itself_what_is_true(name):
    side = physical_side(rig(name), database())
    assert side.source == "plant"
    assert side.timeouts_s.keys() == WATCHED | {FRAMES}
    assert side.blind == ()
    assert stimulates(rig(name))


def test_a_real_bms_says_it_on_its_own_bus():
    side = physical_side(rig("hardware-example"), database())
    assert side.source == "bms"
    assert side.timeouts_s.keys() == WATCHED | {FRAMES}
    assert side.blind == ()
    assert stimulates(HARDWARE)
    assert not stimulates(HARDWARE.model_copy(update={"bus": load_rig("virtual").rig.bus}))


@pytest.mark.parametrize(("cycle_ms", "timeout_s"), [(10, 1.0), (200, 1.0), (500, 2.5), (2000, 10.0), (0, 1.0)])
def test_a_slow_message_has_the_time_of_five_of_its_cycles(tmp_path, cycle_ms, timeout_s):
    text = dbc_path("v2g_bms_fd").read_text()
    changed = text.replace('BA_ "GenMsgCycleTime" BO_ 128 10;', f'BA_ "GenMsgCycleTime" BO_ 128 {cycle_ms};')
    side = physical_side(rig("hardware-example"), database(text=changed, folder=tmp_path))
    assert side.timeouts_s["cell_temperature_max"] == timeout_s
    assert side.timeouts_s["pack_current"] == 1.0


def test_the_rig_s_silence_setting_is_the_timeout():
    quick = ALL.model_copy(update={"bus_silent_s": 0.3})
    side = physical_side(rig("hardware-example", safety=quick), database())
    assert set(side.timeouts_s.values()) == {0.3}
    hasty = ALL.model_copy(update={"bus_silent_s": 0.01})
    assert physical_side(rig("virtual", safety=hasty), database()).timeouts_s["pack_current"] == 5 * EVERY_S


@pytest.mark.parametrize(
    ("role", "keys"),
    [
        ("cell_voltage_max", "max_cell_voltage_v"),
        ("cell_voltage_min", "min_cell_voltage_v"),
        ("cell_temperature_max", "max_cell_temperature_c"),
        ("pack_current", "max_current_a, max_power_w, max_at_power_s"),
        ("pack_voltage", "max_pack_voltage_v, max_power_w"),
    ],
)
def test_a_limit_whose_quantity_the_database_does_not_have_is_named(role, keys):
    side = physical_side(rig("hardware-example"), database(without=[role]))
    (reported,) = side.blind
    assert reported.startswith(f"NOT WATCHED: [safety] {keys}: the ")
    assert role in reported
    assert "v2g_bms_fd.dbc" in reported
    assert role not in side.timeouts_s
    assert role not in side.roles


def test_a_limit_that_is_not_stated_is_not_missed():
    side = physical_side(rig("hardware-example", safety=Safety()), database(without=["cell_voltage_max"]))
    assert side.blind == ()
    assert "cell_voltage_min" not in side.timeouts_s


def test_a_real_inverter_s_current_is_not_known_to_an_emulated_pack():
    side = physical_side(rig("virtual", inverter=HARDWARE.inverter), database())
    assert "[safety] max_current_a, max_power_w, max_at_power_s: the pack current" in side.blind[0]
    assert not {"pack_current", "contactor_state"} & set(side.roles)
    assert "pack_current" not in side.timeouts_s
