"""Instruments that say too much, too little, too slowly or unasked: over real PyVISA, on 127.0.0.1."""

import contextlib
import resource
import socket
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.instruments.emulated.host import socket_resource
from v2g_bench.instruments.session import ScpiSession

TIMEOUT_S = 0.1
SLACK_S = 10.0  # of a machine that is busy with other things
SETTLE_S = 0.05  # for what was sent to arrive, on this machine
MOST_MEMORY_MB = 100  # what an answer without end may add: nothing, but Python's own


class Liar:
    """A raw TCP server; `say(question, connection)` answers each line that comes, on a thread per connection."""

    def __init__(self, say):
        self._log_line = say
        self._server = socket.create_server(("127.0.0.1", 0))
        self._threads, self._connections = [], []
        self.resource = socket_resource(*self._server.getsockname())
        self._start(self._accept)

    def close(self):
        for connection in (self._server, *self._connections):
            with connection:
                with contextlib.suppress(OSError):  # its peer has left
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(SLACK_S)
        assert not any(thread.is_alive() for thread in self._threads)

    def _start(self, work, *args):
        self._threads.append(threading.Thread(target=work, args=args))
        self._threads[-1].start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections.append(connection)
            self._start(self._serve, connection)

    def _serve(self, connection):
        try:
            for line in connection.makefile("rb"):
                self._log_line(line.decode().strip(), connection.sendall)
        except OSError:  # the bench has left: it is what is wanted of it
            pass


@pytest.fixture
def liar():
    """liar(say) -> resource."""
    liars = []

    def make(say):
        liars.append(Liar(say))
        return liars[-1].resource

    yield make
    for each in liars:
        each.close()


@pytest.fixture(params=["@py", "@elsewhere"])
def backend(request, monkeypatch):
    """pyvisa-py, and the same under a name that this project does not know: its insides are not used."""
    from pyvisa_py import highlevel

    class ElsewhereLibrary(highlevel.PyVisaLibrary):
        pass

    monkeypatch.setitem(sys.modules, "pyvisa_elsewhere", SimpleNamespace(WRAPPER_CLASS=ElsewhereLibrary))
    return request.param


def readings(session, count=5):
    """What each question gave: a number, or what its error said."""
    given = []
    for _ in range(count):
        try:
            given.append(session.query_float("READ?"))
        except BenchError as error:
            given.append(str(error))
        time.sleep(SETTLE_S)
    return given


def counting(unasked):
    """Answers 1, 2, 3 …; `unasked(number, say)` is asked before each answer and says whether that still has to be said."""
    count = iter(range(1, 1000))

    def say(question, out):
        if question == "READ?":
            number = next(count)
            if unasked(number, out):
                out(b"%d.0\n" % number)
        else:
            out(b'+0,"No error"\n')

    return say


def after_the_first(number, out):
    if number == 1:
        out(b"1.0\n")
        threading.Timer(SETTLE_S / 5, out, [b"-99.0\n"]).start()  # on its own: somebody pressed a key
    return number != 1


def test_an_unasked_line_is_an_error_that_shows_it_and_shifts_nothing(liar, backend):
    with ScpiSession(liar(counting(after_the_first)), backend=backend, where="meters.ac", timeout_s=2.0) as session:
        first, error, *later = readings(session)
    assert (first, later) == (1.0, [2.0, 3.0, 4.0])
    assert r"out of step: b'-99.0\n' is on the wire before 'READ?'" in error
    assert error.startswith("meters.ac: TCPIP::127.0.0.1::")


def before_the_second(number, out):
    if number == 2:
        out(b"-99.0\n")
        time.sleep(SETTLE_S)
    return True


def test_an_unasked_line_ahead_of_its_answer_does_not_pass_the_question_behind_the_reading(liar, backend):
    def proven(session):
        value = session.query_float("READ?")
        session.check_errors("READ?")
        return value

    with ScpiSession(liar(counting(before_the_second)), backend=backend, timeout_s=2.0) as session:
        assert proven(session) == 1.0
        with pytest.raises(BenchError, match=r"out of step|where an error number is due"):
            proven(session)
        assert [proven(session), proven(session)] == [3.0, 4.0]


def test_a_late_answer_belongs_to_nothing(liar, backend):
    def late(number, out):
        time.sleep(0.3 if number == 2 else 0.0)
        return True

    with ScpiSession(liar(counting(late)), backend=backend, timeout_s=2.0) as session:
        assert session.query_float("READ?") == 1.0
        with pytest.raises(BenchError, match=r"no answer to 'READ\?' within 0.1 s"):
            session.query_float("READ?", timeout_s=0.1)
        assert readings(session, 3) == [3.0, 4.0, 5.0]


def for_ever(chunk, pause_s=0.0):
    """Says the chunk until the bench has left."""

    def say(question, out):
        while True:
            out(chunk)
            time.sleep(pause_s)

    return say


def once(answer):
    return lambda question, out: out(answer)


def block_that_drips(question, out):
    out(b"#6800000")
    for_ever(b"x", 0.02)(question, out)


ASK = {
    "query": lambda session: session.query("READ?"),
    "float": lambda session: session.query_float("READ?"),
    "floats": lambda session: session.query_floats("READ?", 1000),
    "block": lambda session: session.query_block("READ?", count=100_000),
    "block of any size": lambda session: session.query_block("READ?"),
    "errors": lambda session: session.check_errors(),
    "identity": lambda session: session.identify("."),
}


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
@pytest.mark.parametrize(
    "say",
    [
        for_ever(b"A" * 65536),
        for_ever(b"1", 0.02),
        for_ever(b"1,", 0.02),
        for_ever(b"#0" + b"x" * 65536),
        block_that_drips,
        once(b"#9999999999x"),
        once(b"#15ab"),
        once(b"#A"),
        once(b"#0abc"),
        once(b"#"),
    ],
    ids=["endless", "drips", "drips numbers", "endless #0", "dripping block", "1 GB", "short", "#A", "#0", "#"],
)
def test_an_answer_without_end_is_an_error_in_its_time_and_its_size(liar, backend, ask, say):
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with ScpiSession(liar(say), backend=backend) as session:
        session.timeout_s = TIMEOUT_S  # not of its opening
        begin_s = time.monotonic()
        with pytest.raises(BenchError) as caught:
            ask(session)
        assert time.monotonic() - begin_s < TIMEOUT_S + SLACK_S
    assert len(str(caught.value)) < 600
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < MOST_MEMORY_MB * 1024


def test_a_connection_that_takes_nothing_is_an_error_in_its_time(backend):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        with ScpiSession(socket_resource(*deaf.getsockname()), backend=backend) as session:
            session.timeout_s = TIMEOUT_S  # not of its opening
            begin_s = time.monotonic()
            with pytest.raises(BenchError, match="could not send 'DATA"):
                session.write("DATA " + "1" * 20_000_000)
            assert time.monotonic() - begin_s < TIMEOUT_S + SLACK_S
