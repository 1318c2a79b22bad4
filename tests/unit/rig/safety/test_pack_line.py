"""The supervisor's node on the pack's bus: what it believes, and how it asks the contactors to open."""

import re

import can
import pytest

from v2g_bench.can.buses import open_bus
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.e2e import COUNTER_BYTE, HEADER_BYTES, E2EReceiver, protect
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.rig.safety.pack_line import PackLine


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
    (received,) = line.received()
    assert received["pack_current"] == pytest.approx(-9.0, abs=0.1)
    assert "contactor_request" not in received
    assert line.received() == []


WATCHED = ("cell_temperature_max", "cell_voltage_max", "cell_voltage_min", "pack_voltage", "pack_current")


def frame_with(db, role, raw, counter=1):
    """A frame in which every role is sound, and the count of this one is `raw`."""
    spec, codec = db.message_of(role), db.codec(role)
    healthy = {"soc": 50.0, "pack_voltage": 350.0, "cell_temperature_max": 25.0, "cell_temperature_min": 24.0}
    healthy |= {"cell_voltage_max": 3.7, "cell_voltage_min": 3.6, "pack_current": -9.0}
    known = {one: value for one, value in healthy.items() if one in db.roles_of(spec.name)}
    message = db.encode(spec.name, known, counter)
    order, mask = "big" if codec.big_endian else "little", (1 << codec.length) - 1
    bits = int.from_bytes(message.data, order) & ~(mask << codec.shift) | (raw & mask) << codec.shift
    message.data = bytearray(bits.to_bytes(len(message.data), order))
    if spec.e2e is not None:
        protect(message.data, spec.e2e.data_id, counter)
    return message


@pytest.mark.parametrize("role", WATCHED)
def test_a_count_that_is_no_value_is_left_out_and_the_frame_is_heard(bus, line, db, role):
    """Not available, all bits set, just below and just above what the database says can be."""
    codec = db.codec(role)
    lowest = -(1 << codec.length - 1) if codec.signed else 0
    highest = lowest + (1 << codec.length) - 1
    wrong = {*codec.no_values, highest, codec.raw_min - 1, codec.raw_max + 1} | ({lowest} if codec.signed else set())
    wrong = [raw for raw in wrong if lowest <= raw <= highest]
    assert wrong
    for counter, raw in enumerate([*wrong, codec.raw_max // 2]):
        bus.send(frame_with(db, role, raw, counter))
    assert [role in received for received in line.received()] == [False] * len(wrong) + [True]


@pytest.mark.parametrize("role", WATCHED)
def test_a_frame_with_nothing_but_set_bits_says_nothing(bus, line, db, role):
    """A current of one count below zero has all bits set as well: alone it is a value."""
    spec = db.message_of(role)
    data = bytearray(b"\xff" * spec.length)
    if spec.e2e is not None:
        protect(data, spec.e2e.data_id, 5)
    assert set(data[HEADER_BYTES if spec.e2e else 0 :]) == {0xFF}
    extended = {"is_extended_id": spec.is_extended, "is_fd": spec.is_fd}
    bus.send(can.Message(arbitration_id=spec.frame_id, data=data, **extended))
    assert line.received() == [{}]


def test_a_small_negative_value_has_all_bits_set_and_is_one(bus, line, db):
    codec = db.codec("pack_current")
    bus.send(frame_with(db, "pack_current", -1 if codec.signed else codec.count(-0.1)))
    assert line.received()[0]["pack_current"] == pytest.approx(-codec.resolution if codec.signed else -0.1)


@pytest.fixture
def changed(bus, tmp_path):
    """A line, and its database, after a change of the database's text."""
    lines = []

    def changed(change):
        path, roles = tmp_path / "changed.dbc", read_roles(roles_path("v2g_bms_fd"))
        path.write_text(change(dbc_path("v2g_bms_fd").read_text()))
        lines.append(PackLine(bus.choice, str(path), roles))
        return lines[-1], lines[-1].db

    yield changed
    for line in lines:
        line.close()


@pytest.mark.parametrize(
    ("role", "raws"),
    [
        ("cell_temperature_max", (-32768, 32767)),
        ("pack_voltage", (65535,)),
        ("pack_current", (-(1 << 23), (1 << 23) - 1)),
    ],
)
def test_set_bits_are_no_value_where_the_database_says_nothing_of_them(bus, changed, role, raws):
    """Neither a label nor a range: [0|0] is how many tools write that there is none."""
    name = {"cell_temperature_max": "CellTempMax", "pack_voltage": "PackVoltage", "pack_current": "PackCurrent"}[role]
    line, db = changed(
        lambda text: re.sub(
            rf"(SG_ {name} : \S+ \S+) \[\S+\]", r"\1 [0|0]", re.sub(rf"VAL_ \d+ {name} .*;\n", "", text)
        )
    )
    codec = db.codec(role)
    assert not codec.no_values
    for counter, raw in enumerate((*raws, raws[-1] - 1)):
        bus.send(frame_with(db, role, raw, counter))
    assert [role in received for received in line.received()] == [False] * len(raws) + [True]


@pytest.mark.parametrize("label", ["invalid", "Sensor error", "RESERVED", "unknown", "init"])
def test_every_label_of_a_quantity_means_no_value(bus, changed, label):
    """Next to SNA many databases name further counts: of them all none is a temperature, but one that is a number."""
    labels = rf'\1 -32768 "SNA" 300 "{label}" 310 "31.0 degC" ;'
    line, db = changed(lambda text: re.sub(r"(VAL_ 128 CellTempMax) .*;", labels, text))
    for counter, raw in enumerate((300, 301, 310)):
        bus.send(frame_with(db, "cell_temperature_max", raw, counter))
    shown = [received.get("cell_temperature_max") for received in line.received()]
    assert shown == [None, pytest.approx(30.1), pytest.approx(31.0)]


@pytest.mark.parametrize("database", ["v2g_bms_fd"], indirect=True)
def test_a_frame_that_repeats_itself_is_heard_and_says_nothing_new(bus, line, db):
    for counter in (7, 7, 7, 8, 8):
        bus.send(db.encode("BMS_Safety", {"cell_temperature_max": 25.0}, counter))
    assert ["cell_temperature_max" in received for received in line.received()] == [True, False, False, True, False]


@pytest.mark.parametrize("database", ["v2g_bms_fd"], indirect=True)
def test_a_frame_with_a_wrong_checksum_is_not_believed(bus, line, db):
    frame = db.encode("BMS_Safety", {"cell_temperature_max": 99.0}, 0)
    frame.data[4] ^= 1
    bus.send(frame)
    assert line.received() == []


def test_it_asks_every_cycle_with_the_counter_that_comes_next(bus, line, db):
    spec = db.message_of("contactor_request")
    receiver = E2EReceiver(spec.e2e.data_id) if spec.e2e else None
    last = db.encode(spec.name, {"contactor_request": 1.0}, 41)
    if receiver:
        receiver.on_frame(last.data)
    bus.send(last)
    line.received()
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
        assert all(receiver.on_frame(frame.data).good for frame in asked)
