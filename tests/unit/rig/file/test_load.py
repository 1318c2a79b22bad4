"""Rig files: what is right parses, what is wrong is named with file, key and mend."""

import re

import pytest

from v2g_bench.can.database import BusDatabase
from v2g_bench.errors import BenchError
from v2g_bench.rig.file.load import load_rig, shipped_rigs
from v2g_bench.rig.parts.opening import NEEDED_ROLES

GOOD = """
name = "mine"
evidence = "emulated"
[bus.main]
interface = "userland"
[bms]
kind = "emulated"
dbc = "dbc/v2g_bms_fd.dbc"
roles = "dbc/v2g_bms_fd.roles.toml"
[inverter]
kind = "emulated"
[meters.dc_current]
driver = "keysight-34465a"
shunt_ohm = 0.001
[meters.ac_power]
driver = "yokogawa-wt300e"
[dut]
kind = "process"
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return str(path)

    return write


@pytest.mark.parametrize("name", ["virtual", "vcan0", "classic", "gateway", "rtu", "hardware-example"])
def test_shipped_rigs_parse(name):
    assert name in shipped_rigs()
    assert load_rig(name).rig.name == name


def test_hardware_example_is_all_real():
    rig = load_rig("hardware-example").rig
    assert rig.emulated_parts() == []
    assert not rig.needs_plant()
    assert set(rig.bus) == {"bms", "ems"}
    assert len(rig.meters.named()) == 3


def test_hardware_example_can_tell_a_latency_and_be_qualified():
    rig = load_rig("hardware-example").rig
    assert rig.sync.wired
    assert rig.sync.marks(rig.meters.dc_current.emulated)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            'kind = "gpio"',
            "needs a device and a trigger, for instance device = '/dev/gpiochip0', trigger = 17, mark = 27",
        ),
        ('kind = "serial"\ndevice = "/dev/ttyS0"', 'trigger = "rts", mark = "dtr"'),
        ('kind = "gpio"\ndevice = "x"\ntrigger = "rts"', "two wires of a gpio"),
        ('kind = "serial"\ndevice = "x"\ntrigger = 4', "two wires of a serial"),
        ('kind = "gpio"\ndevice = "x"\ntrigger = 4\nmark = 4', "two wires of a gpio"),
        ('kind = "emulated"\nmark = 27', 'are for kind = "gpio" or "serial", not emulated'),
        ('kind = "gpio"\ndevice = "x"\ntrigger = 4\nmarker = 5', "marker"),
    ],
)
def test_a_sync_line_that_cannot_be_is_refused(write, keys, message):
    with pytest.raises(BenchError) as reported:
        load_rig(write(f"{GOOD}\n[sync]\n{keys}\n"))
    assert "sync" in str(reported.value)
    assert message in str(reported.value)


def test_roles_of_the_hardware_example_are_signals_of_its_database():
    loaded = load_rig("hardware-example")
    bms = loaded.rig.bms
    roles = {role: entry if isinstance(entry, str) else entry.model_dump() for role, entry in bms.roles.items()}
    db = BusDatabase.load(loaded.resolve(bms.dbc, "bms.dbc"), roles)
    db.require(NEEDED_ROLES)


def test_emulated_parts_are_named(write):
    assert load_rig(write(GOOD)).rig.emulated_parts() == [
        "bus.main",
        "bms",
        "inverter",
        "meters.dc_current",
        "meters.ac_power",
    ]


@pytest.mark.parametrize(
    ("change", "where", "message"),
    [
        (('kind = "process"', 'kind = "process"\ncomand = ["x"]'), "dut.comand", "did you mean command?"),
        (("shunt_ohm = 0.001", 'shunt_ohm = "big"'), "meters.dc_current.shunt_ohm", "'big'"),
        (("shunt_ohm = 0.001", "shunt_ohm = -1"), "meters.dc_current.shunt_ohm", "-1 is not a number from 1e-08"),
        (('driver = "yokogawa-wt300e"', ""), "meters.ac_power.driver", "is missing"),
        (('name = "mine"', 'name = "../mine"'), "name", "pattern"),
        (('name = "mine"', 'name = "mine"\nfoo = 1'), "foo", "unknown key"),
        (('evidence = "emulated"', 'evidence = "hardware"'), "rig", "these parts are emulated: bus.main"),
        (('interface = "userland"', 'interface = "socketcan"'), "bus.main", "needs a channel"),
        (('kind = "emulated"\n[meters', 'kind = "modbus-tcp"\n[meters'), "inverter", "needs its address"),
        (("[bus.main]", "[bus.bms]"), "rig", "either [bus.main], or [bus.bms] and [bus.ems]"),
    ],
)
def test_wrong_key_names_file_key_and_mend(write, change, where, message):
    assert change[0] in GOOD
    with pytest.raises(BenchError) as error:
        load_rig(write(GOOD.replace(*change)))
    assert error.value.where.endswith(f"mine.toml: {where}")
    assert message in error.value.what
    assert "rigs/README.md" in error.value.hint
    assert "v2g-bench check" not in error.value.hint, "whoever reads it has just done that"


def test_what_a_hint_gives_to_rig_finds_the_file_again(write, tmp_path, monkeypatch):
    assert load_rig("virtual").argument == "virtual"
    monkeypatch.chdir(tmp_path)
    mine = load_rig(write(GOOD.replace('name = "mine"', 'name = "virtual"')))
    assert mine.argument == str(tmp_path / "mine.toml")
    assert load_rig(mine.argument).path == mine.path


def test_broken_toml_names_the_line(write):
    with pytest.raises(BenchError, match=r"mine.toml: is not TOML: .*line 3"):
        load_rig(write('name = "x"\nevidence = "emulated"\n[bus.main\n'))


def test_unknown_rig_lists_the_known_and_the_closest():
    with pytest.raises(BenchError, match=r"(?s)no such rig.*did you mean virtual\?.*vcan0"):
        load_rig("virtuel")


def test_missing_dbc_says_where_it_looked(write):
    loaded = load_rig(write(GOOD))
    with pytest.raises(BenchError, match=r"(?s)mine.toml: bms.dbc: no such file: dbc/none.dbc.*looked at"):
        loaded.resolve("dbc/none.dbc", "bms.dbc")


def test_shipped_dbc_is_found_from_anywhere(write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_rig(write(GOOD)).resolve("dbc/v2g_bms_fd.dbc", "bms.dbc").is_file()


TWO = """[bus.bms]
interface = "userland"
[bus.ems]
interface = "userland"
"""


@pytest.mark.parametrize("path", ["bench", "kernel", "auto"])
def test_who_forwards(write, path):
    text = shipped_rigs()["gateway"].read_text() + f'\n[gateway]\npath = "{path}"\n'
    assert load_rig(write(text)).rig.gateway.path == path


@pytest.mark.parametrize(
    ("base", "table", "reported"),
    [
        ("virtual", 'path = "auto"', "[gateway] is for a rig with [bus.bms] and [bus.ems]"),
        ("gateway", 'path = "kernal"', "gateway.path"),
        ("gateway", 'way = "auto"', "unknown key"),
    ],
)
def test_a_gateway_that_cannot_be(write, base, table, reported):
    with pytest.raises(BenchError, match=re.escape(reported)):
        load_rig(write(shipped_rigs()[base].read_text() + f"\n[gateway]\n{table}\n"))


def test_two_buses_put_the_gateway_between(write):
    rig = load_rig(write(GOOD.replace('[bus.main]\ninterface = "userland"\n', TWO))).rig
    assert rig.has_gateway
    assert rig.controller_bus is rig.bus["ems"]
    single = load_rig(write(GOOD)).rig
    assert not single.has_gateway
    assert single.controller_bus is single.bus["main"]
    assert load_rig("hardware-example").rig.has_gateway


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"userland"', '"socketcan"\nchannel = "can0"', "with one there is nothing to be gateway between"),
        ('[bus.ems]\ninterface = "userland"', '[bus.ems]\ninterface = "socketcan"\nchannel = "can0"', "same interface"),
        ('"userland"', '"sim"', "a simulation has one bus"),
        ("[bus.ems]", "[bus.main]", "either"),
    ],
)
def test_two_buses_that_cannot_be(write, old, new, words):
    with pytest.raises(BenchError, match=words):
        load_rig(write(GOOD.replace('[bus.main]\ninterface = "userland"\n', TWO.replace(old, new))))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('interface = "socketcan"\nchannel = "can0"\nphysics = true', "physics = true is for the bench's own bus"),
        ('interface = "userland"\ncable_m = 3.0', "cable_m is for a bus with physics"),
    ],
)
def test_physics_is_for_the_benchs_own_bus_and_its_cable_for_physics(tmp_path, change, message):
    text = load_rig("virtual").text.replace('interface = "userland"', change)
    path = tmp_path / "rig.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BenchError, match=message):
        load_rig(str(path))


def test_the_rigs_with_a_wire_say_so():
    assert load_rig("wire").rig.physics
    assert load_rig("sim-wire").rig.physics
    assert not load_rig("virtual").rig.physics
