"""The server of one thread, turned by hand; the time is a number."""

import json
import select
import socket
from contextlib import ExitStack

import pytest

from v2g_bench.sockets.polled import PolledServer
from v2g_bench.sockets.requests import Bounds


class Box:
    def __init__(self, path, answer=None, **bounds):
        self.path, self.answered, self.now_s = path, 0, 0.0
        self._text = answer or (lambda line: line.decode("latin-1"))
        self.server = PolledServer(path, self._answer, Bounds(**bounds))
        self._stack = ExitStack()

    def _answer(self, line):
        self.answered += 1
        return {"line": self._text(line)}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()
        self.server.close()
        assert not self.path.exists()

    def client(self, sent=b""):
        sock = self._stack.enter_context(socket.socket(socket.AF_UNIX))
        sock.connect(str(self.path))
        sock.settimeout(5)
        sock.sendall(sent)
        return sock

    def turn(self, times=1, dt_s=0.0):
        """As the loop of a process does it, without waiting."""
        for _ in range(times):
            self.now_s += dt_s
            readable, writable, _ = select.select(self.server.readers(), self.server.writers(), [], 0)
            self.server.attend(readable, writable, self.now_s)

    @property
    def clients(self):
        return len(self.server.readers()) + len(self.server.writers()) - 1


@pytest.fixture
def make(tmp_path):
    with ExitStack() as stack:
        yield lambda *args, **bounds: stack.enter_context(Box(tmp_path / "s", *args, **bounds))


def test_lines_are_answered_in_order_and_the_last_one_needs_no_end(make):
    box = make()
    client = box.client(b"one\ntwo\nthree")
    client.shutdown(socket.SHUT_WR)
    box.turn(6)
    assert [json.loads(line)["line"] for line in client.makefile("rb")] == ["one", "two", "three"]
    assert box.clients == 0


def test_one_turn_answers_one_request_of_each_client(make):
    box = make()
    for _ in range(2):
        box.client(b"\n" * 1000)
    box.turn(3)  # two are accepted, one a turn
    for _ in range(20):
        before = box.answered
        assert box.server.ready
        box.turn()
        assert box.answered - before == 2


def test_a_client_that_never_reads_holds_nobody_up_and_is_hung_up_on(make):
    box = make(lambda line: "x" * 4_000_000, send_s=2.0)
    deaf = box.client(b"a\nb\n")
    box.turn(3)
    assert (box.answered, box.server.busy, box.server.ready) == (1, True, False)
    other = box.client(b"c\n")
    other.settimeout(0)
    box.turn(3)
    assert box.answered == 2, "the second request of the first waits for its reader"
    assert other.recv(10).startswith(b'{"line"')
    box.turn(dt_s=1.9)
    assert box.clients == 2
    box.turn(dt_s=0.2)
    assert box.clients == 0
    deaf.close()


def test_an_answer_goes_out_piece_by_piece_as_it_is_read(make):
    box = make(lambda line: "x" * 1_000_000)
    client = box.client(b"a\n")
    client.settimeout(0)
    found = b""
    while not found.endswith(b"\n"):
        box.turn()
        try:
            found += client.recv(65536)
        except BlockingIOError:
            continue
    assert json.loads(found) == {"line": "x" * 1_000_000}


@pytest.mark.parametrize(
    ("sent", "bounds", "stays_s"),
    [
        (b"half", {"line_s": 5.0}, 4.9),
        (b"whole\nhalf", {"line_s": 5.0}, 4.9),
        (b"", {"idle_s": 60.0}, 59.0),
        (b"whole\n", {"idle_s": 60.0}, 59.0),
        (b"", {}, 86_400.0),
    ],
)
def test_a_client_has_its_time_and_no_more(make, sent, bounds, stays_s):
    box = make(**bounds)
    box.client(sent)
    box.turn(4)
    box.turn(dt_s=stays_s)
    assert box.clients == 1
    box.turn(dt_s=2.0)
    assert box.clients == (0 if bounds else 1)


def test_bytes_now_and_then_do_not_make_a_line_last_longer(make):
    box = make(line_s=5.0)
    client = box.client(b"x")
    box.turn(2)
    for _ in range(4):
        client.sendall(b"x")
        box.turn(dt_s=1.0)
    assert box.clients == 1
    client.sendall(b"x")
    box.turn(dt_s=1.5)
    assert box.clients == 0


@pytest.mark.parametrize(
    "sent", [b"x" * 200, b"x" * 200 + b"\n", b"whole\n" + b"x" * 200], ids=["half", "whole", "second"]
)
def test_a_line_that_is_too_long_ends_its_connection_only(make, sent):
    box = make(line_bytes=100)
    other = box.client()
    box.turn()
    box.client(sent)
    box.turn(4)
    assert box.clients == 1
    other.sendall(b"hello\n")
    box.turn()
    assert json.loads(other.recv(100)) == {"line": "hello"}


def test_more_clients_than_it_may_have_are_hung_up_on_until_one_has_gone(make):
    box = make(clients=3)
    held = [box.client() for _ in range(5)]
    box.turn(6)
    assert box.clients == 3
    assert held[4].recv(1) == b""
    held[0].close()
    box.turn(2)
    last = box.client(b"hello\n")
    box.turn(2)
    assert json.loads(last.recv(100)) == {"line": "hello"}


def test_a_client_that_goes_before_its_answer_ends_only_itself(make):
    box = make(lambda line: "x" * 4_000_000)
    client = box.client(b"a\nb\n")
    box.turn(2)
    client.close()
    box.turn(3)
    assert box.clients == 0
