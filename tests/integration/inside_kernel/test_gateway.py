"""The gateway process between vcan1 and vcan0 of a real kernel."""

import sys
from pathlib import Path

import can
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from slcan_adapter import ip, wait_until

from v2g_bench.can.database import BusDatabase
from v2g_bench.can.e2e import check
from v2g_bench.can.kernelbus import KernelBus
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.errors import BenchError
from v2g_bench.faults import BmsSilence, OverTemperature
from v2g_bench.gateway.host import GatewayProcess

ROLES = read_roles(roles_path("v2g_bms_fd"))
RATES = {"fd": True, "bitrate": 500_000, "data_bitrate": 2_000_000}


@pytest.fixture
def db():
    return BusDatabase.load(dbc_path("v2g_bms_fd"), ROLES)


@pytest.fixture
def gateway(vcans, tmp_path):
    bms, controller = ({"interface": "socketcan", "channel": name, **RATES} for name in reversed(vcans))
    config = {"dbc": str(dbc_path("v2g_bms_fd")), "roles": ROLES, "bms": bms, "controller": controller}
    gateway = GatewayProcess(config, tmp_path)
    gateway.start()
    yield gateway
    gateway.stop()


@pytest.fixture
def ends(vcans):
    with KernelBus("vcan1", own_echo=False) as bms, KernelBus("vcan0", own_echo=False) as controller:
        yield bms, controller


def test_both_ways_rewritten_and_silent(gateway, ends, db):
    bms, controller = ends
    safety = db.encode("BMS_Safety", {"cell_temperature_max": 25.0, "string_voltage_difference": 0.01}, 7)
    bms.send(safety)
    passed = controller.recv(5.0)
    assert (passed.data, passed.is_fd, passed.bitrate_switch) == (safety.data, True, True)
    command = db.encode("EMS_Command", {"contactor_request": 1}, 1)
    controller.send(command)
    assert bms.recv(5.0).data == command.data
    number = gateway.client.inject(OverTemperature(cell=17, to_c=45.5))
    bms.send(safety)
    hot = controller.recv(5.0)
    assert db.decode(hot)["cell_temperature_max"] == 45.5
    assert check(hot.data[: db.message("BMS_Safety").length], db.message("BMS_Safety").e2e.data_id)
    gateway.client.clear(number)
    gateway.client.inject(BmsSilence())
    bms.send(safety)
    remote = can.Message(arbitration_id=0x33, is_extended_id=False, is_remote_frame=True, dlc=4)
    controller.send(remote)
    assert bms.recv(5.0).is_remote_frame
    assert controller.recv(0.2) is None
    status = gateway.status()
    assert (status["to_controller"], status["to_bms"], status["lost"], status["refused"]) == (2, 2, 0, 0)
    gateway.require_whole()


def test_a_bus_that_goes_down_ends_it_with_the_reason(gateway, ends):
    ip("set", "vcan1", "down")
    wait_until(lambda: gateway.poll() == 3)
    with pytest.raises(BenchError, match="gateway"):
        gateway.status()
    with pytest.raises(BenchError, match="vcan1: Network is down"):
        gateway.stop()
