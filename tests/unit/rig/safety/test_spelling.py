"""Two spellings of one thing are one name, and two things are two."""

import pytest

from v2g_bench.inputs.text import toml_of
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.file.model import Rig
from v2g_bench.rig.safety import spelling
from v2g_bench.rig.safety.lock import shared

SAME = [
    ("TCPIP::192.0.2.7::INSTR", "TCPIP0::192.0.2.7::inst0::INSTR", "tcpip1::192.0.2.7", "TCPIP::192.0.2.007::INSTR"),
    ("TCPIP::127.0.0.1::5025::SOCKET", "TCPIP0::localhost::5025::SOCKET", "TCPIP::LOCALHOST::5025::SOCKET"),
    ("USB::0x0957::0x0618::MY1::INSTR", "USB0::2391::1560::MY1::0::INSTR", "USB::0x957::0x618::my1"),
    ("GPIB::5::INSTR", "GPIB0::5", "GPIB0::5::0::INSTR"),
    ("ASRL1::INSTR", "asrl1"),
]
OTHERS = [
    "TCPIP::192.0.2.7::HISLIP0::INSTR",
    "TCPIP::192.0.2.7::INST1::INSTR",
    "TCPIP::127.0.0.1::5026::SOCKET",
    "USB::0x0957::0x0618::MY1::1::INSTR",
    "GPIB1::5::INSTR",
    "GPIB::0::INSTR",
    "GPIB::5::3::INSTR",
    "ASRL11::INSTR",
]


@pytest.mark.parametrize("spellings", SAME, ids=lambda one: one[0])
def test_what_is_one_resource_has_one_name(spellings):
    assert len({spelling.visa(one) for one in spellings}) == 1


def test_what_are_two_resources_have_two_names():
    names = [spelling.visa(one[0]) for one in SAME] + [spelling.visa(one) for one in OTHERS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("resource", ["", "TCPIP", "TCPIP::", "USB", "::", "X", "ASRL/"])
def test_what_is_no_resource_is_no_error(resource):
    assert spelling.visa(resource) == spelling.visa(resource)


def test_a_host_that_is_not_known_keeps_its_name():
    assert spelling.host("Nowhere." + "x" * 300) == "nowhere." + "x" * 300


def test_a_link_to_a_device_is_the_device(tmp_path):
    (tmp_path / "ttyUSB0").touch()
    (tmp_path / "by-id").symlink_to("ttyUSB0")
    assert spelling.path(str(tmp_path / "by-id")) == spelling.path(str(tmp_path / "ttyUSB0"))
    assert spelling.visa(f"ASRL{tmp_path / 'by-id'}::INSTR") == spelling.visa(f"ASRL{tmp_path / 'ttyUSB0'}")
    assert spelling.path("/dev/is/not/there") == "/dev/is/not/there"


def test_two_rig_files_that_spell_one_rig_in_two_ways_lock_the_same(tmp_path):
    (tmp_path / "inverter").touch()
    (tmp_path / "link").symlink_to("inverter")
    made = []
    for meter, host, device in (
        ("TCPIP::127.0.0.1::INSTR", "127.0.0.1", "inverter"),
        ("TCPIP0::localhost::inst0::INSTR", "LOCALHOST", "link"),
    ):
        data = toml_of(load_rig("hardware-example").text, "rig")
        data["meters"]["ac_power"]["resource"] = meter
        data["sync"]["device"] = str(tmp_path / device)
        tcp = shared(Rig.model_validate(data | {"inverter": data["inverter"] | {"host": host}}))
        data["inverter"] = {"kind": "modbus-rtu", "device": str(tmp_path / device)}
        made.append((tcp, shared(Rig.model_validate(data))))
    assert made[0] == made[1]
    assert any(one.startswith("inverter 127.0.0.1:") for one in made[0][0])
