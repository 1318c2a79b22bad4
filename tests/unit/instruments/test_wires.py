import socket
import struct
import threading
import time
from types import SimpleNamespace

import pytest
from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError

from v2g_bench.clock import RealClock, SimClock
from v2g_bench.instruments.answers import AnswerError, Block, Line
from v2g_bench.instruments.port import Port
from v2g_bench.instruments.wires import HislipWire, StreamWire, VisaWire, within

DATA, DATA_END, INTERRUPTED = 6, 7, 13
ASKED = 0xFFFF_FF00
LONG_S = 60.0  # never waited for


@pytest.fixture
def pair():
    """(port, the instrument's end of its connection)."""
    near, far = socket.socketpair()
    port = Port(near, RealClock())
    port.deadline_s = later()
    with far:
        yield port, far
    port.close()


def later(by_s=LONG_S):
    return RealClock().now_s() + by_s


def message(kind, payload=b"", number=ASKED):
    return struct.pack("!2sBBIQ", b"HS", kind, 0, number, len(payload)) + payload


@pytest.fixture
def hislip(pair):
    """(wire, the instrument's end of its synchronous connection)."""
    port, far = pair
    return HislipWire(SimpleNamespace(last_message_id=ASKED, _rmt=0), port, port), far


class TestStream:
    def test_an_answer_in_pieces(self, pair):
        port, far = pair
        wire = StreamWire(port)
        wire.write(b"READ?\n", later())
        assert far.recv(100) == b"READ?\n"
        far.sendall(b"1.")
        threading.Timer(0.01, far.sendall, [b"5\n"]).start()
        line = Line()
        wire.read(line, later())
        assert line.text == "1.5"
        assert wire.surplus() == wire.left_over(later()) == ""

    @pytest.mark.parametrize("stray", [b"-99.0\n", b"\n", b"x", b"\0"])
    def test_any_byte_is_seen_before_a_question_and_behind_an_answer(self, pair, stray):
        port, far = pair
        for look in (lambda wire: wire.left_over(later()), lambda wire: wire.surplus()):
            far.sendall(stray)
            assert look(StreamWire(port)) == repr(stray)

    def test_a_peer_that_left_is_an_error_before_a_question_and_none_behind_an_answer(self, pair):
        port, far = pair
        far.close()
        assert StreamWire(port).surplus() == ""
        with pytest.raises(ConnectionResetError):
            StreamWire(port).left_over(later())

    def test_a_block_is_read_to_its_line_end_and_no_further(self, pair):
        port, far = pair
        wire, block = StreamWire(port), Block(8)
        far.sendall(b"#18ab\ncd\nef\n+1\n")
        wire.read(block, later())
        assert block.data == b"ab\ncd\nef"
        assert wire.surplus() == repr(b"+1\n")


class TestHislip:
    def test_an_answer_in_parts_is_told_to_be_read(self, hislip):
        wire, far = hislip
        far.sendall(message(DATA, b"1.") + message(DATA) + message(DATA_END, b"5\n"))
        line = Line()
        wire.read(line, later())
        assert line.text == "1.5"
        assert wire._instrument._rmt == 1
        assert wire.left_over(later()) == ""

    def test_a_message_without_an_id_is_an_answer(self, hislip):
        wire, far = hislip
        far.sendall(message(DATA_END, b"#0abc", 0xFFFF_FFFF))
        block = Block(8)
        wire.read(block, later())
        assert block.data == b"abc"

    @pytest.mark.parametrize(
        ("sent", "words"),
        [
            (
                message(DATA_END, b"1\n", ASKED - 2),
                "out of step: the answer is to message 0xfffffefe, not to 0xffffff00",
            ),
            (message(INTERRUPTED), "Interrupted comes instead"),
            (message(DATA_END, b"1\n2\n"), "more than one answer"),
            (message(DATA_END, b"A" * 67), "67 bytes come, where at most 66 are due"),
            (message(DATA, b"A" * 60) + message(DATA, b"A" * 60), "60 bytes come, where at most 6 are due"),
            (struct.pack("!2sBBIQ", b"HS", DATA, 0, ASKED, 1 << 62), "where at most 66 are due"),
        ],
    )
    def test_what_is_no_answer_to_the_question(self, hislip, sent, words):
        wire, far = hislip
        far.sendall(sent)
        with pytest.raises(AnswerError, match=words):
            wire.read(Line(64), later())

    def test_a_second_message_is_seen_behind_the_answer(self, hislip):
        wire, far = hislip
        far.sendall(message(DATA_END, b"1\n") + message(DATA_END, b"2\n"))
        wire.read(Line(), later())
        assert "HS" in wire.surplus()

    def test_messages_without_data_do_not_hold_up_for_ever(self, hislip):
        wire, far = hislip
        far.sendall(message(DATA) * 100)
        with pytest.raises(TimeoutError):
            wire.read(Line(), later(0.05))


class Visa:
    """A PyVISA resource of a library whose insides are unknown: an instrument that says `message`, in messages."""

    session = 7

    def __init__(self, *message, stb=0):
        self.message, self.stb, self.sizes = list(message), stb, []
        self.timeout, self.closed = None, threading.Event()
        self.visalib = self
        self.attributes = {}

    def ignore_warning(self, *_):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def set_visa_attribute(self, name, value):
        self.attributes[name.name] = value

    def read(self, session, count):
        assert session == self.session
        self.sizes.append(count)
        if not self.message:
            raise VisaIOError(StatusCode.error_timeout)
        data = self.message.pop(0)
        if data[count:]:
            self.message.insert(0, data[count:])
            return data[:count], StatusCode.success_max_count_read
        return data, StatusCode.success

    def write_raw(self, data):
        self.closed.wait(LONG_S)

    def read_stb(self):
        if isinstance(self.stb, Exception):
            raise self.stb
        return self.stb

    def clear(self):
        self.message.clear()

    def close(self):
        self.closed.set()


def wire_to(visa, by_stream=False):
    return VisaWire(visa, RealClock(), by_stream)


class TestVisa:
    def test_a_message_is_an_answer(self):
        line = Line()
        wire_to(Visa(b"1.5\n")).read(line, later())
        assert line.text == "1.5"

    def test_a_message_without_end_is_refused_at_its_bound(self):
        visa = Visa(*[b"A" * 1000] * 100)
        with pytest.raises(AnswerError, match="longer than 64"):
            wire_to(visa).read(Line(64), later())
        assert visa.sizes == [67]

    def test_a_stream_is_asked_for_no_byte_more_than_is_due(self):
        visa, block = Visa(b"#14a", b"b\nc", b"\n"), Block(4)
        wire_to(visa, by_stream=True).read(block, later())
        assert block.data == b"ab\nc"
        assert visa.sizes == [2, 1, 4, 3, 1]
        assert visa.attributes == {"termchar_enabled": False}

    def test_the_status_byte_tells_of_an_answer_that_nothing_asked_for(self):
        assert "MAV" in wire_to(Visa(stb=16 + 4)).left_over(later())
        assert wire_to(Visa(stb=4 + 64)).left_over(later()) == ""

    @pytest.mark.parametrize("missing", [NotImplementedError(), VisaIOError(StatusCode.error_nonsupported_operation)])
    def test_a_transport_without_a_status_byte_is_asked_once(self, missing):
        visa = Visa(stb=missing)
        wire = wire_to(visa)
        assert wire.left_over(later()) == ""
        visa.stb = AssertionError("asked again")
        assert wire.left_over(later()) == ""

    def test_another_failure_of_the_status_byte_is_one(self):
        with pytest.raises(VisaIOError):
            wire_to(Visa(stb=VisaIOError(StatusCode.error_connection_lost))).left_over(later())

    def test_what_stands_on_a_stream_is_read_without_waiting(self):
        visa = Visa(b"-99.0\n")
        wire = wire_to(visa, by_stream=True)
        assert wire.left_over(later()) == repr(b"-99.0\n")
        assert visa.timeout == 0
        assert wire.left_over(later()) == ""

    def test_a_library_that_does_not_come_back_is_left_and_its_resource_closed(self):
        visa, begin_s = Visa(), time.monotonic()
        with pytest.raises(TimeoutError, match="does not come back"):
            wire_to(visa).write(b"*CLS\n", later(0.05))
        assert visa.closed.is_set()
        assert 0.05 <= time.monotonic() - begin_s < LONG_S

    def test_the_time_is_over_before_it_begins(self):
        with pytest.raises(TimeoutError):
            VisaWire(Visa(b"1\n"), SimClock(5.0), by_stream=False).read(Line(), 5.0)

    def test_only_a_stream_has_no_device_clear(self):
        visa = Visa(b"late\n")
        assert wire_to(visa).clear(later())
        assert visa.message == []
        assert not wire_to(Visa(), by_stream=True).clear(later())


def test_what_the_work_returns_or_raises():
    assert within(LONG_S, lambda: 5) == 5
    with pytest.raises(TimeoutError, match="of its own"):
        within(LONG_S, lambda: (_ for _ in ()).throw(TimeoutError("of its own")))


def test_a_result_that_is_too_late_is_given_to_who_cleans_up():
    go, came = threading.Event(), threading.Event()
    late = []
    with pytest.raises(TimeoutError, match="does not come back within 0.01 s"):
        within(0.01, lambda: go.wait(LONG_S) and "late", lambda result: (late.append(result), came.set()))
    go.set()
    assert came.wait(LONG_S)
    assert late == ["late"]
