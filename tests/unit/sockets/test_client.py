import contextlib
import socket
import threading

import pytest

from v2g_bench.sockets.client import BadAnswer, HungUp, LineClient


@contextlib.contextmanager
def peer(path, answer):
    """Somebody at the other end who sends these bytes for a request, and reads on until the client goes."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve():
            sock, _ = listener.accept()
            with sock, contextlib.suppress(OSError):
                sock.recv(1000)
                sock.sendall(answer)
                while answer is not HANGS_UP and sock.recv(1000):
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield
        thread.join(10)
        assert not thread.is_alive()


HANGS_UP = b'{"half": '


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", TimeoutError),
        (b'{"half": ' + b" ", TimeoutError),
        (HANGS_UP, HungUp),
        (b"[1]\n", BadAnswer),
        (b"\xff\n", BadAnswer),
        (b"[" * 90_000 + b"\n", BadAnswer),
        (b"9" * 5000 + b"\n", BadAnswer),
        (b"x" * 200_000, BadAnswer),
    ],
    ids=["silent", "half", "hangs up", "list", "no text", "deep", "digits", "endless"],
)
def test_after_an_error_the_connection_is_closed(tmp_path, answer, error):
    with peer(tmp_path / "s", answer):
        client = LineClient(str(tmp_path / "s"), 0.1 if error is TimeoutError else 30.0, 100_000)
        with pytest.raises(error):
            client.ask({"cmd": "x"})
        assert client.closed
        with pytest.raises(HungUp, match="the connection is closed"):
            client.ask({"cmd": "x"})


def test_a_good_answer_leaves_it_open(tmp_path):
    with peer(tmp_path / "s", b'{"ok": true}\n{"ok": false}\n'):
        client = LineClient(str(tmp_path / "s"), 30.0, 100)
        assert [client.ask({}), client.ask({})] == [{"ok": True}, {"ok": False}]
        assert not client.closed
        client.close()
        client.close()


def test_nobody_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        LineClient(str(tmp_path / "s"), 1.0, 100)
