import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g_bench.can.physics.encode import encode
from v2g_bench.can.physics.frame import WireFrame
from v2g_bench.can.physics.node import Node
from v2g_bench.can.physics.outcome import judge

FRAME = WireFrame(0x123, bytes(range(8)), fd=True, brs=True)
CODE = encode(FRAME)


def nodes():
    return Node("sender"), Node("one"), Node("two")


def test_a_hit_for_all_is_known_to_the_sender_at_that_bit_and_to_the_others_within_six():
    sender, one, two = nodes()
    outcome = judge(FRAME, [sender], [one, two], 60, {})
    assert not outcome.ok
    assert outcome.found[sender] == (60, "bit")
    for node in (one, two):
        assert 60 <= outcome.found[node][0] <= 66
    assert 66 <= outcome.flags_end <= 72


def test_a_hit_at_one_active_receiver_destroys_the_frame_for_all():
    sender, one, two = nodes()
    outcome = judge(FRAME, [sender], [one, two], None, {one: [60]})
    assert not outcome.ok
    assert outcome.found[one][1] in ("stuff", "crc", "form")
    assert outcome.found[sender][0] > outcome.found[one][0]
    assert two in outcome.found
    assert outcome.accepted == {}


def test_a_passive_receiver_misses_the_frame_alone():
    sender, one, two = nodes()
    for _ in range(16):
        one.counters.receive_error(heavy=True)
    assert one.counters.state == "passive"
    outcome = judge(FRAME, [sender], [one, two], None, {one: [60]})
    assert outcome.ok
    assert outcome.accepted == {two: FRAME}
    assert set(outcome.found) == {one}


def test_the_last_bit_of_eof_doubles_the_frame():
    """Receivers have it, its sender does not know and repeats it: what a sequence counter is for."""
    sender, one, two = nodes()
    outcome = judge(FRAME, [sender], [one, two], len(CODE.bits) - 1, {})
    assert not outcome.ok
    assert outcome.accepted == {one: FRAME, two: FRAME}


def test_an_acknowledge_that_is_hit_is_missing():
    sender, one, two = nodes()
    outcome = judge(FRAME, [sender], [one, two], CODE.ack, {})
    assert outcome.found[sender] == (CODE.ack, "ack")


def test_a_dominant_hit_in_the_identifier_is_a_lost_arbitration_that_nobody_won():
    sender, one, two = nodes()
    place = CODE.bits.index("1")
    assert place < CODE.arbitration_end
    outcome = judge(FRAME, [sender], [one, two], place, {})
    assert outcome.lost == {sender}
    assert outcome.found[sender][1] == "stuff"


@given(st.from_type(WireFrame), st.data())
def test_whatever_is_hit_nobody_takes_another_frame_from_a_single_wrong_bit(frame, data):
    sender, one, two = nodes()
    place = data.draw(st.integers(0, len(encode(frame).bits) - 1))
    for hits in ((place, {}), (None, {one: [place]}), (None, {sender: [place]})):
        outcome = judge(frame, [sender], [one, two], *hits)
        assert set(outcome.accepted.values()) <= {frame}
        assert outcome.ok == (sender not in outcome.found)
        for node in (one, two):
            assert (node in outcome.accepted) or (node in outcome.found)


def test_a_pattern_that_the_checksum_does_not_see_is_taken_for_good():
    """The difference of two frames is such a pattern: the receiver has the other frame, and nobody objects."""
    sender, one, two = nodes()
    other = next(
        frame
        for value in range(1, 200)
        if len(encode(frame := FRAME._replace(data=bytes([value, *range(1, 8)]))).bits) == len(CODE.bits)
    )
    places = [at for at, (a, b) in enumerate(zip(CODE.bits, encode(other).bits, strict=True)) if a != b]
    outcome = judge(FRAME, [sender], [one, two], None, {one: places})
    assert outcome.ok
    assert outcome.accepted == {one: other, two: FRAME}


@pytest.mark.parametrize("hits", [(None, {}), (60, {})])
def test_nobody_there_is_no_acknowledge(hits):
    sender, *_ = nodes()
    outcome = judge(FRAME, [sender], [], *hits)
    assert not outcome.ok
    assert outcome.accepted == {}
