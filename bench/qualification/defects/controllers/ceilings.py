"""An arbiter that knows how long a ceiling has bound: what broken controllers that are late or forgetful share."""

from collections.abc import Iterable

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.decision import Decision
from v2g_bench.ems.model.setpoint import Arbiter, Ceiling, Setpoint


class TimedCeilings(Arbiter):
    """Leaves out, for a part of the time, the ceilings whose reason has this word in it."""

    word = ""
    now_s = 0.0

    def __init__(self) -> None:
        self._since_s: float | None = None

    def ignored(self, bound_s: float) -> bool:
        """Whether they are left out when they have bound for so long."""
        raise NotImplementedError

    def arbitrate(self, request_w: float, ceilings: Iterable[Ceiling]) -> Setpoint:
        found = list(ceilings)
        concerned = [one for one in found if self.word in one.reason]
        if request_w and not concerned:
            self._since_s = None
        elif concerned and self._since_s is None:
            self._since_s = self.now_s
        if self._since_s is not None and self.ignored(self.now_s - self._since_s):
            found = [one for one in found if one not in concerned]
        return super().arbitrate(request_w, found)


class TimedEms(Ems):
    """Gives its arbiter the time."""

    def decide(self, now_s: float) -> Decision:
        self.parts.arbiter.now_s = now_s  # type: ignore[attr-defined]
        return super().decide(now_s)
