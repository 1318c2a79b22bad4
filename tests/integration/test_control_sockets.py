"""The daemon, the plant and the gateway as processes: the same hostile clients at each of their control sockets."""

import contextlib
import json
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from ems_world import World, wait_for

from v2g_bench.can.hub import HubProcess
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.ems.service.control_client import ControlClient, ControlError
from v2g_bench.gateway.host import GatewayProcess
from v2g_bench.plant.host import PlantProcess

DBC = {"dbc": str(dbc_path("v2g_bms_fd")), "roles": read_roles(roles_path("v2g_bms_fd"))}
HUGE = b"1" + b"0" * 400


class Server(NamedTuple):
    """One process with a control socket. ask: a question on a connection of its own, answered or an exception; status: a
    request for it as a line."""

    path: str
    ask: Callable[[], object]
    status: bytes


@contextlib.contextmanager
def daemon(folder: Path) -> Iterator[Server]:
    with World(folder) as world:
        world.start()
        client = ControlClient(str(world.socket))
        yield Server(str(world.socket), lambda: client.ask({"cmd": "status"}), b'{"cmd": "status"}\n')
        assert world.healthy()


@contextlib.contextmanager
def plant(folder: Path) -> Iterator[Server]:
    with HubProcess(folder / "hub") as hub:
        bus = {"interface": "v2g_userland", "channel": hub.path}
        with PlantProcess({**DBC, "bus": bus}, folder / "run") as process:
            yield Server(process.ready["control"], process.client.status, b'{"id": 1, "op": "status", "args": {}}\n')


@contextlib.contextmanager
def gateway(folder: Path) -> Iterator[Server]:
    with HubProcess(folder / "bms") as bms, HubProcess(folder / "ems") as ems:
        rates = {"fd": True, "bitrate": 500_000, "data_bitrate": 2_000_000}
        sides = [{"interface": "v2g_userland", "channel": hub.path, **rates} for hub in (bms, ems)]
        with GatewayProcess({**DBC, "bms": sides[0], "controller": sides[1]}, folder / "run") as process:
            yield Server(process.ready["control"], process.client.status, b'{"id": 1, "op": "status", "args": {}}\n')


@pytest.fixture(scope="module", params=[daemon, plant, gateway], ids=lambda kind: kind.__name__)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with request.param(tmp_path_factory.mktemp("s")) as found:
        yield found


REFUSED = {
    "nothing": b"",
    "not JSON": b"hello",
    "half an object": b'{"cmd": "status"',
    "not UTF-8": b'{"cmd": "\xff\xfe"}',
    "a zero byte": b'{"cmd": "\0"}',
    "half a character": b'{"cmd": "force_limit", "value": "\\ud800", "op": "\\ud800"}',
    "a list": b"[]",
    "null": b"null",
    "not a number": b'{"cmd": "set_power", "power_w": NaN, "op": "seed", "args": {"seed": NaN}}',
    "infinite": b'{"cmd": "set_power", "power_w": 1e999, "op": "clear", "args": {"injection": 1e999}}',
    "400 digits": b'{"cmd": "set_power", "power_w": %s, "op": "clear", "args": {"injection": %s}}' % (HUGE, HUGE),
    "400 digits, below zero": b'{"cmd": "set_power", "power_w": -%s, "op": "seed", "args": {"seed": -%s}}'
    % (HUGE, HUGE),
    "5000 digits": b'{"cmd": ' + b"9" * 5000 + b"}",
    "deep lists": b'{"cmd": ' + b"[" * 60_000,
    "deep lists, closed": b'{"cmd": ' + b"[" * 400 + b"]" * 400 + b"}",
    "deep objects, closed": b'{"op": "inject", "args": {"fault": ' + b'{"a": ' * 400 + b"1" + b"}" * 402,
    "a deep id": b'{"id": ' + b"[" * 400 + b"]" * 400 + b', "op": "status"}',
    "a name that is a list": b'{"cmd": [], "op": []}',
    "a name that is an object": b'{"cmd": {}, "op": {"a": 1}}',
    "a name of 60 kB": b'{"cmd": "%s", "op": "%s"}' % (b"c" * 30_000, b"c" * 30_000),
    "arguments that are a list": b'{"cmd": "v2g_window", "times": {}, "op": "status", "args": [1]}',
    "arguments that there are not": b'{"cmd": "set_power", "op": "status", "args": {"power": 1}}',
    "a fault that is text": b'{"cmd": "departure", "at": 5, "op": "inject", "args": {"fault": "x"}}',
    "a fault of lists": b'{"cmd": "departure", "at": [], "op": "inject", "args": {"fault": {"kind": [], "cell": {}}}}',
    "true for a number": b'{"cmd": "set_power", "power_w": true, "op": "clear", "args": {"injection": true}}',
}


@pytest.mark.parametrize("line", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_request_is_refused_and_the_server_goes_on(server: Server, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(server.path)
        answers = sock.makefile("rb")
        sock.sendall(line + b"\n" + line + b"\n")
        for _ in range(2):
            answer = json.loads(answers.readline())
            assert answer.get("ok") is False or "error" in answer, answer
    assert server.ask()


@contextlib.contextmanager
def connected(server: Server, count: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(count)]
        for sock in socks:
            sock.settimeout(5)
            sock.connect(server.path)
        yield socks


@pytest.mark.parametrize("sent", [b"x" * 200_000, b"x" * 70_000 + b"\n"], ids=["endless", "too long"])
def test_a_line_without_end_ends_its_connection_only(server: Server, sent: bytes) -> None:
    with connected(server, 1) as (sock,):
        with contextlib.suppress(ConnectionError):
            sock.sendall(sent)
            assert sock.recv(10) == b""
        assert server.ask()


@pytest.mark.parametrize("sent", [b"", b"{", b'{"cmd": "status", "op": "status"}'], ids=["nothing", "a byte", "no end"])
def test_half_lines_hold_nobody_up(server: Server, sent: bytes) -> None:
    with connected(server, 20) as socks:
        for sock in socks:
            sock.sendall(sent)
        assert server.ask()
    assert server.ask()


def test_clients_that_never_read_hold_nobody_up(server: Server) -> None:
    with connected(server, 5) as socks:
        for sock in socks:
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError, ConnectionError):
                while True:
                    sock.send(server.status * 100)
        for _ in range(5):
            assert server.ask()


def test_a_flood_of_requests_in_one_go_holds_nobody_up(server: Server) -> None:
    with connected(server, 1) as (sock,):
        sock.sendall(b"\n" * 20_000)
        for _ in range(5):
            assert server.ask()
        read = 0
        while read < 20_000:
            read += sock.recv(1 << 20).count(b"\n")
    assert server.ask()


def _answers(server: Server) -> object:
    with contextlib.suppress(ControlError):
        return server.ask()
    return None


def test_hundreds_of_clients_are_hung_up_on_and_forgotten(server: Server) -> None:
    for _ in range(3):
        with contextlib.ExitStack() as stack:
            for _ in range(144):
                sock = stack.enter_context(socket.socket(socket.AF_UNIX))
                sock.setblocking(False)
                with contextlib.suppress(BlockingIOError):  # so many wait that no more can
                    sock.connect(server.path)
        wait_for("room for one who asks", lambda: _answers(server))
