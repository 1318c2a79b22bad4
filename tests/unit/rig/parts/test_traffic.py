"""The bench's own look at the bus: only sound frames count, and what is lost, damaged or repeated is counted."""

import pytest

from v2g_bench.can.columns import FrameStore
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.can.values import newest, sound
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.rig.parts.traffic import bms_frames, protection, window

DB = BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))
SAFETY = DB.message_of("cell_temperature_max")


@pytest.fixture
def bus():
    """Puts frames of the safety message on the bus: stamp, temperature, counter, whether its CRC is left stale."""
    store = FrameStore()

    def put(timestamp_s, temperature_c, counter, damaged=False):
        frame = DB.encode(SAFETY.name, {"cell_temperature_max": temperature_c}, counter)
        data = bytearray(frame.data)
        if damaged:
            data[-1] ^= 0x01
        store.append(timestamp_s, -1, frame.arbitration_id, 0, frame.dlc, bytes(data))

    put.columns = lambda: store.since(float("-inf"))
    return put


def test_the_newest_sound_value_counts(bus):
    bus(1.00, 30.0, 1)
    bus(1.01, 31.0, 2)
    bus(1.02, 90.0, 3, damaged=True)
    assert newest(DB, bus.columns())["cell_temperature_max"] == pytest.approx(31.0, abs=0.1)
    assert [sound(DB, bus.columns().frame(place)) for place in range(3)] == [True, True, False]


def test_damage_alone_is_no_value(bus):
    bus(1.0, 90.0, 1, damaged=True)
    assert newest(DB, bus.columns()) == {}


def test_a_frame_of_somebody_else_is_not_sound_and_not_of_the_bms(bus):
    store = FrameStore()
    store.append(1.0, -1, 0x7DF, 0, 8, bytes(8))
    columns = store.since(0.0)
    assert not sound(DB, columns.frame(0))
    assert len(bms_frames(DB, columns)) == 0


def test_damage_and_repetition_are_counted(bus):
    for number, (counter, damaged) in enumerate([(1, False), (2, False), (2, False), (3, True), (4, False)]):
        bus(1.0 + 0.01 * number, 25.0, counter, damaged)
    seen = window(DB, bus.columns(), 0.995, 1.045)
    assert (seen.received, seen.bad, seen.repeated) == (5, 1, 1)
    assert seen.expected > seen.received  # the other messages of the BMS are missing


def test_silence_is_seen_as_silence(bus):
    bus(1.0, 25.0, 1)
    seen = window(DB, bus.columns(), 1.01, 1.21)
    assert seen.received == 0
    assert seen.expected > 0


def test_each_unprotected_frame_is_named(bus):
    for timestamp_s, counter, damaged in ((1.00, 254, False), (1.01, 255, False), (1.02, 0, False), (1.03, 2, False)):
        bus(timestamp_s, 30.0, counter, damaged)
    bus(1.04, 30.0, 3, damaged=True)
    count, wrong = protection(bus.columns(), [SAFETY])
    assert count == 5
    assert wrong == [f"{SAFETY.name} at 1.030 s: counter 2 after 0", f"{SAFETY.name} at 1.040 s: wrong checksum"]


def test_no_frame_is_no_protection(bus):
    assert protection(bus.columns(), [SAFETY]) == (0, [])
