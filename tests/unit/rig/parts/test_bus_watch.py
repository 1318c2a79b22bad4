"""A sick bus: which error it is, and what it says."""

import pytest

from v2g_bench.can.errors import BusHealth
from v2g_bench.errors import BenchError
from v2g_bench.rig.parts.bus_watch import hints, require_bus, silence

RATES = {"fd": True, "bitrate": 500_000, "data_bitrate": 2_000_000}
CAN0 = {"interface": "socketcan", "channel": "can-none0", **RATES}
HUB = {"interface": "v2g_userland", "channel": "/run/x/bus", **RATES}


class Listener:
    def __init__(self, frames=0, interruptions=(), failure=None):
        self.health, self.interruptions, self._frames, self._failure = BusHealth(), list(interruptions), frames, failure

    def check(self):
        if self._failure:
            raise self._failure

    def __len__(self):
        return self._frames


def test_a_healthy_bus_says_nothing():
    require_bus("main", Listener(100), HUB, 10.0)


def test_bus_off_in_the_middle_of_a_test():
    ears = Listener()
    ears.health.on_error_frame(0x240, bytes([0, 0, 0, 0, 0, 0, 255, 0]), 12.5)
    ears.health.on_error_frame(0x100, bytes(8), 12.7)  # it restarts by itself
    with pytest.raises(BenchError) as error:
        require_bus("ems", ears, CAN0, 10.0)
    assert error.value.where == "bus.ems (can-none0)"
    assert "bus-off 2.500 s after the start of the test" in error.value.what
    assert "look at wiring" in error.value.hint
    require_bus("ems", ears, CAN0, 13.0)  # the next test is not concerned


def test_a_bus_that_stays_off_concerns_every_test():
    ears = Listener()
    ears.health.on_error_frame(0x40, bytes(8), 12.5)
    with pytest.raises(BenchError, match="bus-off before the start"):
        require_bus("main", ears, CAN0, 13.0)


def test_an_interface_that_went_down_and_came_back():
    ears = Listener(interruptions=[(11.25, "socketcan channel 'can0': Network is down")])
    with pytest.raises(BenchError, match=r"failed 1.250 s after the start of the test: .*Network is down"):
        require_bus("main", ears, CAN0, 10.0)
    require_bus("main", ears, CAN0, 12.0)


def test_a_capture_that_failed_is_said():
    with pytest.raises(BenchError, match="disk full"):
        require_bus("main", Listener(failure=BenchError("capture", "disk full")), HUB, 10.0)


def test_error_frames_alone_point_at_the_bit_rate():
    ears = Listener(frames=2)
    for at_s in (1.0, 2.0):
        ears.health.on_error_frame(0x88, bytes([0, 0, 2, 0]), at_s)
    error = silence("main", ears, CAN0, 5.0)
    assert error.what == "error frames alone within 5 s (2 error frames, the last: bus error; form error)"
    assert "the other nodes do not run at 500000/2000000 bit/s" in error.hint


@pytest.mark.parametrize(
    ("choice", "frames", "words"),
    [(CAN0, 0, "cable plugged in"), (HUB, 0, "database right"), (CAN0, 7, "the one of this BMS")],
)
def test_what_silence_can_mean(choice, frames, words):
    assert words in silence("main", Listener(frames), choice, 5.0).hint


def test_a_userland_bus_has_no_wiring():
    assert hints(Listener(10), HUB) == []
