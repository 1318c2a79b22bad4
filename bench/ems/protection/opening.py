"""When the contactors may be asked to open after a stop: not under load, and not too late either.

    closed --(stop)--> stopping --(the BMS reports less than open_below_a since the stop)--> open
                       stopping --(last_moment_s after the stop)--> open, although current may flow

A contactor that breaks a current wears, and may weld; so the bridge ends the current and the contactors follow. An inverter
that does not obey leaves the contactors as the only means: at the last moment they are asked to open whatever flows.

>>> opening = Opening(open_below_a=3.0, last_moment_s=0.031)
>>> opening.on_stop(10.0)
>>> opening.may_open(10.02), opening.may_open(10.032), opening.under_load
(False, True, True)
>>> opening.on_current(-0.1, 10.02)
>>> opening.may_open(10.02), opening.under_load
(True, False)
"""

import math
from collections.abc import Mapping


class Opening:
    """Holds the contactors closed between the stop and the time to open them. Times in s of one monotonic clock.

    current_a: the pack current that the BMS has reported since the stop; None: none yet.
    """

    def __init__(self, open_below_a: float, last_moment_s: float) -> None:
        self.open_below_a, self.last_moment_s = open_below_a, last_moment_s
        self.current_a: float | None = None
        self._stopped_s = math.inf

    def on_stop(self, now_s: float) -> None:
        """The bridge has been commanded to stop now."""
        self._stopped_s, self.current_a = now_s, None

    def on_run(self) -> None:
        """The bridge has been commanded to run."""
        self._stopped_s, self.current_a = math.inf, None

    def update(self, values: Mapping[str, float], now_s: float) -> None:
        """The values of one good frame of the BMS."""
        if (current_a := values.get("pack_current")) is not None:
            self.on_current(current_a, now_s)

    def on_current(self, current_a: float, now_s: float) -> None:
        """A pack current in A; one that came before the stop says nothing of it."""
        if now_s > self._stopped_s and math.isfinite(current_a):
            self.current_a = current_a

    @property
    def under_load(self) -> bool:
        """Whether current may flow, as far as the BMS has reported since the stop."""
        return self.current_a is None or abs(self.current_a) >= self.open_below_a

    @property
    def due_s(self) -> float:
        """The last moment; inf while the bridge runs."""
        return self._stopped_s + self.last_moment_s

    def may_open(self, now_s: float) -> bool:
        """Whether the contactors may be asked to open now."""
        return self._stopped_s <= now_s and (not self.under_load or now_s >= self.due_s)

    def describe(self) -> str:
        """What is known of the current, for the log."""
        return "no current reported since the stop" if self.current_a is None else f"{self.current_a:.1f} A reported"
