import pytest

from v2g_bench.instruments.emulated.status import EAV, ESB, MAV, MSS, Status
from v2g_bench.instruments.emulated.syntax import ScpiError


@pytest.mark.parametrize(("code", "bit"), [(-113, 32), (-222, 16), (-350, 8), (-410, 4), (-100, 32), (-499, 4)])
def test_each_kind_of_error_has_its_event_bit(code, bit):
    status = Status()
    status.push(ScpiError(code))
    assert status.take_events() == bit
    assert status.take_events() == 0


def test_the_queue_is_first_in_first_out_and_overflows_into_minus_350():
    status = Status(queue_length=3)
    for code in (-101, -102, -113, -222, -224):
        status.push(ScpiError(code))
    assert [status.next_error().split(",")[0] for _ in range(4)] == ["-101", "-102", "-350", "+0"]


def test_the_status_byte_summarises():
    status = Status()
    assert status.byte() == 0
    assert status.byte(message_available=True) == MAV
    status.event_enable, status.service_enable = 32, ESB
    status.push(ScpiError(-113))
    assert status.byte() == EAV | ESB | MSS
    status.clear()
    assert status.byte() == 0
