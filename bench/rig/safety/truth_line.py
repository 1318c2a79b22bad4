"""The supervisor's own line to the emulated world: asks it what is true of its pack, and never waits for the answer.

    unconnected --a socket exists--> idle --EVERY_S--> asked --any line--> idle
    asked --RETRY_S without one, or the line is lost--> unconnected

A line that cannot be read, an error, a time that does not move on or is long past: none of them is a value. Nothing here
raises; a world that hangs or has ended is detected by the age of its last values (`envelope.Watch`).
"""

import contextlib
import json
import math
import socket
from collections.abc import Collection
from typing import Any

from v2g_bench.rig.safety.envelope import credible

EVERY_S = 0.05
RETRY_S = 0.5
LATE_S = 0.5  # values that the world states as older than this do not count
MOST_BYTES = 1 << 16  # an answer has some 300


class TruthLine:
    """path: the plant's control socket; roles: what of its truth counts here (see `physical`)."""

    def __init__(self, path: str, roles: Collection[str]) -> None:
        self._path, self._roles = path, frozenset(roles)
        self._socket: socket.socket | None = None
        self._begun_s = -math.inf  # of the last try to connect, or the last question
        self._number = 0
        self._asked = False
        self._pending = b""
        self._true_s = -math.inf

    def fileno(self) -> int:
        """Readable when an answer has arrived; -1 while there is no connection."""
        return -1 if self._socket is None else self._socket.fileno()

    def received(self, now_s: float) -> list[dict[str, float]]:
        """The true values of the roles in every answer received, in order; asks again when it is time."""
        found = []
        for line in self._lines():
            self._asked = False
            if values := self._values(line, now_s):
                found.append(values)
        self._ask(now_s)
        return found

    def close(self) -> None:
        """Drop the connection."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._pending, self._asked = None, b"", False

    def _lines(self) -> list[bytes]:
        if self._socket is None:
            return []
        try:
            part = self._socket.recv(MOST_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            part = b""
        *lines, self._pending = (self._pending + part).split(b"\n")
        if not part or len(self._pending) > MOST_BYTES:
            self.close()
        return lines

    def _values(self, line: bytes, now_s: float) -> dict[str, float]:
        """The values of one line; empty where it is not the answer to the last question, or not current."""
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            return {}
        true: Any = message.get("ok") if isinstance(message, dict) and message.get("id") == self._number else None
        if not isinstance(true, dict):
            return {}
        at_s = credible({"time_s": true.get("time_s")}).get("time_s", -math.inf)
        if not self._true_s < at_s or abs(now_s - at_s) > LATE_S:
            return {}
        self._true_s = at_s
        return credible({role: value for role, value in true.items() if role in self._roles})

    def _ask(self, now_s: float) -> None:
        waited_s = now_s - self._begun_s
        if self._asked and waited_s > RETRY_S:
            self.close()
        if self._asked or waited_s < EVERY_S:
            return
        self._begun_s = now_s
        if self._socket is None:
            self._connect()
        if self._socket is None:
            return
        self._number += 1
        try:
            self._socket.send(json.dumps({"id": self._number, "op": "truth_pack", "args": {}}).encode() + b"\n")
            self._asked = True
        except OSError:  # also where there is no room: it is not listening
            self.close()

    def _connect(self) -> None:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.setblocking(False)
        with contextlib.suppress(OSError):
            link.connect(self._path)
            self._socket = link
            return
        link.close()
