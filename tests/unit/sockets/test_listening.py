import socket
import stat

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.sockets.listening import PATH_MAX, checked_path, listening


def test_a_folder_is_made_and_the_mode_is_as_asked_for(tmp_path):
    path = tmp_path / "a" / "b" / "s"
    with listening(path, "here", mode=0o660) as sock:
        assert not sock.getblocking()
        assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_the_socket_of_a_process_that_is_gone_is_taken_over(tmp_path):
    listening(tmp_path / "s", "here").close()
    assert (tmp_path / "s").is_socket()
    listening(tmp_path / "s", "here").close()


@pytest.mark.parametrize("waiting", [0, 200], ids=["idle", "accepting nobody"])
def test_that_of_a_living_one_is_not(tmp_path, waiting):
    path = tmp_path / "s"
    with listening(path, "here"):
        others = [socket.socket(socket.AF_UNIX) for _ in range(waiting)]
        for other in others:
            other.setblocking(False)
            other.connect_ex(str(path))
        with pytest.raises(BenchError, match="here: another plant listens here"):
            listening(path, "here", owner="plant")
        for other in others:
            other.close()
    assert path.is_socket()


def test_paths_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("keep me", encoding="utf-8")
    for path, message in [
        (tmp_path / "file", "not a socket"),
        (tmp_path / "file" / "s", "cannot listen on"),
        (tmp_path / ("x" * 120), f"longer than {PATH_MAX} bytes"),
    ]:
        with pytest.raises(BenchError, match=message):
            listening(path, "here")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "keep me"


def test_the_longest_path_counts_bytes(tmp_path):
    room = PATH_MAX - len(str(tmp_path)) - 1
    assert checked_path(tmp_path / ("x" * room), "here").endswith("x")
    with pytest.raises(BenchError, match="longer than"):
        checked_path(tmp_path / ("µ" * room), "here")
