import re

from hypothesis import given
from hypothesis import strategies as st

from v2g_bench.can.physics.encode import encode, stuff_count, stuffed
from v2g_bench.can.physics.frame import WireFrame


def test_a_frame_bit_by_bit():
    """Identifier 0x14, one byte 0x01: the fields in their order, then delimiter, ACK slot, its delimiter and EOF."""
    encoded = encode(WireFrame(0x14, b"\x01"), acknowledged=True)
    plain = "0" + "00000010100" + "0" + "0" + "0" + "0001" + "00000001"
    crc = encoded.bits[: encoded.delimiter]
    assert _without_stuff(crc)[: len(plain)] == plain
    assert encoded.bits[encoded.delimiter :] == "1" + "0" + "1" + "1111111"


def _without_stuff(bits):
    out, run, last, skip = "", 0, "", False
    for bit in bits:
        if skip:
            assert bit != last
            run, last, skip = 1, bit, False
            continue
        run = run + 1 if bit == last else 1
        last = bit
        out += bit
        skip = run == 5
    return out


@given(st.text("01", max_size=300))
def test_stuffing_leaves_no_six_equal_bits_and_is_taken_out_again(bits):
    out, places = stuffed(bits, last=True)
    assert not re.search("0{6}|1{6}", out)
    assert _without_stuff(out) == bits
    assert len(out) == len(bits) + len(places)


@given(st.from_type(WireFrame))
def test_no_frame_has_six_equal_bits_before_its_delimiter(frame):
    encoded = encode(frame)
    assert not re.search("0{6}|1{6}", encoded.bits[: encoded.delimiter])
    if frame.brs:
        assert encoded.bits[encoded.brs] == "1"
    assert encoded.bits[encoded.ack] == "0"
    assert encode(frame, acknowledged=False).bits[encoded.ack] == "1"


def test_the_stuff_count_is_gray_code_with_even_parity():
    """ISO 11898-1:2015, table of the stuff bit count."""
    published = ["0000", "0011", "0110", "0101", "1100", "1111", "1010", "1001"]
    assert [stuff_count(count) for count in range(8)] == published
    assert stuff_count(11) == stuff_count(3)


def test_five_equal_bits_at_the_end_of_the_data_are_followed_by_the_fixed_stuff_bit_alone():
    encoded = encode(WireFrame(0x555, b"\xf8\x0f\xff\x1f", fd=True))
    body = encoded.bits[: encoded.delimiter - 27]
    assert body.endswith("11111")
    assert encoded.bits[len(body)] == "0"
