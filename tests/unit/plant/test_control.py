import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.faults import OverTemperature
from v2g_bench.plant.control import ControlServer, PlantClient, SyncPulse, answer

OPERATIONS = {
    "add": lambda a, b=1: a + b,
    "refuse": lambda: (_ for _ in ()).throw(BenchError("here", "not this", "do that")),
    "inject": lambda fault, at_s=None, after_s=0.0: 7,
    "sync_pulse": lambda meter="all": {"time_s": 1.5, "half_width_s": 1e-6},
    "truth_frame": lambda role, above, since_s: None,
    "truth_isolation": lambda after_s, fraction=0.05: None,
    "truth_events": lambda since_s=0.0: [[1.0, "bridge_stop"]],
}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"id": 1, "op": "add", "args": {"a": 2}}', {"id": 1, "ok": 3}),
        (b'{"id": 2, "op": "add", "args": {"a": 2, "b": 5}}\n', {"id": 2, "ok": 7}),
        (b'{"id": 3, "op": "refuse"}', {"id": 3, "error": {"where": "here", "what": "not this", "hint": "do that"}}),
    ],
)
def test_a_request_is_answered_with_its_id(line, expected):
    assert answer(line, OPERATIONS) == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"id": 1, "op": "ad", "args": {}}', "unknown operation 'ad'"),
        (b'{"id": 1, "op": "add", "args": {}}', "missing a required argument: 'a'"),
        (b'{"id": 1, "op": "add", "args": {"a": 1, "c": 2}}', "unexpected keyword argument 'c'"),
        (b'{"id": 1, "op": "add", "args": {"a": "x"}}', "can only concatenate"),
        (b'{"id": 1, "op": "add", "args": [1]}', "args is not an object"),
        (b'{"id": 1}', "an object with id, op and args"),
        (b"[]", "an object with id, op and args"),
        (b"\xff\xfe", "is not JSON"),
        (b"{", "is not JSON"),
    ],
)
def test_a_wrong_request_is_answered_with_what_is_wrong(line, message):
    assert message in answer(line, OPERATIONS)["error"]["what"]


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A control server in a thread of its own."""
    loop = asyncio.new_event_loop()
    server = ControlServer(OPERATIONS)
    loop.run_until_complete(server.start(tmp_path / "control"))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield tmp_path / "control"
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()
    assert not (tmp_path / "control").exists()


def test_the_client_gives_plain_results(path):
    with PlantClient(path) as client:
        assert client.call("add", a=1, b=2) == 3
        assert client.inject(OverTemperature(cell=1, to_c=50), after_s=0.1) == 7
        assert client.sync_pulse() == SyncPulse(1.5, 1e-6)
        assert client.truth_frame("soc", 1.0, 0.0) is None
        assert client.truth_isolation(0.0) is None
        assert client.truth_events() == [(1.0, "bridge_stop")]


def test_a_refusal_is_the_same_error_on_this_side_and_the_connection_goes_on(path):
    with PlantClient(path) as client:
        with pytest.raises(BenchError) as raised:
            client.call("refuse")
        assert (raised.value.where, raised.value.what, raised.value.hint) == ("here", "not this", "do that")
        assert client.call("add", a=1) == 2


def test_two_threads_share_one_client(path):
    wrong: list[int] = []
    with PlantClient(path) as client:

        def ask(start: int) -> None:
            wrong.extend(n for n in range(start, start + 200) if client.call("add", a=n) != n + 1)

        threads = [threading.Thread(target=ask, args=(start,)) for start in (0, 1000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert wrong == []


def test_a_server_that_does_not_answer_is_an_error_and_its_late_answer_is_never_heard(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "dumb"))
        listener.listen()
        client = PlantClient(tmp_path / "dumb", timeout_s=0.05)
        with pytest.raises(BenchError, match=r"no answer in 0\.05 s"):
            client.call("status")
        with pytest.raises(BenchError, match="the connection is closed"):
            client.call("status")


def test_a_plant_that_goes_away_is_an_error(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "gone"))
        listener.listen()
        client = PlantClient(tmp_path / "gone")
        listener.accept()[0].close()
        with pytest.raises(BenchError, match=r"closed the connection|Broken pipe"):
            client.call("status")


@pytest.mark.parametrize("message", [b"x\n", b"[1]\n", b"\xff\n", b"[" * 60_000 + b"\n"])
def test_an_answer_that_is_none_is_an_error(tmp_path, message):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "odd"))
        listener.listen()
        client = PlantClient(tmp_path / "odd")
        with listener.accept()[0] as other:
            other.sendall(message)
            with pytest.raises(BenchError, match="no JSON object"):
                client.call("status")


def test_nobody_there_is_an_error_with_a_hint(tmp_path):
    with pytest.raises(BenchError, match="is the plant running"):
        PlantClient(tmp_path / "nobody")


def test_a_path_that_is_too_long_is_named(tmp_path):
    with pytest.raises(BenchError, match="longer than 107 bytes"):
        PlantClient(tmp_path / ("x" * 120))
    with pytest.raises(BenchError, match="longer than 107 bytes"):
        asyncio.run(ControlServer({}).start(tmp_path / ("x" * 120)))


def test_a_taken_path_is_named(path):
    async def start_again() -> None:
        await ControlServer({}).start(path / "below")

    with pytest.raises(BenchError, match="cannot listen on"):
        asyncio.run(start_again())
