"""The other end of the control socket, for the commands. Only the standard library: the commands must start fast."""

import json
import os
import socket
import time
from typing import Any

DEFAULT_SOCKET = "/run/v2g/ems.sock"
_TIMEOUT_S = 5.0
_ANSWER_MAX = 1_000_000  # bytes


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
            line = self._exchange(json.dumps(request).encode() + b"\n")
        except TimeoutError as error:
            raise ControlError(f"{self._path}: the daemon has not answered within {self._timeout_s:g} s") from error
        except BlockingIOError as error:
            raise ControlError(
                f"{self._path}: the daemon accepts no connection: it hangs, or has too many clients"
            ) from error
        except OSError as error:
            raise ControlError(
                f"{self._path}: no daemon here: {error.strerror or error}\n"
                "  is v2g-daemon running? give its socket with --socket or V2G_SOCKET"
            ) from error
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or not {"ok", "text"} <= answer.keys():
            raise ControlError(f"{self._path}: the daemon gave no valid answer")
        return answer

    def _exchange(self, request: bytes) -> bytes:
        """The line that comes back, or as much of it as there is room for. The time is for all of it together."""
        end_s = time.monotonic() + self._timeout_s
        line = b""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(self._timeout_s)
            sock.connect(self._path)
            sock.sendall(request)
            while not line.endswith(b"\n") and len(line) < _ANSWER_MAX:
                left_s = end_s - time.monotonic()
                if left_s <= 0:
                    raise TimeoutError
                sock.settimeout(left_s)
                part = sock.recv(_ANSWER_MAX - len(line))
                if not part:
                    break
                line += part
        return line
