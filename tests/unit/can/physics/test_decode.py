import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g_bench.can.physics.decode import decode
from v2g_bench.can.physics.encode import encode
from v2g_bench.can.physics.frame import WireFrame

IDLE = "1" * 800  # what a receiver of a damaged length reads on in


def flipped(bits, at):
    return bits[:at] + ("1" if bits[at] == "0" else "0") + bits[at + 1 :]


@given(st.from_type(WireFrame))
def test_what_was_encoded_is_decoded(frame):
    encoded = encode(frame)
    seen = decode(encoded.bits)
    assert (seen.frame, seen.error, seen.ack) == (frame, "", encoded.ack)
    assert seen.at == len(encoded.bits) - 1


@given(st.from_type(WireFrame), st.data())
def test_one_wrong_bit_never_gives_another_frame(frame, data):
    """Every single flip is found, or changes nothing: ACK slot, last bit of EOF, and a reserved bit are free."""
    encoded = encode(frame)
    at = data.draw(st.integers(0, len(encoded.bits) - 1))
    seen = decode(flipped(encoded.bits, at) + IDLE)
    if at in (encoded.ack, len(encoded.bits) - 1):
        assert seen.frame == frame
    else:
        assert seen.frame is None
        assert seen.at >= at
        assert seen.error in ("stuff", "form", "crc")


@pytest.mark.parametrize(
    ("at", "error"),
    [("delimiter", "form"), ("ack delimiter", "form"), ("first of EOF", "form"), ("last but one of EOF", "form")],
)
def test_a_dominant_bit_where_all_are_recessive_is_a_form_error_at_that_bit(at, error):
    encoded = encode(WireFrame(0x123, bytes(range(8))))
    place = {
        "delimiter": encoded.delimiter,
        "ack delimiter": encoded.ack + 1,
        "first of EOF": encoded.ack + 2,
        "last but one of EOF": len(encoded.bits) - 2,
    }[at]
    seen = decode(flipped(encoded.bits, place))
    assert (seen.error, seen.at) == (error, place)


def test_a_wrong_checksum_is_told_after_the_ack_delimiter():
    encoded = encode(WireFrame(0x2AA, bytes([0x55] * 8), fd=True, brs=True))
    outcomes = {decode(flipped(encoded.bits, at) + IDLE) for at in range(30, 60)}
    reported = {seen.at for seen in outcomes if seen.error == "crc"}
    assert reported == {encoded.ack + 1}


def test_six_dominant_bits_of_an_error_flag_are_a_stuff_error():
    encoded = encode(WireFrame(0x555, bytes([0xAA] * 8)))
    seen = decode(encoded.bits[:40] + "0" * 6 + "1" * 20)
    assert seen.error == "stuff"
    assert 40 <= seen.at < 46


def test_a_code_above_eight_is_eight_bytes_in_a_classic_frame():
    """ISO 11898-1: codes 9 to 15 are sent by some; the checksum is over the code as it was sent."""
    from v2g_bench.can.physics.crc import CRC15
    from v2g_bench.can.physics.encode import stuffed

    body = WireFrame(0x123, bytes(range(8))).body()
    body = body[:15] + "1111" + body[19:]
    bits, _ = stuffed(f"{body}{CRC15.of(body):015b}", last=True)
    assert decode(bits + "101" + "1" * 7).frame == WireFrame(0x123, bytes(range(8)))


def test_bits_that_end_too_early_are_an_index_error():
    with pytest.raises(IndexError):
        decode(encode(WireFrame(0x123, b"1")).bits[:20])
