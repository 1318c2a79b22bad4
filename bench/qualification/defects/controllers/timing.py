"""The emergency trip comes, and too late.

Delays are such that the whole reaction takes the time in the name: in the simulation the sound controller isolates in 8.6 ms.
"""

import heapq
from collections import deque
from collections.abc import Mapping

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsSettings
from v2g_bench.ems.model.actions import Action, Frame, Quality
from v2g_bench.ems.protection.trip import EmergencyTrip, TripLimits
from v2g_bench.qualification.defects.controllers import make

SOUND_MS = 8.6  # from the dangerous frame to the current's end, in the simulation
FULL_POWER_W = 5000.0


class _Late(Ems):
    """Judges the dangers of one kind this much after they came, to the microsecond."""

    late_s = 0.0
    roles: tuple[str, ...] = ("cell_temperature", "module_temperature")
    above_w = 0.0  # late only while more than this is asked for

    def __init__(self, settings: EmsSettings) -> None:
        super().__init__(settings)
        self._late: list[tuple[float, int, dict[str, float]]] = []

    def on_frame(self, frame: Frame, now_s: float) -> list[Action]:
        if frame.quality is not Quality.GOOD or abs(self.request_w) < self.above_w:
            return super().on_frame(frame, now_s)
        kept = {role: value for role, value in frame.values.items() if self._concerns(role, value)}
        if not kept:
            return super().on_frame(frame, now_s)
        heapq.heappush(self._late, (now_s + self.late_s, len(self._late), kept))
        return super().on_frame(
            Frame(frame.message, {role: value for role, value in frame.values.items() if role not in kept}), now_s
        )

    def tick(self, now_s: float) -> list[Action]:
        actions: list[Action] = []
        while self._late and self._late[0][0] <= now_s + 1e-9:
            if self.parts.trip.update(heapq.heappop(self._late)[2], now_s):
                self.request_w = 0.0
                actions += self.reconcile(now_s)
        return actions + super().tick(now_s)

    def next_due_s(self, now_s: float) -> float:
        due_s = super().next_due_s(now_s)
        return min(due_s, self._late[0][0]) if self._late else due_s

    def _concerns(self, role: str, value: float) -> bool:
        return role.startswith(self.roles) and self.parts.trip.judge(role, value) is not None


def _late(total_ms: float, *roles: str, above_w: float = 0.0) -> make.Factory:
    def factory(settings: EmsSettings) -> Ems:
        ems = _Late(settings)
        ems.late_s, ems.above_w = (total_ms - SOUND_MS) / 1e3, above_w
        ems.roles = roles or ems.roles
        return ems

    return factory


hot_cell_in_45_ms, hot_cell_in_49_ms = _late(45), _late(49)  # near misses: these have to pass
hot_cell_in_51_ms, hot_cell_in_55_ms, hot_cell_in_70_ms = _late(51), _late(55), _late(70)
strings_in_49_ms, strings_in_51_ms = _late(49, make.STRINGS), _late(51, make.STRINGS)
strings_in_55_ms, strings_in_70_ms = _late(55, make.STRINGS), _late(70, make.STRINGS)
hot_cell_late_at_full_power = _late(70, above_w=FULL_POWER_W)


class _LateAndHeard(_Late):
    """Late with what a frame says; that it has come counts at once, so that no watchdog is faster."""

    def on_frame(self, frame: Frame, now_s: float) -> list[Action]:
        self.parts.watchdog.on_frame(frame.message, now_s)
        return super().on_frame(frame, now_s)


def strings_in_250_ms(settings: EmsSettings) -> Ems:
    """Takes a quarter of a second to act on diverging strings."""
    ems = _LateAndHeard(settings)
    ems.late_s, ems.roles = (250 - SOUND_MS) / 1e3, (make.STRINGS,)
    return ems


class _Filtered(EmergencyTrip):
    """Trips when the mean of the last `frames` values is dangerous."""

    frames = 8

    def __init__(self, limits: TripLimits) -> None:
        super().__init__(limits)
        self._last: dict[str, deque[float]] = {}

    def judge(self, role: str, value: float) -> str | None:
        if "temperature" not in role and role != make.STRINGS:
            return None
        last = self._last.setdefault(role, deque(maxlen=self.frames))
        last.append(value)
        return super().judge(role, sum(last) / len(last))


def hot_cell_averaged(settings: EmsSettings) -> Ems:
    """A mean over eight frames hides a hot cell for too long."""
    return make.having(settings, trip=_Filtered(make.trip_limits(settings)))


class _Debounced(EmergencyTrip):
    """Trips at the sixth dangerous frame in a row."""

    def __init__(self, limits: TripLimits) -> None:
        super().__init__(limits)
        self._seen: dict[str, int] = {}

    def judge(self, role: str, value: float) -> str | None:
        unsafe = super().judge(role, value)
        self._seen[role] = self._seen.get(role, 0) + 1 if unsafe else 0
        return unsafe if self._seen[role] >= 6 else None


def six_frames_wanted(settings: EmsSettings) -> Ems:
    """A danger has to be seen six times."""
    return make.having(settings, trip=_Debounced(make.trip_limits(settings)))


class _Polling(EmergencyTrip):
    """Evaluates the received values every 100 ms."""

    def __init__(self, limits: TripLimits) -> None:
        super().__init__(limits)
        self._looked_s = float("-inf")

    def update(self, values: Mapping[str, float], now_s: float = 0.0) -> bool:
        if make.STRINGS not in values or now_s - self._looked_s < 0.1:
            return False
        self._looked_s = now_s
        return super().update(values, now_s)


def polls_every_100_ms(settings: EmsSettings) -> Ems:
    """Half of the rate that the manual asks for."""
    return make.having(settings, trip=_Polling(make.trip_limits(settings)))
