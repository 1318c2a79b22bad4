"""Blind in one state: what the controller does, was told or has gone through makes it miss a danger.

Each of them meets every danger as it should, in all other states.
"""

from collections.abc import Callable
from dataclasses import replace
from math import inf

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.decision import Decision
from v2g_bench.ems.core.parts import EmsParts, EmsSettings
from v2g_bench.ems.model.actions import Action, Frame
from v2g_bench.ems.model.commands import Command, Reload, Reply, SetPower
from v2g_bench.ems.model.setpoint import OverCurrentHold
from v2g_bench.ems.protection.watchdog import InverterWatch
from v2g_bench.qualification.defects.controllers import make

PRECHARGE = 1  # role contactor_state
AFTER_COMMAND_S, AFTER_RELOAD_S, GIVEN_BACK_S, STEADY_S = 0.3, 1.0, 2.0, 60.0
TRIPPING = ("cell_temperature", "module_temperature", make.STRINGS)
FLAG, SOC, IMBALANCE = "over_current", "soc", "cell_imbalance"


class Lived(Ems):
    """Keeps what it has gone through, for those who are blind after it."""

    def __init__(self, settings: EmsSettings, parts: EmsParts | None = None) -> None:
        super().__init__(settings, parts)
        self.now_s = 0.0
        self.commanded_s = self.reloaded_s = -inf
        self.gone_through: set[str] = set()

    def tick(self, now_s: float) -> list[Action]:
        self._note(now_s)
        return super().tick(now_s)

    def command(self, command: Command, now_s: float) -> Reply:
        if isinstance(command, SetPower) and command.power_w:
            self.commanded_s = now_s
        if isinstance(command, Reload):
            self.reloaded_s = now_s
        return super().command(command, now_s)

    def _note(self, now_s: float) -> None:
        parts = self.parts
        self.now_s = now_s
        for name, there in (
            ("silence", parts.watchdog.silent),
            ("outage", parts.inverter.offline),
            ("trip", parts.trip.cause),
            ("over-current", parts.over_current.held or None),
        ):
            if there is not None:
                self.gone_through.add(name)


Blind = Callable[[Lived], bool]


class _Blind(Lived):
    """Takes some roles for what they were before, while `blind` says so."""

    blind: Blind
    roles: tuple[str, ...] = TRIPPING

    def __init__(self, settings: EmsSettings, parts: EmsParts | None = None) -> None:
        super().__init__(settings, parts)
        self._before: dict[str, float] = {}

    def on_frame(self, frame: Frame, now_s: float) -> list[Action]:
        self._note(now_s)
        concerned = {role: value for role, value in frame.values.items() if role.startswith(self.roles)}
        if type(self).blind(self):
            kept = {role: self._before.setdefault(role, value) for role, value in concerned.items()}
            frame = replace(frame, values={**frame.values, **kept})
        else:
            self._before |= concerned
        return super().on_frame(frame, now_s)


def _blind_when(when: Blind, *roles: str) -> make.Factory:
    """A controller that does not see these roles (those that trip it) while this holds."""
    return type("_BlindAtTimes", (_Blind,), {"blind": staticmethod(when), "roles": roles or TRIPPING})


class _Deaf(Lived):
    """Does not count how long its BMS, or its inverter, has been silent while `deaf` says so."""

    deaf: Blind
    of = "watchdog"

    def tick(self, now_s: float) -> list[Action]:
        self._note(now_s)
        if type(self).deaf(self):
            if self.of == "watchdog" and self.parts.watchdog.alive:
                for message in self.settings.plan.watched:
                    self.parts.watchdog.on_frame(message, now_s)
            elif self.of == "inverter" and self.parts.inverter.online:
                self.parts.inverter.on_answer(now_s)
        return super().tick(now_s)


def _deaf_when(when: Blind, of: str = "watchdog") -> make.Factory:
    """A controller to whom the BMS ("watchdog") or the inverter is never silent while this holds."""
    return type("_DeafAtTimes", (_Deaf,), {"deaf": staticmethod(when), "of": of})


def _forced(ems: Lived) -> bool:
    return ems.parts.floating.override is not None


def _departing(ems: Lived) -> bool:
    return ems.parts.floating.departure is not None


def _planned(ems: Lived) -> bool:
    return ems.parts.precool.window is not None


def _gradient(ems: Lived) -> bool:
    return ems.parts.thermal.high_gradient is not None


def _over_current(ems: Lived) -> bool:
    return ems.parts.over_current.held


def _diverged(ems: Lived) -> bool:
    return ems.parts.soc.diverged is not None


def _noisy(ems: Lived) -> bool:
    return ems.parts.signal.noisy is not None


def _imbalanced(ems: Lived) -> bool:
    return ems.parts.balance.latched


def _cooling(ems: Lived) -> bool:
    return ems.parts.thermal.cooling


def _precooling(ems: Lived) -> bool:
    return ems.parts.precool.on


def _derated(ems: Lived) -> bool:
    return any("derating" in reason for reason in ems.decision.setpoint.limited_by)


def _standing(ems: Lived) -> bool:
    return ems.request_w == 0


def _commanded(ems: Lived) -> bool:
    return ems.now_s - ems.commanded_s < AFTER_COMMAND_S


def _steady(ems: Lived) -> bool:
    return ems.request_w != 0 and ems.now_s - ems.commanded_s > STEADY_S


def _reloaded(ems: Lived) -> bool:
    return ems.now_s - ems.reloaded_s < AFTER_RELOAD_S


def _charging(ems: Lived) -> bool:
    return ems.request_w > 0


def _precharging(ems: Lived) -> bool:
    return ems.pack.get("contactor_state") == PRECHARGE


def _after(name: str) -> Blind:
    return lambda ems: name in ems.gone_through


blind_with_forced_limit, blind_with_departure, blind_with_window = (
    _blind_when(_forced),
    _blind_when(_departing),
    _blind_when(_planned),
)
blind_in_gradient, blind_over_current, blind_while_diverged = (
    _blind_when(_gradient),
    _blind_when(_over_current),
    _blind_when(_diverged),
)
blind_while_imbalanced, blind_while_noisy = _blind_when(_imbalanced), _blind_when(_noisy)
blind_while_cooling, blind_while_precooling, blind_while_derated = (
    _blind_when(_cooling),
    _blind_when(_precooling),
    _blind_when(_derated),
)
blind_in_standby, blind_in_precharge = _blind_when(_standing), _blind_when(_precharging)
blind_after_60_s_of_steady_power = _blind_when(_steady)
blind_after_command, blind_after_reload = _blind_when(_commanded), _blind_when(_reloaded)
not_armed_after_bms_silence, not_armed_after_outage = _blind_when(_after("silence")), _blind_when(_after("outage"))
not_armed_after_over_current, not_armed_after_trip = _blind_when(_after("over-current")), _blind_when(_after("trip"))

no_strings_with_forced_limit = _blind_when(_forced, make.STRINGS)
flag_unseen_with_departure, flag_unseen_in_gradient = _blind_when(_departing, FLAG), _blind_when(_gradient, FLAG)
flag_unseen_after_bms_silence = _blind_when(_after("silence"), FLAG)
imbalance_unseen_with_window = _blind_when(_planned, IMBALANCE)
imbalance_unseen_after_trip = _blind_when(_after("trip"), IMBALANCE)
divergence_unseen_with_forced_limit, divergence_unseen_while_charging = (
    _blind_when(_forced, SOC),
    _blind_when(_charging, SOC),
)

silence_unseen_with_forced_limit, silence_unseen_with_departure = _deaf_when(_forced), _deaf_when(_departing)
silence_unseen_in_gradient, silence_unseen_while_charge_only = _deaf_when(_gradient), _deaf_when(_diverged)
silence_seen_once = _deaf_when(_after("silence"))
outage_unseen_while_charging, outage_unseen_with_window = (
    _deaf_when(_charging, "inverter"),
    _deaf_when(_planned, "inverter"),
)
outage_seen_once, outage_unseen_in_gradient = (
    _deaf_when(_after("outage"), "inverter"),
    _deaf_when(_gradient, "inverter"),
)


class _Edge(OverCurrentHold):
    """Sees the flag rise, and not that it is set."""

    def __init__(self) -> None:
        super().__init__()
        self._flag: bool | None = None

    def update(self, flag: bool) -> None:
        rises, self._flag = flag and self._flag is False, flag
        self.held = self.held or rises

    def new_request(self, flag: bool) -> None:
        self.held = False


def over_current_is_an_edge(settings: EmsSettings) -> Ems:
    """A flag that is set at its start, or while a new power is asked for, is no flag."""
    return make.having(settings, over_current=_Edge())


class _FlagAtStartIsNone(OverCurrentHold):
    """The level that the flag has at first is its rest."""

    rest: bool | None = None

    def update(self, flag: bool) -> None:
        self.rest = flag if self.rest is None else self.rest and flag
        super().update(flag and not self.rest)

    def new_request(self, flag: bool) -> None:
        super().new_request(flag and not self.rest)


def over_current_at_start_is_none(settings: EmsSettings) -> Ems:
    """A flag that is set at its start is no flag until it was clear once."""
    return make.having(settings, over_current=_FlagAtStartIsNone())


class _GivesBack(Lived):
    """Two seconds into an over-current the power is given back, whatever the flag."""

    _held_s: float | None = None

    def decide(self, now_s: float) -> Decision:
        hold = self.parts.over_current
        if not hold.held:
            self._held_s = None
        elif self._held_s is None:
            self._held_s = now_s
        if self._held_s is not None and now_s - self._held_s > GIVEN_BACK_S:
            hold.held = False
            decision = super().decide(now_s)
            hold.held = True
            return decision
        return super().decide(now_s)


power_back_in_over_current: make.Factory = _GivesBack


class _AlwaysThere(InverterWatch):
    def tick(self, now_s: float) -> None:
        return


def outage_unseen(settings: EmsSettings) -> Ems:
    """An inverter that was there once is taken to be there."""
    return make.having(settings, inverter=_AlwaysThere())
