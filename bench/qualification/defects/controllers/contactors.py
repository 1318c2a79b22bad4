"""The trip comes in time, and bridge and contactors are switched in the wrong order, at the wrong time, or again."""

import math
from collections.abc import Callable
from dataclasses import replace

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.decision import Decision
from v2g_bench.ems.core.parts import EmsSettings
from v2g_bench.ems.model.actions import Action, LogLine, SetInverterPower, StopInverter
from v2g_bench.ems.model.commands import Command, Reply, SetPower
from v2g_bench.ems.protection.contactor_watch import ContactorWatch
from v2g_bench.ems.protection.opening import Opening
from v2g_bench.qualification.defects.controllers import make

AGAIN_S = 2.0


class _AtOnce(Opening):
    """Whatever flows."""

    def may_open(self, now_s: float) -> bool:
        return True


class _Later(Opening):
    """So much after the stop, whatever flows or does not flow."""

    after_s = 0.15

    def may_open(self, now_s: float) -> bool:
        return now_s >= self._stopped_s + self.after_s


class _TwoSecondsLater(_Later):
    after_s = 2.0


class _AtOnceWhere(Opening):
    """At once after a current (A, charge positive) that fits."""

    def __init__(self, settings: EmsSettings, fits: Callable[[float], bool]) -> None:
        super().__init__(settings.thresholds.open_below_a, settings.thresholds.open_last_moment_s)
        self._fits, self._before_a = fits, 0.0

    def on_current(self, current_a: float, now_s: float) -> None:
        super().on_current(current_a, now_s)
        if self._stopped_s == math.inf:
            self._before_a = current_a

    def may_open(self, now_s: float) -> bool:
        return self._fits(self._before_a) or super().may_open(now_s)


class _BridgeNever(Ems):
    """Never stops the bridge at a trip: the contactors do it all, in time."""

    def __init__(self, settings: EmsSettings) -> None:
        super().__init__(settings)
        self._withheld: list[Action] = []

    def reconcile(self, now_s: float) -> list[Action]:
        actions = super().reconcile(now_s)
        if not self.withholds():
            return actions
        self._withheld += [action for action in actions if isinstance(action, StopInverter)]
        return [action for action in actions if not isinstance(action, StopInverter)]

    def withholds(self) -> bool:
        """Whether an order to stop is withheld now."""
        return self.parts.trip.latched


class _StringsAlone(_BridgeNever):
    """Stops the bridge for a hot cell, and for strings that differ opens the contactors alone."""

    def withholds(self) -> bool:
        return (self.parts.trip.cause or "").startswith("string")


class _BridgeLater(_BridgeNever):
    """Opens the contactors in the very call, and stops the bridge in the tick that follows."""

    def __init__(self, settings: EmsSettings) -> None:
        super().__init__(settings)
        self.parts.opening = _opening(_AtOnce, settings)

    def tick(self, now_s: float) -> list[Action]:
        withheld, self._withheld = self._withheld, []
        return [*super().tick(now_s), *withheld]


class _FirstAtSilence(_BridgeLater):
    """Opens the contactors when the BMS falls silent, and stops the bridge in the tick that follows."""

    def withholds(self) -> bool:
        return bool(self.parts.watchdog.silent)


class _BridgeLowered(Ems):
    """Lowers the power to a tenth in place of a stop."""

    def reconcile(self, now_s: float) -> list[Action]:
        lowered_w = (self._issued_w or 0.0) / 10.0
        return [
            SetInverterPower(lowered_w) if isinstance(action, StopInverter) and self.parts.trip.latched else action
            for action in super().reconcile(now_s)
        ]


class _ClosesAgain(Ems):
    """Asks for closed contactors again some time after a trip, for a moment."""

    _opened_s = math.inf

    def outputs(self) -> dict[str, float]:
        again = self._closes(self._decided_s - self._opened_s)
        return super().outputs() | ({"contactor_request": 1.0} if again else {})

    def reconcile(self, now_s: float) -> list[Action]:
        actions = super().reconcile(now_s)
        if self.parts.trip.latched and not self.decision.contactors:
            self._opened_s = min(self._opened_s, now_s)
        return actions

    def _closes(self, since_s: float) -> bool:
        return AGAIN_S <= since_s < AGAIN_S + 0.5


class _ClosesWhenAsked(_ClosesAgain):
    """A charge command after a trip is refused, and closes the contactors for a moment all the same."""

    _asked_s = -math.inf

    def command(self, command: Command, now_s: float) -> Reply:
        if isinstance(command, SetPower) and command.power_w > 0 and self.parts.trip.latched:
            self._asked_s = now_s
        return super().command(command, now_s)

    def _closes(self, since_s: float) -> bool:
        return self._decided_s - self._asked_s < 0.2


class _Silent(Ems):
    """Opens the contactors at the last moment, and does not log it."""

    def reconcile(self, now_s: float) -> list[Action]:
        told = "CONTACTORS_LAST_MOMENT"
        return [one for one in super().reconcile(now_s) if not (isinstance(one, LogLine) and one.code == told)]


def _opening(kind: type[Opening], settings: EmsSettings, last_moment_s: float | None = None) -> Opening:
    limits = settings.thresholds
    return kind(limits.open_below_a, limits.open_last_moment_s if last_moment_s is None else last_moment_s)


def contactors_open_under_load(settings: EmsSettings) -> Ems:
    """Stops the bridge and opens the contactors in the same call."""
    return make.having(settings, opening=_opening(_AtOnce, settings))


def charging_contactors_open_under_load(settings: EmsSettings) -> Ems:
    """The same, while charging alone."""
    return make.having(settings, opening=_AtOnceWhere(settings, lambda current_a: current_a > 0))


def contactors_open_under_load_above_12_a(settings: EmsSettings) -> Ems:
    """The same, at large currents alone."""
    return make.having(settings, opening=_AtOnceWhere(settings, lambda current_a: abs(current_a) > 12))


def contactors_open_150_ms_late(settings: EmsSettings) -> Ems:
    """Opens them, and takes its time."""
    return make.having(settings, opening=_opening(_Later, settings))


def contactors_open_2_s_late(settings: EmsSettings) -> Ems:
    """As late as that: the link is still live when it has to be harmless."""
    return make.having(settings, opening=_opening(_TwoSecondsLater, settings))


def contactors_wait_for_the_current(settings: EmsSettings) -> Ems:
    """Knows no last moment: where the inverter does not obey, the contactors stay closed."""
    return make.having(settings, opening=_opening(Opening, settings, math.inf))


def contactors_open_after_10_ms(settings: EmsSettings) -> Ems:
    """Its last moment is too early: an inverter that takes its time is cut off under load."""
    return make.having(settings, opening=_opening(Opening, settings, 0.010))


contactors_open_before_the_bridge_stops: make.Factory = _BridgeLater
bridge_never_stopped: make.Factory = _BridgeNever
bridge_not_stopped_for_strings: make.Factory = _StringsAlone
contactors_first_at_bms_silence: make.Factory = _FirstAtSilence
bridge_lowered_in_place_of_a_stop: make.Factory = _BridgeLowered
contactors_close_again_after_2_s: make.Factory = _ClosesAgain
contactors_close_again_when_asked: make.Factory = _ClosesWhenAsked
last_moment_not_logged: make.Factory = _Silent


class _Unwatched(ContactorWatch):
    """Takes it that the contactors do what they are asked."""

    def update(self, *, asked_closed: bool, state: float | None, now_s: float) -> None:
        pass


class _Noted(Ems):
    """Logs a contactor that does not open, and goes on with the power."""

    def _stop_reason(self) -> str | None:
        watch = self.parts.contactors
        stuck, watch.stuck = watch.stuck, None
        reason = super()._stop_reason()
        watch.stuck = stuck
        return reason

    def command(self, command: Command, now_s: float) -> Reply:
        watch = self.parts.contactors
        stuck, watch.stuck = watch.stuck, None
        reply = super().command(command, now_s)
        watch.stuck = watch.stuck or stuck
        return reply


def weld_unnoticed(settings: EmsSettings) -> Ems:
    """Judges no feedback."""
    return make.having(settings, contactors=_Unwatched(settings.thresholds.contactors_stuck_s))


class _BridgeFirst(Ems):
    """Starts the bridge while the contactors still precharge."""

    def decide(self, now_s: float) -> Decision:
        decision = super().decide(now_s)
        starts = decision.contactors and not decision.held and self.request_w != 0
        return replace(decision, power_w=decision.setpoint.power_w) if starts else decision


weld_logged_alone: make.Factory = _Noted
bridge_starts_before_the_contactors_close: make.Factory = _BridgeFirst
