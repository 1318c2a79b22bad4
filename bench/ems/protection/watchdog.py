"""Heartbeats: of the BMS (every watched message has its own patience) and of the inverter.

waiting --(everything received once)--> alive --(a message missing too long)--> silent
silent --(everything fresh for recover_s)--> alive
waiting --(startup_s passed)--> silent
"""

from collections.abc import Mapping
from math import inf

_ROUNDING_S = 1e-6


class BmsWatchdog:
    """Alive while every watched message keeps coming with good content.

    timeouts_s: message -> longest silence in s; the message with the safety values has the BMS timeout itself.
    """

    def __init__(self, timeouts_s: Mapping[str, float], recover_s: float = 0.5, startup_s: float = 2.0) -> None:
        self._timeouts_s = dict(timeouts_s)
        self._recover_s, self._startup_s = recover_s, startup_s
        self._received_s = dict.fromkeys(self._timeouts_s, -inf)
        self._started_s: float | None = None
        self._fresh_since_s: float | None = None
        self._ever = False
        self.alive = False
        self.silent: str | None = None  # the reason, once it is to be reported

    def on_frame(self, message: str, now_s: float) -> None:
        """A good frame of this message has arrived."""
        if message in self._received_s:
            self._received_s[message] = now_s
            if not self.alive:
                self.tick(now_s)

    def tick(self, now_s: float) -> None:
        """Judge the silence at this time."""
        if self._started_s is None:
            self._started_s = now_s
        stale = self._stale(now_s)
        if stale is None:
            if self._fresh_since_s is None:
                self._fresh_since_s = now_s
            # The very first data need no proof of stability: nothing has failed yet.
            if not self._ever or now_s - self._fresh_since_s >= self._recover_s:
                self.alive, self._ever, self.silent = True, True, None
            return
        self._fresh_since_s = None
        self.alive = False
        if self.silent is None and (self._ever or now_s - self._started_s > self._startup_s):
            self._ever = True
            self.silent = f"no good {stale} for {self._timeouts_s[stale] * 1000:.0f} ms"

    def lose(self, why: str) -> None:
        """The line itself is known to be down: do not wait for the silence."""
        self._received_s = dict.fromkeys(self._timeouts_s, -inf)
        self._fresh_since_s = None
        self.alive, self._ever = False, True
        self.silent = self.silent or why

    def deadline_s(self) -> float:
        """When the silence will be too long if nothing more comes; inf while not alive."""
        if not self.alive:
            return inf
        return min((self._received_s[name] + limit for name, limit in self._timeouts_s.items()), default=inf)

    def _stale(self, now_s: float) -> str | None:
        for name, limit in self._timeouts_s.items():
            if now_s - self._received_s[name] > limit + _ROUNDING_S:
                return name
        return None


class InverterWatch:
    """Online while the inverter answers; offline `timeout_s` after its last answer, back after `recover_s` of them."""

    def __init__(self, timeout_s: float = 1.0, recover_s: float = 0.5) -> None:
        self._timeout_s, self._recover_s = timeout_s, recover_s
        self._answered_s: float | None = None
        self._since_s: float | None = None
        self._started_s: float | None = None
        self.online = False
        self.offline: str | None = None

    def on_answer(self, now_s: float) -> None:
        """The inverter has answered."""
        if self._since_s is None:
            self._since_s = now_s
        self._answered_s = now_s
        if self.offline is None or now_s - self._since_s >= self._recover_s:
            self.online, self.offline = True, None

    def tick(self, now_s: float) -> None:
        """Judge the silence at this time."""
        if self._started_s is None:
            self._started_s = now_s
        last_s = self._answered_s if self._answered_s is not None else self._started_s
        if now_s - last_s > self._timeout_s:
            self._since_s = None
            self.online = False
            self.offline = self.offline or f"no answer for {self._timeout_s:g} s"
