"""From the rig file to the inverter's address."""

from dataclasses import asdict, replace

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.inverter.address import InverterAddress
from v2g_bench.inverter.client import InverterClient
from v2g_bench.inverter.vendor import VendorInverter
from v2g_bench.rig.file.connect import inverter_address
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.file.model import Inverter

MAP = """
maker = "A"
model = "B"
set_power = { address = 1 }
stop = [{ address = 2, value = 0 }]
state = { address = 3, running = [1] }
read.ac_power_w = { address = 4 }
"""


@pytest.fixture
def rig(tmp_path):
    """rig(**[inverter]): a loaded rig with this inverter, beside a register map."""
    (tmp_path / "ab.toml").write_text(MAP)
    loaded = load_rig("virtual")

    def make(**inverter):
        changed = loaded.rig.model_copy(update={"inverter": Inverter(**inverter)})
        return replace(loaded, rig=changed, path=tmp_path / "rig.toml")

    return make


def test_an_emulated_one_is_where_the_plant_says(rig):
    address = inverter_address(rig(kind="emulated", unit_id=3), ("127.0.0.1", 1502))
    assert (address.host, address.port, address.unit_id, address.device) == ("127.0.0.1", 1502, 3, "")
    assert isinstance(address.open(), InverterClient)


def test_a_serial_line_and_a_register_map(rig, tmp_path):
    given = {"kind": "modbus-rtu", "device": "/dev/ttyUSB9", "baudrate": 19200, "parity": "E", "stopbits": 2}
    address = inverter_address(rig(**given, unit_id=5, map="ab.toml"))
    assert address.map_path == str(tmp_path / "ab.toml")
    inverter = address.open()
    assert isinstance(inverter, VendorInverter)
    assert inverter.where == "inverter /dev/ttyUSB9 unit 5"
    assert InverterAddress(**asdict(address)) == address  # as another process gets it


def test_a_register_map_that_is_not_there(rig):
    with pytest.raises(BenchError, match=r"inverter.map: no such file: none.toml"):
        inverter_address(rig(kind="modbus-tcp", host="192.0.2.9", map="none.toml"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "modbus-rtu"}, "an inverter on a serial line needs it"),
        ({"kind": "emulated", "map": "ab.toml"}, "its maker's registers \\(map\\) are on its service port alone"),
        ({"kind": "emulated", "service": "modbus-rtu"}, "and map, or neither"),
        ({"kind": "modbus-tcp", "host": "a", "service": "modbus-rtu", "map": "b"}, "service is for an emulated"),
        ({"kind": "modbus-tcp"}, "needs its address"),
    ],
)
def test_what_a_rig_file_must_say(given, message):
    with pytest.raises(ValueError, match=message):
        Inverter(**given)
