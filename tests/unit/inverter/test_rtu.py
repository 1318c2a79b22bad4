"""The serial link on a pty, against replies that a test writes; the CRC is checked by pymodbus."""

import os
import struct
import threading
import tty

import pytest
from pymodbus.framer import FramerRTU

from v2g_bench.errors import BenchError
from v2g_bench.inverter import rtu
from v2g_bench.inverter.codes import ModbusException
from v2g_bench.inverter.rtu import ModbusRtuLink

TIMEOUT_S = 1.0  # where a test waits it out
PATIENT_S = 20.0  # where an answer comes, on a machine that is busy with other things


def framed(body: bytes) -> bytes:
    return body + struct.pack(">H", FramerRTU.compute_CRC(body))


class Slave:
    """The other end of the line: answers each request with the next of `replies` (bytes, or pieces with pauses)."""

    def __init__(self):
        self.fd, other = os.openpty()
        tty.setraw(other)
        self.device = os.ttyname(other)
        self._other = other
        self.replies, self.requests = [], []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                request = os.read(self.fd, 256)
            except OSError:
                return
            if request == b"end":
                return
            self.requests.append(request)
            reply = self.replies.pop(0) if self.replies else b""
            for piece in [reply] if isinstance(reply, bytes) else reply:
                if isinstance(piece, float):
                    threading.Event().wait(piece)
                else:
                    os.write(self.fd, piece)

    def close(self):
        os.write(self._other, b"end")
        self._thread.join(5)
        os.close(self.fd)
        os.close(self._other)


@pytest.fixture
def slave():
    slave = Slave()
    yield slave
    slave.close()


@pytest.fixture
def link(slave):
    link = ModbusRtuLink(slave.device, 7, PATIENT_S, baudrate=115200)
    yield link
    link.close()


@pytest.mark.parametrize("data", [b"", b"\x01", bytes(range(256)), bytes.fromhex("01039c400002")])
def test_the_crc_is_that_of_another_implementation(data):
    assert rtu.crc(data) == struct.pack(">H", FramerRTU.compute_CRC(data))


def test_reads_and_writes(slave, link):
    slave.replies = [
        framed(b"\x07\x03\x04\x00\x01\xff\xfe"),
        framed(b"\x07\x04\x02\x00\x09"),
        framed(b"\x07\x10\x00\x64\x00\x02"),
        framed(b"\x07\x06\x00\x64\x00\x05"),
    ]
    assert link.read(100, 2) == [1, 0xFFFE]
    assert link.read(100, 1, 4) == [9]
    link.write(100, [1, 2])
    link.write(100, [5], 6)
    assert slave.requests == [
        framed(b"\x07\x03\x00\x64\x00\x02"),
        framed(b"\x07\x04\x00\x64\x00\x01"),
        framed(b"\x07\x10\x00\x64\x00\x02\x04\x00\x01\x00\x02"),
        framed(b"\x07\x06\x00\x64\x00\x05"),
    ]


def test_a_reply_in_pieces_is_one_reply(slave, link):
    reply = framed(b"\x07\x03\x04\x00\x01\xff\xfe")
    slave.replies = [[reply[:1], 0.02, reply[1:4], 0.02, reply[4:]]]
    assert link.read(100, 2) == [1, 0xFFFE]


def test_a_refusal(slave, link):
    slave.replies = [framed(b"\x07\x83\x02")]
    with pytest.raises(ModbusException) as refusal:
        link.read(100, 1)
    assert refusal.value.code == 2


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (b"", r"no answer within 1 s\n  are device, unit id, baudrate"),
        (framed(b"\x07\x03\x02\x00\x01")[:4], r"no whole frame within 1 s: 07 03 02 00"),
        (b"\x07\x03\x02\x00\x01\x00\x00", "CRC is wrong"),
        (framed(b"\x08\x03\x02\x00\x01"), "comes from unit 8, not 7"),
        (framed(b"\x07\x04\x02\x00\x01"), "to function 4, not 3"),
        (framed(b"\x07\x03\x04\x00\x01\x00\x02"), "the reply has 2 registers"),
        (b"\xde\xad\xbe\xef" * 8, r"CRC is wrong|no whole frame"),
        (b"\x07\x55garbage", "no whole frame"),
    ],
    ids=["silence", "half", "crc", "unit", "function", "registers", "garbage", "no function"],
)
def test_what_is_no_proper_reply_is_said_and_the_next_request_is_clean(slave, link, reply, message):
    slave.replies = [reply, framed(b"\x07\x03\x02\x00\x2a")]
    link._timeout_s = TIMEOUT_S
    with pytest.raises(BenchError, match=message) as error:
        link.read(100, 1)
    link._timeout_s = PATIENT_S
    assert error.value.where == f"inverter {slave.device} unit 7"
    assert link.read(100, 1) == [42]


def test_a_write_that_confirms_something_else(slave, link):
    slave.replies = [framed(b"\x07\x10\x00\x64\x00\x01"), framed(b"\x07\x06\x00\x64\x00\x06")]
    for values, function in (([1, 2], 16), ([5], 6)):
        with pytest.raises(BenchError, match="confirms something else"):
            link.write(100, values, function)


def test_a_late_reply_is_not_taken_for_the_next_one(slave, link):
    slave.replies = [[TIMEOUT_S + 0.5, framed(b"\x07\x03\x02\x00\x01")], framed(b"\x07\x03\x02\x00\x02")]
    link._timeout_s = TIMEOUT_S
    with pytest.raises(BenchError, match="no answer"):
        link.read(100, 1)
    link._timeout_s = PATIENT_S
    until = threading.Event()
    while not (link._port.in_waiting or until.wait(0.01)):
        pass
    assert link.read(100, 1) == [2]


def test_a_line_that_is_never_silent(slave, link):
    slave.replies = [b"", b""]
    link._timeout_s = TIMEOUT_S
    with pytest.raises(BenchError, match="no answer"):
        link.read(100, 1)
    stop = threading.Event()

    def babble():
        while not stop.wait(0.002):
            os.write(slave.fd, b"\x55")

    babbler = threading.Thread(target=babble)
    babbler.start()
    try:
        with pytest.raises(BenchError, match="never silent"):
            link.read(100, 1)
    finally:
        stop.set()
        babbler.join(5)


def test_no_such_line():
    with pytest.raises(BenchError, match=r"cannot be opened.*\n.*plugged in"):
        ModbusRtuLink("/dev/ttyNOTHING", 1, TIMEOUT_S).read(0, 1)
