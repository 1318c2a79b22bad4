"""Error frames: bytes as drivers send them, and what the bus is believed to be in after them."""

import pytest

from v2g_bench.can import errors
from v2g_bench.can.errors import BusHealth, BusState, decode_error

PASSIVE_TX = (0x204, bytes([0, 0x20, 0, 0, 0, 0, 128, 3]))
BUS_OFF = (0x240, bytes([0, 0, 0, 0, 0, 0, 255, 0]))
RESTARTED = (0x100, bytes(8))


@pytest.mark.parametrize(
    ("error_class", "data", "text", "state"),
    [
        (0x40, b"", "bus-off", BusState.BUS_OFF),
        (*BUS_OFF, "bus-off; 255 transmit errors, 0 receive errors", BusState.BUS_OFF),
        (*PASSIVE_TX, "error passive (transmitter); 128 transmit errors, 3 receive errors", BusState.PASSIVE),
        (0x04, bytes([0, 0x10]), "error passive (receiver)", BusState.PASSIVE),
        (0x04, bytes([0, 0x04, 0, 0, 0, 0, 0, 97]),
         "error warning (receiver); 0 transmit errors, 97 receive errors", BusState.WARNING),
        (0x04, bytes([0, 0x40]), "error active again", BusState.ACTIVE),
        (0x04, bytes([0, 0x01]), "receive overflow", None),
        (0x04, bytes(8), "controller error", None),
        (*RESTARTED, "controller restarted", BusState.ACTIVE),
        (0x88, bytes([0, 0, 0x04, 0x0A]), "bus error; stuff error in data", None),
        (0x08, bytes([0, 0, 0x82, 0x18]), "form error, while transmitting in CRC delimiter", None),
        (0x20, bytes(8), "nobody acknowledges", None),
        (0x10, bytes([0, 0, 0, 0, 0x07]), "CAN-H: short to ground", None),
        (0x03, bytes(8), "transmit timeout; arbitration lost", None),
        (0x1000_0000, bytes(8), "error class 0x10000000", None),
    ],
)  # fmt: skip
def test_what_a_frame_says(error_class, data, text, state):
    event = decode_error(error_class, data)
    assert (event.text, event.state) == (text, state)


@pytest.mark.parametrize(("error_class", "on_wire"), [(0x88, True), (0x20, True), (0x04, False), (0x40, False)])
def test_damage_on_the_wire_is_told_from_the_controllers_state(error_class, on_wire):
    assert decode_error(error_class, bytes(8)).on_wire is on_wire


def test_counters_are_those_of_the_newest_frame_that_has_them():
    health = BusHealth()
    health.on_error_frame(*PASSIVE_TX, 1.0)
    health.on_error_frame(0x88, bytes([0, 0, 0x04, 0]), 1.1)
    assert (health.tx_errors, health.rx_errors, health.error_frames) == (128, 3, 2)
    assert health.state is BusState.PASSIVE
    assert health.words() == "2 error frames, the last: bus error; stuff error"


def test_bus_off_is_remembered_after_the_restart():
    health = BusHealth()
    assert health.words() == ""
    assert health.bus_off_since(0.0) is None
    health.on_error_frame(*BUS_OFF, 5.0)
    assert health.bus_off_since(6.0) == 5.0  # it still is
    health.on_error_frame(*RESTARTED, 7.0)
    assert health.bus_off_since(4.0) == 5.0
    assert health.bus_off_since(6.0) is None


def test_a_bus_that_is_off_all_night_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(errors, "KEPT_EVENTS", 5)
    health = BusHealth()
    for second in range(1000):
        health.on_error_frame(*BUS_OFF, float(second))
        health.on_error_frame(*RESTARTED, second + 0.5)
    assert len(health.events) == len(health._off) == 5
    assert health.bus_off_since(0.0) == 995.0
    assert health.bus_off_since(998.5) == 999.0
    assert health.error_frames == 2000
