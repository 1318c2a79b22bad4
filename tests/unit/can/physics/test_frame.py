import can
import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g_bench.can.physics.frame import WireFrame


@given(st.from_type(WireFrame))
def test_a_frame_comes_back_from_python_can(frame):
    assert WireFrame.of(frame.message()) == frame


@given(st.from_type(WireFrame), st.from_type(WireFrame))
def test_the_priority_orders_as_the_arbitration_bits_do(one, other):
    """Bit by bit on the wire the dominant one wins; the number says the same."""

    def arbitration(frame):
        return frame.header()[1 : 33 if frame.extended else 13] + ("" if frame.extended else "0")

    first, second = arbitration(one), arbitration(other)
    shared = min(len(first), len(second))
    if first[:shared] != second[:shared]:
        assert (one.priority < other.priority) == (first < second)


def test_a_base_frame_wins_against_an_extended_one_with_the_same_beginning():
    assert WireFrame(0x123).priority < WireFrame(0x123 << 18, extended=True).priority
    assert WireFrame(0x123).priority < WireFrame(0x123, remote=True).priority


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (WireFrame(0x800), "does not fit"),
        (WireFrame(1, bytes(9)), "no classic frame has 9 bytes"),
        (WireFrame(1, bytes(9), fd=True), "no FD frame has 9 bytes"),
        (WireFrame(1, b"1", remote=True), "remote frame"),
        (WireFrame(1, b"1", brs=True), "no bit rate switch"),
    ],
)
def test_a_frame_that_cannot_exist_is_refused(frame, message):
    with pytest.raises(ValueError, match=message):
        frame.check()


def test_an_error_frame_is_nothing_to_send():
    with pytest.raises(ValueError, match="made by the bus"):
        WireFrame.of(can.Message(is_error_frame=True))
