"""Whether the contactors do what they are asked: one that has been asked to open and is not reported open may be welded.

good --(asked to open for `within_s`, and not reported open)--> stuck --(asked to open, and reported open)--> good

>>> watch = ContactorWatch(within_s=0.3)
>>> watch.update(asked_closed=False, state=3.0, now_s=1.0)
>>> watch.update(asked_closed=False, state=3.0, now_s=1.4)
>>> watch.stuck
'reported welded 0.3 s after the request to open'
"""

import math

_OPEN = 0
_STATES = ("open", "precharging", "closed", "welded")


class ContactorWatch:
    """stuck: why the contactors are not to be trusted, None while they are. A BMS that reports no state is not judged."""

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._asked_open_s = math.inf
        self.stuck: str | None = None

    def update(self, *, asked_closed: bool, state: float | None, now_s: float) -> None:
        """What is asked for now, and the newest state that the BMS has reported (0 open ... 3 welded)."""
        if asked_closed or state is None:
            self._asked_open_s = math.inf
            return
        self._asked_open_s = min(self._asked_open_s, now_s)
        if round(state) == _OPEN:
            self.stuck = None
        elif self.stuck is None and now_s - self._asked_open_s >= self._within_s:
            name = _STATES[round(state)] if 0 <= round(state) < len(_STATES) else f"{state:g}"
            self.stuck = f"reported {name} {self._within_s:g} s after the request to open"
