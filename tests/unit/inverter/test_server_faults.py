import json

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.inverter.frames import Adu, FrameReader
from v2g_bench.inverter.server_faults import GARBAGE, FaultSwitch, ServerFault, disturbed

REQUEST = Adu(7, 1, bytes.fromhex("0300640004"))
REPLY = Adu(7, 1, bytes.fromhex("03080001000200030004"))


def test_a_fault_survives_a_file():
    fault = ServerFault("delay", function=3, after=2, times=1, delay_s=0.25)
    assert ServerFault.from_dict(json.loads(json.dumps(fault.to_dict()))) == fault


@pytest.mark.parametrize("data", [{"kind": "sulk"}, {"kind": "silence", "until": 3}, {"kind": "delay", "delay_s": -1}])
def test_an_impossible_fault_is_refused(data):
    with pytest.raises(BenchError, match="server fault"):
        ServerFault.from_dict(data)


def test_a_fault_lets_pass_then_meets_then_is_over():
    switch = FaultSwitch()
    switch.add(ServerFault("silence", after=2, times=2))
    assert [switch.pick(3) is not None for _ in range(6)] == [False, False, True, True, False, False]


def test_a_fault_of_one_function_leaves_the_others_alone():
    switch = FaultSwitch()
    switch.add(ServerFault("silence", function=16))
    assert switch.pick(3) is None
    assert switch.pick(16) is not None


def test_faults_are_cleared_one_by_one_or_all():
    switch = FaultSwitch()
    first, second = switch.add(ServerFault("silence")), switch.add(ServerFault("drop"))
    switch.clear(first)
    assert switch.pick(3).kind == "drop"
    switch.clear(first)
    switch.clear(second)
    assert switch.pick(3) is None
    switch.add(ServerFault("drop"))
    switch.clear()
    assert switch.pick(3) is None


def frame(kind, request=REQUEST, reply=REPLY):
    (only,) = FrameReader().feed(disturbed(kind, 6, request, reply))
    return only


def test_what_goes_out():
    assert disturbed("silence", 4, REQUEST, None) == disturbed("lost-reply", 4, REQUEST, REPLY) == b""
    assert disturbed("garbage", 4, REQUEST, REPLY) == GARBAGE
    assert frame("exception", reply=None).pdu == b"\x83\x06"
    assert frame("wrong-transaction").transaction_id != 7
    assert frame("wrong-unit").unit_id != 1
    assert frame("wrong-function").pdu == b"\x04" + REPLY.pdu[1:]
    assert frame("short-registers").pdu == bytes.fromhex("030400010002")
    assert len(disturbed("truncate", 4, REQUEST, REPLY)) < len(REPLY.to_bytes())
    assert frame("delay") == REPLY


def test_garbage_is_no_frame():
    reader = FrameReader()
    assert reader.feed(GARBAGE) == []
    assert reader.broken


def test_a_short_confirmation_of_a_write():
    reply = Adu(7, 1, bytes.fromhex("1000640004"))
    assert frame("short-registers", reply=reply).pdu == bytes.fromhex("1000640002")


def test_a_wrong_transaction_is_never_the_id_0_that_some_clients_take_for_any():
    numbers = [7, 0, 0x5A5A, 0xA5A5, 0xFFFF]
    sent = [frame("wrong-transaction", reply=Adu(number, 1, REPLY.pdu)).transaction_id for number in numbers]
    assert 0 not in sent
    assert all(one != number for one, number in zip(sent, numbers, strict=True))
