"""One request to the management console of a user-mode kernel (a UNIX datagram socket; arch/um/drivers/mconsole.h)."""

import socket
import struct
from pathlib import Path

_MAGIC, _VERSION, _MAX_BYTES = 0xCAFE_BABE, 2, 512
_REQUEST = struct.Struct(f"=III{_MAX_BYTES}s")


def request(command: str) -> bytes:
    """The datagram of a command such as "cad"."""
    data = command.encode()
    return _REQUEST.pack(_MAGIC, _VERSION, len(data), data.ljust(_MAX_BYTES, b"\0"))


def press_ctrl_alt_del(console: Path) -> None:
    """OSError if nothing listens: the kernel has not come that far, or has ended."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        # the answer is not waited for: it would need an address, and what counts is that the command ends
        sock.sendto(request("cad"), str(console))
