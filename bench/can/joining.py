"""What stands at the door of the userland bus: its listening socket, and which frames there cannot be."""

import os
import socket
from pathlib import Path

from v2g_bench.can import wire
from v2g_bench.errors import BenchError

_FD_LENGTHS = frozenset((*range(9), 12, 16, 20, 24, 32, 48, 64))


def impossible(frame_id: int, flags: int, dlc: int, length: int) -> bool:
    """Whether no frame can be so. length: bytes of data that came."""
    if flags & wire.FD:
        wrong = flags & wire.REMOTE or length != dlc or dlc not in _FD_LENGTHS
    else:
        wrong = dlc > 8 or length != (0 if flags & wire.REMOTE else dlc)
    return bool(wrong or frame_id >> (29 if flags & (wire.EXTENDED | wire.ERROR) else 11))


def listening(path: Path) -> socket.socket:
    """A listening socket that only this user can reach; BenchError if the path cannot hold one."""
    where = str(path)
    if len(os.fsencode(path)) > wire.MAX_PATH_BYTES:
        raise BenchError(where, f"the path of a socket has at most {wire.MAX_PATH_BYTES} bytes", "use a shorter folder")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    old_mask = os.umask(0o177)
    try:
        if path.exists():
            _remove_stale(path)
        os.umask(0o177)
        sock.bind(where)
    except OSError as error:
        sock.close()
        raise BenchError(where, f"no bus can be opened here: {error.strerror}", "is the folder writable?") from error
    except BenchError:
        sock.close()
        raise
    finally:
        os.umask(old_mask)
    sock.listen(64)
    sock.setblocking(False)
    return sock


def _remove_stale(path: Path) -> None:
    """Remove the socket that a killed hub left; BenchError if a running hub or something else is there."""
    if not path.is_socket():
        raise BenchError(str(path), "is there already and is no socket", "choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise BenchError(str(path), "a hub is running here already", "choose another channel, or stop that hub")
