"""Notifications to systemd (sd_notify): ready, still alive, stopping. Without systemd, nothing.

With WatchdogSec in the unit, a daemon whose loop hangs is killed and started again; the inverter's reversion timer has
stopped the power by then.
"""

import contextlib
import os
import socket
from collections.abc import Mapping
from math import inf


class Notifier:
    """Sends datagrams to $NOTIFY_SOCKET; never waits and never raises."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket: socket.socket | None = None
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        microseconds = environ.get("WATCHDOG_USEC", "")
        self._period_s = int(microseconds) / 4e6 if microseconds.isdecimal() and self._socket else inf
        self._due_s = -inf

    def ready(self) -> None:
        """All is open and the first decision was made."""
        self._notify(b"READY=1")

    def alive(self, now_s: float) -> None:
        """To be called each turn; speaks four times per watchdog period."""
        if self._period_s < inf and now_s >= self._due_s:
            self._due_s = now_s + self._period_s
            self._notify(b"WATCHDOG=1")

    def stopping(self) -> None:
        """The clean end has begun."""
        self._notify(b"STOPPING=1")

    def _notify(self, message: bytes) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.sendto(message, self._address)
