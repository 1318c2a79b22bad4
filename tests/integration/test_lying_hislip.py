"""HiSLIP servers that say what nobody asked for, or too much of it: over real PyVISA, on 127.0.0.1."""

import time

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.instruments.emulated.hislip import HislipServer, Kind, Message
from v2g_bench.instruments.emulated.host import HostThread, InstrumentHost, hislip_resource
from v2g_bench.instruments.emulated.scpi import Instrument, command
from v2g_bench.instruments.session import ScpiSession

SETTLE_S = 0.05  # for what was sent to arrive, on this machine


class Counter(Instrument):
    """Answers 1, 2, 3 …"""

    identity = "V2G,BOX,7,1.0"

    def __init__(self):
        super().__init__()
        self.count = 0

    @command("READ?")
    def _read(self, call):
        self.count += 1
        return float(self.count)


class LyingHislip(HislipServer):
    """Once, with the first answer, `lies(session, message id)` on the synchronous connection."""

    def __init__(self, instrument, clock, lies, before):
        super().__init__(instrument, clock)
        self._lies, self._before = lies, before

    async def _execute(self, program, message_id, session):
        lies, self._lies = (self._lies, None) if program == "READ?" else (None, self._lies)
        if lies and self._before:
            session.sync.write(lies(message_id))
        await super()._execute(program, message_id, session)
        if lies and not self._before:
            session.sync.write(lies(message_id))


@pytest.fixture
def hislip_liar():
    """hislip_liar(lies, before) -> resource."""
    with HostThread() as hosts:

        def make(lies, before):
            host = InstrumentHost(Counter())
            hosts._hosts.append(host)
            server = LyingHislip(host.instrument, host._clock, lies, before)
            return hislip_resource("127.0.0.1", hosts._call(host._start(server, "127.0.0.1", 0)))

        yield make


def reading(session):
    """What a question gave: a number, or what its error said."""
    try:
        return session.query_float("READ?")
    except BenchError as error:
        return str(error)
    finally:
        time.sleep(SETTLE_S)


def proven(session):
    value = session.query_float("READ?")
    session.check_errors("READ?")
    return value


LIES = {
    "the same once more": lambda number: Message(Kind.DATA_END, 0, number, b"-99.0\n"),
    "without an id": lambda number: Message(Kind.DATA_END, 0, 0xFFFF_FFFF, b"-99.0\n"),
    "to the next question": lambda number: Message(Kind.DATA_END, 0, (number + 2) & 0xFFFF_FFFF, b"-99.0\n"),
    "to an old question": lambda number: Message(Kind.DATA_END, 0, number - 2, b"-99.0\n"),
    "interrupted": lambda number: Message(Kind.INTERRUPTED, 0, number),
    "too long": lambda number: Message(Kind.DATA_END, 0, number, b"9" * 100_000),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_an_unasked_message_is_an_error_and_shifts_nothing(hislip_liar, lie):
    """Behind the first answer: that one is right, and the next is an error; or it came with it, and was an error itself."""
    with ScpiSession(hislip_liar(lambda number: lie(number).encode(), before=False), timeout_s=2.0) as session:
        given = [reading(session) for _ in range(5)]
    errors = [each for each in given if isinstance(each, str)]
    assert len(errors) == 1
    assert "out of step" in errors[0]
    numbers = [each for each in given if isinstance(each, float)]
    assert numbers == sorted(numbers)
    assert -99.0 not in numbers
    assert given[2:] in ([2.0, 3.0, 4.0], [3.0, 4.0, 5.0])


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_an_unasked_message_ahead_of_the_answer_is_no_reading(hislip_liar, lie):
    with ScpiSession(hislip_liar(lambda number: lie(number).encode(), before=True), timeout_s=2.0) as session:
        with pytest.raises(BenchError, match=r"127.0.0.1.*(out of step|no answer to 'READ|is due)"):
            proven(session)
        assert [proven(session), proven(session)] == [2.0, 3.0]


def test_a_message_of_any_length_is_refused_at_its_header(hislip_liar):
    huge = Message(Kind.DATA_END, 0, 0).encode()[:8]

    def lies(number):
        return huge[:4] + number.to_bytes(4) + (1 << 40).to_bytes(8) + b"1" * 100_000

    with ScpiSession(hislip_liar(lies, before=True), timeout_s=2.0) as session:
        with pytest.raises(BenchError, match="1099511627776 bytes come, where at most"):
            session.query_float("READ?")
        assert session.query_float("READ?") == 2.0
