"""The other end of the control socket, for the commands. Only the standard library: the commands must start fast."""

import json
import os
import socket
from typing import Any

DEFAULT_SOCKET = "/run/v2g/ems.sock"
_TIMEOUT_S = 5.0


class ControlError(Exception):
    """The daemon cannot be reached or did not answer."""


def socket_path(given: str | None) -> str:
    """The socket to use: as given, else V2G_SOCKET, else the default."""
    return given or os.environ.get("V2G_SOCKET") or DEFAULT_SOCKET


class ControlClient:
    """Asks the daemon behind a control socket; one connection per question."""

    def __init__(self, path: str, timeout_s: float = _TIMEOUT_S) -> None:
        self._path, self._timeout_s = path, timeout_s

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The daemon's answer. Raises: ControlError."""
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(self._timeout_s)
                sock.connect(self._path)
                sock.sendall(json.dumps(request).encode() + b"\n")
                with sock.makefile("rb") as lines:
                    line = lines.readline()
        except TimeoutError as error:
            raise ControlError(f"{self._path}: the daemon has not answered within {self._timeout_s:g} s") from error
        except OSError as error:
            raise ControlError(
                f"{self._path}: no daemon here: {error.strerror or error}\n"
                "  is v2g-daemon running? give its socket with --socket or V2G_SOCKET"
            ) from error
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or "ok" not in answer:
            raise ControlError(f"{self._path}: the daemon gave no valid answer")
        return answer
