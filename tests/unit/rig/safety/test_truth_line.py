"""The line to the emulated world: it asks, and takes for a value nothing that is not one."""

import json
import socket

import pytest

from v2g_bench.clock import SimClock
from v2g_bench.rig.safety.truth_line import EVERY_S, LATE_S, RETRY_S, TruthLine

TRUE = {"cell_temperature_max": 25.0, "pack_voltage": 350.0, "pack_current": -9.0, "contactor_state": 2.0}


class World:
    """Its end of the control socket: what was asked, and answers of any kind."""

    def __init__(self, folder):
        self.clock, self.path = SimClock(100.0), folder / "plant"
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(self.path))
        self._server.listen()
        self._server.settimeout(1.0)
        self.client = None

    def takes(self):
        """The next connection, in place of the one before."""
        self.drops()
        self.client, _ = self._server.accept()
        self.client.settimeout(1.0)

    def asked(self):
        """What has been asked, on a new connection where the line has left the old one."""
        while not (message := self.client.recv(1 << 16)):
            self.takes()
        return [json.loads(line) for line in message.splitlines()]

    def says(self, number, **values):
        self.writes(json.dumps({"id": number, "ok": {"time_s": self.clock.now_s()} | TRUE | values}).encode())

    def writes(self, line):
        self.client.sendall(line + b"\n")

    def drops(self):
        if self.client is not None:
            self.client.close()

    def close(self):
        self.drops()
        self._server.close()


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.close()


@pytest.fixture
def line(world):
    line = TruthLine(str(world.path), TRUE)
    yield line
    line.close()


@pytest.fixture
def asked(world, line):
    """The line has asked its first question."""
    assert line.received(world.clock.now_s()) == []
    world.takes()
    assert world.asked() == [{"id": 1, "op": "truth_pack", "args": {}}]
    world.clock.advance(EVERY_S + 0.001)
    return world


def test_it_asks_in_its_rhythm_and_takes_the_answer(asked, line):
    asked.says(1, time_s=asked.clock.now_s())
    assert line.received(asked.clock.now_s()) == [TRUE]
    assert [one["id"] for one in asked.asked()] == [2]
    asked.says(2, time_s=asked.clock.now_s() + 0.01)
    assert line.received(asked.clock.now_s() + 0.01) == [TRUE]
    asked.client.settimeout(0.0)
    with pytest.raises(BlockingIOError):  # it is not time yet
        asked.asked()


def test_roles_that_do_not_count_on_this_rig_are_left_out(world):
    line = TruthLine(str(world.path), ["cell_temperature_max"])
    line.received(world.clock.now_s())
    world.takes()
    world.says(1)
    assert line.received(world.clock.now_s()) == [{"cell_temperature_max": 25.0}]
    line.close()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"null",
        b"[]",
        b'{"id": 1}',
        b'{"id": 1, "ok": 25.0}',
        b'{"id": 1, "ok": null}',
        b'{"id": 1, "error": {"where": "control", "what": "no such operation", "mend": ""}}',
        b'{"id": 1, "ok": {"cell_temperature_max": 25.0}}',
        b'{"id": 1, "ok": {"time_s": NaN, "cell_temperature_max": 25.0}}',
        b'{"id": 1, "ok": {"time_s": "100", "cell_temperature_max": 25.0}}',
        b'{"id": 1, "ok": {"time_s": 1e400, "cell_temperature_max": 25.0}}',
        b'{"id": 1, "ok": {"time_s": 1' + b"0" * 400 + b"}}",
        b'{"id": 1, "ok": {"time_s": 100.051, "contactor_state": 1' + b"0" * 400 + b"}}",
        b'{"id": 2, "ok": {"time_s": 100.051, "cell_temperature_max": 25.0}}',
        b'{"id": 1, "ok": {"time_s": 99.0, "cell_temperature_max": 25.0}}',
        b'{"id": 1, "ok": {"time_s": 9999.0, "cell_temperature_max": 25.0}}',
        b'{"id": 1, "ok": {"time_s": 100.051, "cell_temperature_max": NaN}}',
        b'{"id": 1, "ok": {"time_s": 100.051, "cell_temperature_max": null}}',
        b'{"id": 1, "ok": {"time_s": 100.051, "cell_temperature_max": "25"}}',
        b'{"id": 1, "ok": {"time_s": 100.051, "cell_temperature_max": true}}',
        b'{"id": 1, "ok": {"time_s": 100.051, "cell_temperature_max": [25.0]}}',
        b'{"id": 1, "ok": {"time_s": 100.051, "cell_temperature_max": 1e9}}',
        b'{"id": 1, "ok": {"time_s": 100.051}}',
    ],
    ids=lambda message: repr(message[:60]),
)
def test_what_cannot_be_read_is_no_value_and_the_next_answer_is_one(asked, line, message):
    asked.writes(message)
    values = []
    for _ in range(3):  # a long line comes in parts
        values += line.received(asked.clock.now_s())
    assert values == []
    asked.clock.advance(EVERY_S)
    line.received(asked.clock.now_s())
    asked.says(asked.asked()[-1]["id"])
    assert line.received(asked.clock.now_s()) == [TRUE]


def test_a_world_whose_time_stands_still_says_nothing_new(asked, line):
    stood_s = asked.clock.now_s()
    asked.says(1, time_s=stood_s)
    assert line.received(asked.clock.now_s()) == [TRUE]
    for number in range(2, 6):
        asked.clock.advance(EVERY_S)
        asked.says(number, time_s=stood_s)
        assert line.received(asked.clock.now_s()) == []


def test_an_answer_that_comes_late_is_old(asked, line):
    then_s = asked.clock.now_s()
    asked.clock.advance(LATE_S + 0.01)
    asked.says(1, time_s=then_s)
    assert line.received(asked.clock.now_s()) == []


def test_a_world_that_does_not_answer_is_asked_anew_on_a_new_connection(asked, line):
    asked.clock.advance(RETRY_S)
    line.received(asked.clock.now_s())
    asked.clock.advance(EVERY_S)
    line.received(asked.clock.now_s())
    asked.takes()
    asked.says(asked.asked()[-1]["id"])
    assert line.received(asked.clock.now_s()) == [TRUE]


def test_a_line_without_end_is_not_kept(asked, line):
    asked.client.settimeout(0.0)
    for _ in range(64):
        try:
            asked.client.send(b"x" * (1 << 16))
        except (BlockingIOError, OSError):
            break
        line.received(asked.clock.now_s())
    assert len(line._pending) <= 1 << 17
    assert line.received(asked.clock.now_s()) == []


def test_a_world_that_is_not_there_or_has_gone_is_no_error(asked, line):
    asked.close()
    asked.path.unlink()
    for _ in range(40):
        asked.clock.advance(EVERY_S)
        assert line.received(asked.clock.now_s()) == []
    assert line.fileno() == -1
