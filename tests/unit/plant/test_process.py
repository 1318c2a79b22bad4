import errno

import can
import pytest

from v2g_bench.plant.process import is_defect, sent_to


class Bus:
    """Takes frames, or fails as told."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.sent = error, 0

    def send(self, frame: can.Message, timeout: float) -> None:
        if self.error:
            raise self.error
        self.sent += 1


def test_a_frame_that_the_bus_takes_is_sent():
    bus = Bus()
    assert sent_to(bus, can.Message())
    assert bus.sent == 1


def test_a_full_queue_is_no_dead_bus():
    assert not sent_to(Bus(can.CanOperationError("full", errno.ENOBUFS)), can.Message())


def test_anything_else_is():
    with pytest.raises(can.CanOperationError):
        sent_to(Bus(can.CanOperationError("gone", errno.ENODEV)), can.Message())


def test_a_client_that_went_away_is_no_defect_and_anything_else_is():
    assert not is_defect({"message": "x", "exception": ConnectionResetError()})
    assert not is_defect({"message": "slow"})
    assert is_defect({"message": "x", "exception": KeyError("y")})
