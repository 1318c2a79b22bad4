"""The supervisor's node on the pack's bus: what it believes, and how it asks the contactors to open."""

import can
import pytest

from v2g_bench.can.buses import open_bus
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.e2e import COUNTER_BYTE, E2EReceiver
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.rig.packline import PackLine


@pytest.fixture(params=["v2g_bms_fd", "compact_classic"])
def database(request):
    return request.param


@pytest.fixture
def bus(request):
    """Another node on the bus, and what a line needs to join it."""
    choice = {"interface": "virtual", "channel": f"packline {request.node.name}", "fd": True}
    with open_bus(**choice, own_echo=False) as bus:
        bus.choice = choice
        yield bus


@pytest.fixture
def db(database):
    return BusDatabase.load(dbc_path(database), read_roles(roles_path(database)))


@pytest.fixture
def line(bus, database):
    line = PackLine(bus.choice, str(dbc_path(database)), read_roles(roles_path(database)))
    yield line
    line.close()


def test_it_hears_the_bms_and_nobody_else(bus, line, db):
    current = db.message_of("pack_current").name
    bus.send(db.encode(current, {"pack_current": -9.0}, 0))
    bus.send(db.encode(db.message_of("contactor_request").name, {"contactor_request": 1.0}, 7))
    bus.send(can.Message(arbitration_id=0x7FE, is_extended_id=False, data=b"12345678"))
    bus.send(can.Message(arbitration_id=0x40, is_error_frame=True, data=bytes(8)))
    (heard,) = line.heard()
    assert heard["pack_current"] == pytest.approx(-9.0, abs=0.1)
    assert "contactor_request" not in heard
    assert line.heard() == []


@pytest.mark.parametrize("database", ["v2g_bms_fd"], indirect=True)
def test_a_frame_with_a_wrong_checksum_is_not_believed(bus, line, db):
    frame = db.encode("BMS_Safety", {"cell_temperature_max": 99.0}, 0)
    frame.data[4] ^= 1
    bus.send(frame)
    assert line.heard() == []


def test_it_asks_every_cycle_with_the_counter_that_comes_next(bus, line, db):
    spec = db.message_of("contactor_request")
    receiver = E2EReceiver(spec.e2e.data_id) if spec.e2e else None
    last = db.encode(spec.name, {"contactor_request": 1.0}, 41)
    if receiver:
        receiver.hear(last.data)
    bus.send(last)
    line.heard()
    for tick in range(10):  # 5 ms apart
        line.ask_open(100.0 + 0.005 * tick)
    asked = []
    while (frame := bus.recv(0)) is not None:
        asked.append(frame)
    cycle_s = spec.cycle_s or 0.01
    assert len(asked) == pytest.approx(0.05 / cycle_s, abs=1)
    assert all(db.decode(frame)["contactor_request"] == 0.0 for frame in asked)
    if receiver:
        assert asked[0].data[COUNTER_BYTE] == 42
        assert all(receiver.hear(frame.data).good for frame in asked)
