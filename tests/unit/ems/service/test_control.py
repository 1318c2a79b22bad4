"""Server and client of the control socket, in one process."""

import asyncio
import contextlib
import os
import pwd
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from v2g_bench.ems.service import control
from v2g_bench.ems.service.control import ControlServer
from v2g_bench.ems.service.control_client import ControlClient, ControlError, socket_path
from v2g_bench.errors import BenchError
from v2g_bench.sockets.requests import Bounds


async def _echo(request: dict[str, Any], who: dict[str, Any]) -> dict[str, Any]:
    return {"ok": True, "text": str(request.get("cmd")), "who": who}


def _with_server(path: Path, work: Any, bounds: Bounds = control.BOUNDS) -> Any:
    async def run() -> Any:
        server = ControlServer(path, _echo, bounds)
        await server.start()
        try:
            return await asyncio.to_thread(work)
        finally:
            await server.close()

    return asyncio.run(run())


def test_question_and_answer(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "s"
    answer = _with_server(path, lambda: ControlClient(str(path)).ask({"cmd": "status"}))
    user = pwd.getpwuid(os.getuid()).pw_name
    assert answer == {"ok": True, "text": "status", "who": {"uid": os.getuid(), "user": user, "pid": os.getpid()}}
    assert not path.exists(), "removed at the end"


@pytest.mark.parametrize(
    "line", [b"{\n", b"[1]\n", b"\xff\n", b'{"a": NaN}\n', b"9" * 5000 + b"\n", b"[" * 60_000 + b"\n"]
)
def test_nonsense_is_refused_and_the_server_lives(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "s"

    def work() -> tuple[bytes, dict[str, Any]]:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(5)
            sock.connect(str(path))
            sock.sendall(line)
            refused = sock.makefile("rb").readline()
        return refused, ControlClient(str(path)).ask({"cmd": "x"})

    refused, answer = _with_server(path, work)
    assert b'"ok": false' in refused
    assert answer["ok"]


def test_endless_line_ends_the_connection_only(tmp_path: Path) -> None:
    path = tmp_path / "s"

    def work() -> tuple[bytes, bool]:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(5)
            sock.connect(str(path))
            try:
                sock.sendall(b"x" * 200_000)
                rest = sock.recv(10)
            except (BrokenPipeError, ConnectionResetError):
                rest = b""
        return rest, ControlClient(str(path)).ask({"cmd": "x"})["ok"]

    assert _with_server(path, work) == (b"", True)


def test_socket_of_a_dead_daemon_is_taken_over_and_of_a_living_one_not(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    def second() -> str:
        with pytest.raises(BenchError) as caught:
            asyncio.run(ControlServer(path, _echo).start())
        return caught.value.what

    assert _with_server(path, second) == "another controller listens here"


def test_paths_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("keep me", encoding="utf-8")
    for path in (tmp_path / ("x" * 120), tmp_path / "file", tmp_path / "file" / "s"):
        with pytest.raises(BenchError, match=r"control\.socket"):
            asyncio.run(ControlServer(path, _echo).start())
    assert (tmp_path / "file").read_text(encoding="utf-8") == "keep me"


def test_no_daemon(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="no daemon here"):
        ControlClient(str(tmp_path / "absent")).ask({"cmd": "status"})


def _receive(path: Path, send: Callable[[socket.socket], object], timeout_s: float) -> str:
    """What the client makes of a daemon that answers as `send` does."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            sock, _ = listener.accept()
            with sock, contextlib.suppress(OSError):
                sock.recv(1000)  # the question
                send(sock)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(ControlError) as caught:
            ControlClient(str(path), timeout_s=timeout_s).ask({"cmd": "status"})
        thread.join(10)
        assert not thread.is_alive()
    return str(caught.value)


def _drip(sock: socket.socket) -> None:
    while True:
        sock.sendall(b"x")
        time.sleep(0.01)


def _endless(sock: socket.socket) -> None:
    while True:
        sock.sendall(b"x" * 65536)


@pytest.mark.parametrize(
    ("send", "message"),
    [
        (lambda sock: sock.recv(1000), "has not answered within 0.2 s"),
        (_drip, "has not answered within 0.2 s"),
    ],
    ids=["silent", "a byte now and then"],
)
def test_daemon_that_is_slow(tmp_path: Path, send: Callable[[socket.socket], object], message: str) -> None:
    assert message in _receive(tmp_path / "s", send, timeout_s=0.2)


@pytest.mark.parametrize(
    "send",
    [
        _endless,
        lambda sock: sock.sendall(b"\xff\n"),
        lambda sock: sock.sendall(b"[1]\n"),
        lambda sock: sock.sendall(b'{"ok": true}\n'),
        lambda sock: sock.sendall(b"[" * 100_000 + b"\n"),
        lambda sock: None,
    ],
    ids=["endless", "no text", "no object", "half an answer", "deep", "nothing"],
)
def test_daemon_that_says_nonsense(tmp_path: Path, send: Callable[[socket.socket], object]) -> None:
    assert "no valid answer" in _receive(tmp_path / "s", send, timeout_s=30)


def test_daemon_that_accepts_nobody(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as waiting:
        listener.bind(str(path))
        listener.listen(0)
        with contextlib.suppress(BlockingIOError):
            for _ in range(10):
                one = waiting.enter_context(socket.socket(socket.AF_UNIX))
                one.setblocking(False)
                one.connect(str(path))
        with pytest.raises(ControlError, match="accepts no connection"):
            ControlClient(str(path), timeout_s=0.2).ask({"cmd": "status"})


def test_slow_names_cost_the_name_and_not_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Users may come from a network that hangs."""
    hung, path = threading.Event(), tmp_path / "s"
    monkeypatch.setattr(control, "_name_of", lambda uid: hung.wait() and "late")
    monkeypatch.setattr(control, "_NAME_S", 0.05)
    answer = _with_server(path, lambda: ControlClient(str(path)).ask({"cmd": "x"}))
    hung.set()
    assert (answer["ok"], answer["who"]["user"]) == (True, "?")


def test_no_more_connections_than_there_are_descriptors_for(tmp_path: Path) -> None:
    path = tmp_path / "s"

    def ask(sock: socket.socket) -> bytes:
        with contextlib.suppress(ConnectionError):
            sock.sendall(b'{"cmd": "x"}\n')
            return sock.recv(1000)
        return b""

    def work() -> list[bytes]:
        with contextlib.ExitStack() as held:
            found = []
            for _ in range(5):
                sock = held.enter_context(socket.socket(socket.AF_UNIX))
                sock.settimeout(5)
                sock.connect(str(path))
                found.append(ask(sock))
        return found

    assert [b'"ok": true' in answer for answer in _with_server(path, work, Bounds(clients=3))] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_which_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("V2G_SOCKET", raising=False)
    assert socket_path(None) == "/run/v2g/ems.sock"
    monkeypatch.setenv("V2G_SOCKET", "/tmp/other")
    assert socket_path(None) == "/tmp/other"
    assert socket_path("/tmp/given") == "/tmp/given"


@pytest.mark.parametrize("reads", [False, True])
def test_a_client_that_does_not_read_or_waits_is_no_error_at_the_end(tmp_path: Path, reads: bool) -> None:
    """Nothing is left for the loop to cancel: it would report that as an error of the controller."""
    path, reported, left = tmp_path / "s", [], []

    async def answer(request: dict[str, Any], who: dict[str, Any]) -> dict[str, Any]:
        if reads:
            await asyncio.sleep(60)
        return {"ok": True, "text": "x" * 100_000}

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        server = ControlServer(path, answer)
        await server.start()
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            sock.sendall(b"{}\n" * 100)
            await asyncio.sleep(0.2)
            await server.close()
            await asyncio.sleep(0)
            left.extend(asyncio.all_tasks() - {asyncio.current_task()})

    asyncio.run(run())
    assert reported == []
    assert left == []
