"""The BMS answers a tester: which codes by which status, and what it refuses."""

import can
import pytest

from v2g_bench.bms.diagnostics import ACTIVE, CELL_IMBALANCE, OVER_CURRENT, REQUEST_ID, RESPONSE_ID, STORED, Diagnostics
from v2g_bench.can.isotp import Reassembly
from v2g_bench.ems.ports.dtc import decode_by_status_mask, decode_mode_03

BOTH = ((CELL_IMBALANCE, ACTIVE), (OVER_CURRENT, STORED))


def request(text: str, *, fd: bool = True, frame_id: int = REQUEST_ID) -> can.Message:
    data = bytes.fromhex(text)
    data = bytes((len(data),)) + data
    return can.Message(arbitration_id=frame_id, is_extended_id=False, is_fd=fd, data=data.ljust(8, b"\xcc"))


@pytest.mark.parametrize(("mask", "codes"), [("09", ["P0BBD", "P1A0C"]), ("01", ["P0BBD"]), ("40", [])])
def test_the_status_mask_selects(mask, codes):
    answer = Diagnostics(lambda: BOTH).answer(bytes.fromhex("1902" + mask))
    assert [row["code"] for row in decode_by_status_mask(answer)] == codes


def test_mode_03_gives_the_stored_ones():
    assert [row["code"] for row in decode_mode_03(Diagnostics(lambda: BOTH).answer(b"\x03"))] == ["P0BBD", "P1A0C"]


@pytest.mark.parametrize(("asked", "answer"), [("2210", "7f2211"), ("1901", "7f1912"), ("1902", "7f1913")])
def test_what_it_does_not_know_is_refused(asked, answer):
    assert Diagnostics(tuple).answer(bytes.fromhex(asked)).hex() == answer


def test_frames_of_others_are_not_for_it():
    bms = Diagnostics(lambda: BOTH)
    assert not bms.on_frame(request("190209", frame_id=REQUEST_ID + 1), 1.0)
    assert bms.due(2.0) == []
    assert bms.requests == 0


@pytest.mark.parametrize("fd", [True, False])
def test_many_codes_go_out_as_the_tester_allows(fd):
    many = [(0xC10000 + number, STORED) for number in range(40)]
    bms, incoming = Diagnostics(lambda: many), Reassembly()
    assert bms.on_frame(request("190209", fd=fd), 1.0)
    assert bms.next_due_s == 1.0
    (first,) = bms.due(1.0)
    assert (first.arbitration_id, first.is_fd) == (RESPONSE_ID, fd)
    whole, flow = incoming.take(bytes(first.data))
    assert whole is None
    assert flow is not None
    assert bms.due(1.5) == []
    flow_control = can.Message(arbitration_id=REQUEST_ID, is_extended_id=False, is_fd=fd, data=flow)
    assert bms.on_frame(flow_control, 1.5)
    wholes = [incoming.take(bytes(message.data))[0] for message in bms.due(1.5)]
    assert len(decode_by_status_mask(wholes[-1])) == 40
    assert bms.next_due_s == float("inf")


def test_a_new_request_ends_the_answer_that_was_under_way():
    many = [(0xC10000 + number, STORED) for number in range(40)]
    bms = Diagnostics(lambda: many)
    bms.on_frame(request("190209", fd=False), 1.0)
    bms.on_frame(request("2210", fd=False), 1.1)
    assert [bytes(message.data).hex() for message in bms.due(1.2)] == ["037f2211"]
