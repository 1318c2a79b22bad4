"""The wire that the responder switches in an inverter's place: its own calls to the kernel, and the emulated world's line."""

import contextlib
import fcntl
import json
import os
import socket
import struct
import threading

import pytest

from v2g_bench.qualification import responder_line
from v2g_bench.qualification.responder_line import GPIO_GET, GPIO_REQUEST, GPIO_SET, SERIAL_CLEAR, SERIAL_SET, Line


@pytest.fixture
def calls(monkeypatch):
    """Every ioctl; each takes 20 us on the clock."""
    seen, now = [], [7.0]

    def ioctl(fd, call, values):
        os.fstat(fd)
        seen.append((call, values))
        now[0] += 20e-6
        return values[:-4] + struct.pack("=i", os.open("/dev/null", os.O_RDWR)) if call == GPIO_GET else values

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    monkeypatch.setattr(responder_line.time, "monotonic", lambda: now[0])
    return seen


@contextlib.contextmanager
def line(*words):
    one = Line(*words)
    try:
        yield one
    finally:
        one.close()


def test_a_gpio_pin_is_down_until_it_starts_and_after_it_stops(calls):
    with line("gpio", "/dev/null", 27, False) as mark:
        mark.start()
        before_s, after_s = mark.stop()
    (first, request), *rest = calls
    pin, consumer, flags, lines, _ = GPIO_REQUEST.unpack(request)
    assert (first, pin, consumer.rstrip(b"\0"), flags, lines) == (GPIO_GET, 27, b"v2g-responder", 1 << 3, 1)
    assert rest == [(GPIO_SET, struct.pack("=QQ", up, 1)) for up in (0, 1, 0)]
    assert after_s - before_s == pytest.approx(20e-6)


def test_an_inverted_pin_is_inverted_by_the_kernel(calls):
    with line("gpio", "/dev/null", 3, True):
        assert GPIO_REQUEST.unpack(calls[0][1])[2] == 1 << 3 | 1 << 1


@pytest.mark.parametrize(
    ("inverted", "down", "up"), [(False, SERIAL_CLEAR, SERIAL_SET), (True, SERIAL_SET, SERIAL_CLEAR)]
)
def test_a_serial_ports_line(calls, inverted, down, up):
    with line("serial", "/dev/null", "dtr", inverted) as mark:
        mark.start()
        mark.stop()
    assert calls == [(call, struct.pack("=I", 0x002)) for call in (down, up, down)]


@pytest.fixture
def plant(tmp_path):
    """A world's control socket: the requests that it has heard, and what it answers."""
    received, answers = [], []
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(tmp_path / "plant"))
    server.listen()

    def serve():
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as lines:
            for one in lines:
                received.append(json.loads(one))
                connection.sendall(json.dumps(answers.pop(0)).encode() + b"\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield str(tmp_path / "plant"), received, answers
    server.close()


def test_the_emulated_worlds_line_says_itself_when_it_fell(plant):
    path, received, answers = plant
    answers += [{"ok": 1.0}, {"ok": 2.0}, {"ok": 3.25}]
    with line("emulated", path, "", False) as mark:
        mark.start()
        assert mark.stop() == (3.25, 3.25)
    assert [(one["op"], one["args"]["up"]) for one in received] == [("sync_mark", up) for up in (False, True, False)]


def test_a_world_that_refuses_is_an_error(plant):
    path, _, answers = plant
    answers += [{"error": {"what": "no line"}}]
    with pytest.raises(ConnectionError, match="no line"):
        Line("emulated", path, "", False)
