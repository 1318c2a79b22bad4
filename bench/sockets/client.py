"""The other end of a control socket, synchronous. Only the standard library: commands must start fast."""

import contextlib
import json
import socket
import time
from collections.abc import Mapping
from typing import Any

from v2g_bench.sockets.lines import CHUNK, Lines, LineTooLong, encoded


class HungUp(ConnectionError):
    """The server has ended the connection before its answer was whole."""


class BadAnswer(ValueError):
    """What came back is no JSON object, or has no end."""


class LineClient:
    """One connection. After an error it is closed, so that no late answer is ever taken for that to another request.

    Raises: OSError: nobody listens; BlockingIOError: so many wait that nobody is accepted; TimeoutError.
    """

    def __init__(self, path: str, timeout_s: float, answer_bytes: int) -> None:
        self._timeout_s = timeout_s
        self._lines = Lines(answer_bytes)
        self._socket: socket.socket | None = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        with self._closed_on_error():
            self._socket.connect(path)

    @property
    def closed(self) -> bool:
        """Whether nothing can be asked any more."""
        return self._socket is None

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The object that answers one. The time is for the whole exchange.

        Raises: TimeoutError, HungUp, other OSError, BadAnswer.
        """
        with self._closed_on_error():
            end_s = time.monotonic() + self._timeout_s
            self._open(end_s).sendall(encoded(request))
            return _object_of(self._line(end_s))

    def close(self) -> None:
        """Hang up; nothing happens the second time."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _line(self, end_s: float) -> bytes:
        try:
            while (line := self._lines.take()) is None:
                part = self._open(end_s).recv(CHUNK)
                if not part:
                    raise HungUp("the connection was closed")
                self._lines.add(part)
        except LineTooLong as error:
            raise BadAnswer(str(error)) from None
        return line

    def _open(self, end_s: float) -> socket.socket:
        """The socket, with the time that is left."""
        if self._socket is None:
            raise HungUp("the connection is closed")
        left_s = end_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._socket.settimeout(left_s)
        return self._socket

    @contextlib.contextmanager
    def _closed_on_error(self) -> Any:
        try:
            yield
        except BaseException:
            self.close()
            raise


def _object_of(line: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise BadAnswer("no JSON object")
    return answer
