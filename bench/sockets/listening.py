"""The listening socket of a server, at a path that may still have the socket of one that is gone."""

import socket
from pathlib import Path

from v2g_bench.errors import BenchError

PATH_MAX = 107  # bytes: sun_path holds 108, the closing zero included
_WAITING = 100  # connections that are not accepted yet


def checked_path(path: Path, where: str) -> str:
    """The path as a string; BenchError if a UNIX socket cannot have it."""
    if len(str(path).encode()) > PATH_MAX:
        raise BenchError(where, f"the socket path is longer than {PATH_MAX} bytes: {path}", "use a shorter path")
    return str(path)


def listening(path: Path, where: str, owner: str = "process", mode: int | None = None) -> socket.socket:
    """A listening socket that does not block. owner: who else might listen there; mode: of the file, None: as umask has it.

    BenchError when the path cannot be used, or somebody listens there.
    """
    text = checked_path(path, where)
    _make_room(path, where, owner)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(text)
        if mode is not None:
            path.chmod(mode)
        sock.listen(_WAITING)
    except OSError as error:
        sock.close()
        what = f"cannot listen on {path}: {error.strerror or error}"
        raise BenchError(where, what, "may this user write to the folder?") from None
    sock.setblocking(False)
    return sock


def _make_room(path: Path, where: str, owner: str) -> None:
    """Remove the socket of a process that is gone; never that of one that lives."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        taken = path.exists()
    except OSError as error:
        what = f"cannot listen on {path}: there is no such folder, and it cannot be made: {error.strerror or error}"
        raise BenchError(where, what, "choose another path") from None
    if not taken:
        return
    if not path.is_socket():
        raise BenchError(where, "there is a file that is not a socket", "choose another path")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)  # where many wait to be accepted, somebody lives
        try:
            probe.connect(str(path))
        except BlockingIOError:
            pass
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise BenchError(where, f"another {owner} listens here", "stop it first, or choose another path")
