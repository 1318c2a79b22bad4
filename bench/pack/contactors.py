"""The main contactors with their precharge relay: a state machine that is given the time.

    open --(request closed)--> precharge --(precharge_s + close_s)--> closed --(request open, open_s)--> open
    precharge --(request open, open_s)--> open       closed, asked to open, but welded --(open_s)--> welded

A welded contactor still conducts. It opens (after open_s) when the weld is gone and it is still asked to. A request to
close that comes while the contactor is on its way to open is served after it has opened, through precharge.

>>> contactors = Contactors(open_s=0.012, close_s=0.02, precharge_s=0.1)
>>> contactors.request(True, now_s=1.0)
>>> contactors.next_event_s
1.12
>>> contactors.advance(1.12)
<ContactorState.CLOSED: 2>
"""

from enum import IntEnum
from math import inf


class ContactorState(IntEnum):
    """As the BMS sends it."""

    OPEN = 0
    PRECHARGE = 1
    CLOSED = 2
    WELDED = 3


class Contactors:
    """Times in seconds. `advance` must be called at `next_event_s` (a later time is taken as that time)."""

    def __init__(self, open_s: float, close_s: float, precharge_s: float) -> None:
        self._open_s, self._close_s, self._precharge_s = open_s, close_s, precharge_s
        self.state = ContactorState.OPEN
        self.requested = False
        self.welded = False
        self.open_extra_s = 0.0
        self.skip_precharge = False
        self.next_event_s = inf
        self._opening = False

    @property
    def conducting(self) -> bool:
        """Whether the main contactor carries current."""
        return self.state in (ContactorState.CLOSED, ContactorState.WELDED)

    def request(self, closed: bool, now_s: float) -> None:
        """Ask for closed or open; asking again for the same changes nothing."""
        if closed == self.requested:
            return
        self.requested = closed
        if closed and self.state is ContactorState.WELDED:
            self.state = ContactorState.CLOSED
        if closed and self.state is ContactorState.OPEN:
            self._start_precharge(now_s)
        elif not closed and self.state is not ContactorState.OPEN and not self._opening:
            self._start_opening(now_s)

    def weld(self, welded: bool, now_s: float) -> None:
        """Weld the main contactor, or free it; freed and asked to be open, it opens after open_s."""
        if welded == self.welded:
            return
        self.welded = welded
        if not welded and self.state is ContactorState.WELDED and not self._opening:
            self._start_opening(now_s)

    def advance(self, now_s: float) -> ContactorState | None:
        """The state that is entered at `next_event_s`, or None while that is still ahead of now_s."""
        if now_s < self.next_event_s:
            return None
        at_s, self.next_event_s = self.next_event_s, inf
        if not self._opening:
            self.state = ContactorState.CLOSED
            return self.state
        self._opening = False
        if self.welded and self.conducting:
            # asked to close again meanwhile: a welded contactor that should be closed looks closed
            self.state = ContactorState.CLOSED if self.requested else ContactorState.WELDED
            return self.state
        self.state = ContactorState.OPEN
        if self.requested:
            self._start_precharge(at_s)
        return ContactorState.OPEN

    def _start_precharge(self, now_s: float) -> None:
        if self.skip_precharge:
            self.next_event_s = now_s + self._close_s
            return
        self.state = ContactorState.PRECHARGE
        self.next_event_s = now_s + self._precharge_s + self._close_s

    def _start_opening(self, now_s: float) -> None:
        self._opening = True
        self.next_event_s = now_s + self._open_s + self.open_extra_s
