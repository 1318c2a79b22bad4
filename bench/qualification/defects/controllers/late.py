"""A danger other than the emergency trip's is seen, reported in time, and answered seconds too late."""

import random

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsSettings
from v2g_bench.ems.model.actions import Action, Frame
from v2g_bench.ems.model.setpoint import OverCurrentHold
from v2g_bench.qualification.defects.controllers import make
from v2g_bench.qualification.defects.controllers.ceilings import TimedCeilings, TimedEms
from v2g_bench.qualification.defects.controllers.lasting import LateAtTimes

LATE_S = 3.0


class _Hesitant(TimedCeilings):
    """Lets a ceiling whose reason has this word in it begin `LATE_S` after it came."""

    def ignored(self, bound_s: float) -> bool:
        return bound_s < LATE_S


def _late(word: str) -> make.Factory:
    def factory(settings: EmsSettings) -> Ems:
        ems, arbiter = TimedEms(settings), _Hesitant()
        arbiter.word, ems.parts.arbiter = word, arbiter
        return ems

    return factory


gradient_derated_late = _late("High Thermal Gradient")
v2g_ended_late = _late("charge-only")
high_cell_stops_late, low_cell_stops_late = _late("upper bound"), _late("lower bound")


class _Patient(OverCurrentHold):
    """Holds the power when the flag has been set for `LATE_S`."""

    now_s = 0.0
    _since_s: float | None = None

    def update(self, flag: bool) -> None:
        self._since_s = (self.now_s if self._since_s is None else self._since_s) if flag else None
        super().update(self._since_s is not None and self.now_s - self._since_s >= LATE_S)

    def new_request(self, flag: bool) -> None:
        super().new_request(flag and self.held)


class _LateForTheFlag(Ems):
    def on_frame(self, frame: Frame, now_s: float) -> list[Action]:
        self.parts.over_current.now_s = now_s  # type: ignore[attr-defined]
        return super().on_frame(frame, now_s)


def over_current_ended_late(settings: EmsSettings) -> Ems:
    """Waits three seconds for an over-current to end by itself."""
    ems = _LateForTheFlag(settings)
    ems.parts.over_current = _Patient()
    return ems


class _LateByChance(LateAtTimes):
    """80 ms late at one trip in `every`, by chance: of the time of the one before, so that a simulation can be repeated."""

    def late(self) -> bool:
        return random.Random(f"{self.trips} {self.tripped_s}").random() < 1 / self.every


class _LateOnceInFive(_LateByChance):
    every = 5


late_at_one_trip_in_5: make.Factory = _LateOnceInFive
late_at_one_trip_in_20: make.Factory = _LateByChance
