"""The other end of the control socket, for the commands. Only the standard library: the commands must start fast."""

import os
from typing import Any

from v2g_bench.sockets.client import BadAnswer, HungUp, LineClient

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
            answer = self._exchange(request)
        except TimeoutError as error:
            raise ControlError(f"{self._path}: the daemon has not answered within {self._timeout_s:g} s") from error
        except BlockingIOError as error:
            raise ControlError(
                f"{self._path}: the daemon accepts no connection: it hangs, or has too many clients"
            ) from error
        except (BadAnswer, HungUp):
            answer = {}
        except OSError as error:
            raise ControlError(
                f"{self._path}: no daemon here: {error.strerror or error}\n"
                "  is v2g-daemon running? give its socket with --socket or V2G_SOCKET"
            ) from error
        if not {"ok", "text"} <= answer.keys():
            raise ControlError(f"{self._path}: the daemon gave no valid answer")
        return answer

    def _exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        client = LineClient(self._path, self._timeout_s, _ANSWER_MAX)
        try:
            return client.ask(request)
        finally:
            client.close()
