"""The frame core: every function, every refusal, and bytes of any kind."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from v2g_bench.inverter.codes import ModbusException
from v2g_bench.inverter.frames import MOST_PDU_BYTES, Adu, FrameReader, ModbusCore, exception_pdu

OBJECTS = {0: "maker", 1: "model", 2: "1.0", 4: "product", 5: "name", 0x80: "private"}


class Registers:
    """Eight registers at 100; 105 is read-only."""

    def __init__(self):
        self.words = list(range(8))
        self.writes = []

    def read(self, address, count, now_s):
        if address < 100 or address + count > 108:
            raise ModbusException(2, "none")
        return self.words[address - 100 : address - 100 + count]

    def write(self, address, values, now_s):
        self.read(address, len(values), now_s)
        if address <= 105 < address + len(values):
            raise ModbusException(2, "read-only")
        self.words[address - 100 : address - 100 + len(values)] = values
        self.writes.append((address, list(values), now_s))


@pytest.fixture
def registers():
    return Registers()


@pytest.fixture
def ask(registers):
    core = ModbusCore(registers, 1, OBJECTS)

    def exchange(pdu_hex, unit=1):
        request = Adu(77, unit, bytes.fromhex(pdu_hex))
        reply = core.answer(request, 5.0)
        assert (reply.transaction_id, reply.unit_id) == (77, unit)
        return reply.pdu.hex(" ")

    return exchange


@pytest.mark.parametrize(
    ("request_hex", "reply_hex"),
    [
        ("03 0064 0002", "03 04 00 00 00 01"),
        ("04 0066 0001", "04 02 00 02"),
        ("06 0064 abcd", "06 00 64 ab cd"),
        ("10 0064 0002 04 1111 2222", "10 00 64 00 02"),
        ("16 0067 0001 0100", "16 00 67 00 01 01 00"),
        ("17 0064 0002 0064 0001 02 5555", "17 04 55 55 00 01"),
    ],
)
def test_functions(ask, request_hex, reply_hex):
    assert ask(request_hex) == reply_hex


def test_writes_come_with_their_time(ask, registers):
    ask("10 0064 0002 04 1111 2222")
    assert registers.writes == [(100, [0x1111, 0x2222], 5.0)]


def test_mask_write_keeps_and_puts_bits(ask, registers):
    registers.words[0] = 0x0012
    ask("16 0064 00f2 0025")
    assert registers.words[0] == 0x0017  # the example of the Modbus specification


@pytest.mark.parametrize(
    ("request_hex", "reply_hex"),
    [
        ("01 0000 0001", "81 01"),
        ("63", "e3 01"),
        ("83 0000 0001", "83 01"),
        ("2b 0d 01 00", "ab 01"),
        ("03 0000 0001", "83 02"),
        ("03 0064 0000", "83 03"),
        ("03 0064 007e", "83 03"),
        ("03 ffff 0002", "83 02"),
        ("03 0064", "83 03"),
        ("03", "83 03"),
        ("06 0069 0001", "86 02"),
        ("06 0064 00", "86 03"),
        ("10 0064 0002 04 1111", "90 03"),
        ("10 0064 0002 02 1111", "90 03"),
        ("10 0064 0000 00", "90 03"),
        ("10 0064 007c f8" + " 0000" * 124, "90 03"),
        ("10 0069 0001 02 0001", "90 02"),
        ("16 0001 0000 0000", "96 02"),
        ("17 0001 0001 0064 0001 02 5555", "97 02"),
        ("17 0064 0001 0069 0001 02 5555", "97 02"),
        ("17 0064 0000 0064 0001 02 5555", "97 03"),
        ("17 0064 0001 0064 0001 04 5555", "97 03"),
        ("2b 0e 05 00", "ab 03"),
        ("2b 0e 04 09", "ab 02"),
        ("2b 0e 01", "ab 03"),
    ],
)
def test_refusals(ask, registers, request_hex, reply_hex):
    assert ask(request_hex) == reply_hex
    assert registers.writes == []


def test_another_unit_is_not_here(ask):
    assert ask("03 0064 0002", unit=2) == "83 0b"


@pytest.mark.parametrize(
    ("category", "first", "objects"),
    [
        (1, 0, [0, 1, 2]),
        (1, 1, [1, 2]),
        (2, 0, [0, 1, 2, 4, 5]),
        (3, 0, [0, 1, 2, 4, 5, 0x80]),
        (3, 9, list(OBJECTS)),
        (4, 1, [1]),
    ],
)
def test_device_identification(ask, category, first, objects):
    reply = bytes.fromhex(ask(f"2b 0e {category:02x} {first:02x}"))
    assert reply[:7] == bytes([43, 14, category, 0x82, 0, 0, len(objects)])
    listed, at = {}, 7
    while at < len(reply):
        listed[reply[at]] = reply[at + 2 : at + 2 + reply[at + 1]].decode()
        at += 2 + reply[at + 1]
    assert listed == {number: OBJECTS[number] for number in objects}


def test_identification_goes_on_where_one_frame_is_too_small(registers):
    core = ModbusCore(registers, 1, {0: "a" * 150, 1: "b" * 150, 2: "c"})
    reply = core.answer(Adu(1, 1, bytes([43, 14, 1, 0])), 0.0).pdu
    assert reply[4:7] == bytes([0xFF, 1, 1])
    reply = core.answer(Adu(1, 1, bytes([43, 14, 1, 1])), 0.0).pdu
    assert reply[4:7] == bytes([0, 0, 2])


@given(st.lists(st.binary(min_size=1, max_size=MOST_PDU_BYTES), max_size=6), st.integers(1, 40))
def test_frames_survive_any_segmentation(pdus, size):
    frames = [Adu(number, 1, pdu) for number, pdu in enumerate(pdus)]
    stream = b"".join(frame.to_bytes() for frame in frames)
    reader, received = FrameReader(), []
    for start in range(0, len(stream), size):
        received += reader.feed(stream[start : start + size])
    assert received == frames
    assert not reader.broken


@pytest.mark.parametrize(
    ("header", "why"),
    [("0001 0001 0006", "protocol id 1"), ("0001 0000 0001", "length 1"), ("0001 0000 00ff", "length 255")],
)
def test_a_stream_that_is_not_modbus_is_broken_for_good(header, why):
    good = Adu(1, 1, b"\x03\x00\x64\x00\x01")
    reader = FrameReader()
    assert reader.feed(good.to_bytes() + bytes.fromhex(header)) == [good]
    assert why in reader.broken
    assert reader.feed(good.to_bytes()) == []


mostly_modbus = st.builds(
    lambda tid, unit, pdu: Adu(tid, unit, pdu).to_bytes(),
    st.integers(0, 0xFFFF),
    st.sampled_from([0, 1, 1, 1, 255]),
    st.one_of(
        st.binary(min_size=1, max_size=MOST_PDU_BYTES),
        st.builds(
            lambda function, address, rest: struct.pack(">BH", function, address) + rest,
            st.sampled_from([3, 4, 6, 16, 22, 23, 43]),
            st.integers(98, 110),
            st.binary(max_size=20),
        ),
    ),
)


@settings(max_examples=100)
@given(st.lists(st.one_of(mostly_modbus, st.binary(max_size=40)), max_size=8))
def test_any_bytes_are_answered_validly_or_end_the_connection(chunks):
    reader, core = FrameReader(), ModbusCore(Registers(), 1, OBJECTS)
    for chunk in chunks:
        for request in reader.feed(chunk):
            reply = core.answer(request, 0.0)
            assert (reply.transaction_id, reply.unit_id) == (request.transaction_id, request.unit_id)
            assert reply.pdu[0] & 0x7F == request.pdu[0] & 0x7F
            assert 2 <= len(reply.pdu) <= MOST_PDU_BYTES
            (again,) = FrameReader().feed(reply.to_bytes())
            assert again == reply
    assert reader.broken or len(reader._pending) < 6 + MOST_PDU_BYTES + 1


def test_an_exception_is_the_function_with_its_high_bit():
    assert exception_pdu(3, 2) == b"\x83\x02"


@pytest.mark.parametrize("number", [0, 1, 0xFFFF])
def test_each_transaction_id_comes_back(registers, number):
    request = Adu(number, 1, bytes.fromhex("0300640002"))
    (heard,) = FrameReader().feed(request.to_bytes())
    assert heard == request
    assert ModbusCore(registers, 1, OBJECTS).answer(heard, 0.0).transaction_id == number
