"""The controller does right and says something else: in its frames, its status, its answers, its log or its audit trail."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsSettings
from v2g_bench.ems.model.actions import Level, LogLine
from v2g_bench.ems.model.commands import Command, Reply, SetPower
from v2g_bench.ems.model.events import EMERGENCY_SHUTDOWN, Event, EventBook
from v2g_bench.ems.service import requests
from v2g_bench.ems.service.override_trail import AuditTrail, Head
from v2g_bench.ems.service.status import status_of
from v2g_bench.qualification.defects.controllers import make

Roles = Mapping[str, float]


def _reporting(change: Callable[[Ems, Roles], Roles]) -> make.Factory:
    """The reference controller whose frames say what `change` makes of them."""

    class Reporting(Ems):
        def outputs(self) -> dict[str, float]:
            sound = super().outputs()
            return {**sound, **change(self, sound)}

    return Reporting


reports_no_power = _reporting(lambda ems, sound: {"power_setpoint": 0.0})
reports_the_request = _reporting(lambda ems, sound: {"power_setpoint": ems.request_w})
reports_the_power_turned = _reporting(lambda ems, sound: {"power_setpoint": -sound["power_setpoint"]})
reports_a_tenth_less = _reporting(lambda ems, sound: {"power_setpoint": 0.9 * sound["power_setpoint"]})
reports_standby = _reporting(lambda ems, sound: {"operating_mode": 0.0})
reports_no_trip = _reporting(lambda ems, sound: {"trip_latched": 0.0})
reports_a_trip_at_power = _reporting(lambda ems, sound: {"trip_latched": float(sound["power_setpoint"] != 0)})
reports_no_charge_only = _reporting(lambda ems, sound: {"charge_only": 0.0})
reports_charge_only_always = _reporting(lambda ems, sound: {"charge_only": 1.0, "operating_mode": 3.0})
reports_charge_only_discharging = _reporting(lambda ems, sound: {"charge_only": float(sound["power_setpoint"] < 0)})
reports_another_code = _reporting(lambda ems, sound: {"error_code": float(0x09BD) if sound["error_code"] else 0.0})


def _status(**untrue: Any) -> make.Factory:
    """Its status command says this, whatever is so."""

    def factory(settings: EmsSettings) -> Ems:
        setattr(requests, "status_of", lambda ems, now_s: status_of(ems, now_s) | untrue)  # noqa: B010  (it imports the name)
        return Ems(settings)

    return factory


status_never_tripped, status_always_tripped = _status(trip_latched=False), _status(trip_latched=True)
status_without_power, status_never_charge_only = _status(setpoint_w=0.0), _status(charge_only=False)


class _RefusesAndDoes(Ems):
    """Every discharge is refused, and done."""

    def command(self, command: Command, now_s: float) -> Reply:
        reply = super().command(command, now_s)
        if isinstance(command, SetPower) and command.power_w < 0:
            return replace(reply, ok=False, text="not now")
        return reply


class _AcceptsAndForgets(Ems):
    """Every charge is accepted, and none is done."""

    def command(self, command: Command, now_s: float) -> Reply:
        reply = super().command(command, now_s)
        if isinstance(command, SetPower) and command.power_w > 0:
            self.request_w = 0.0
        return reply


refuses_and_does: make.Factory = _RefusesAndDoes
accepts_and_forgets: make.Factory = _AcceptsAndForgets


class _AlsoLogs(EventBook):
    """A second, untrue line beside that of each trip."""

    untrue = LogLine(Level.ERROR, "", "")

    def report(self, active: Mapping[Event, str], now_s: float) -> list[LogLine]:
        lines = super().report(active, now_s)
        return lines + [self.untrue for line in lines if line.code == EMERGENCY_SHUTDOWN.code]


def _also(code: str) -> make.Factory:
    def factory(settings: EmsSettings) -> Ems:
        book = _AlsoLogs()
        book.untrue = LogLine(Level.ERROR, code, "after the trip")
        return make.having(settings, book=book)

    return factory


divergence_after_a_trip, noise_after_a_trip, offline_after_a_trip = (
    _also("0x09BD"),
    _also("0x0B22"),
    _also("FAULT_INVERTER_OFFLINE"),
)


class _TripsOnPaper(Ems):
    """Logs a trip at the first discharge, and does not trip."""

    told = False

    def command(self, command: Command, now_s: float) -> Reply:
        reply = super().command(command, now_s)
        if isinstance(command, SetPower) and command.power_w < 0 and not self.told:
            self.told = True
            line = LogLine(Level.ERROR, EMERGENCY_SHUTDOWN.code, "Emergency shutdown: cell too hot")
            return replace(reply, actions=[*reply.actions, line])
        return reply


trips_on_paper: make.Factory = _TripsOnPaper


class _SecondTripUnsaid(EventBook):
    """Logs the first trip of its life alone."""

    seen = 0

    def report(self, active: Mapping[Event, str], now_s: float) -> list[LogLine]:
        lines = super().report(active, now_s)
        self.seen += sum(line.code == EMERGENCY_SHUTDOWN.code and line.level is Level.ERROR for line in lines)
        return [line for line in lines if line.code != EMERGENCY_SHUTDOWN.code or self.seen < 2]


def second_trip_not_logged(settings: EmsSettings) -> Ems:
    """The log has the first of several trips."""
    return make.having(settings, book=_SecondTripUnsaid())


def _recording(records: Callable[[list[str]], bool]) -> make.Factory:
    """Its record of overrides leaves out what `records` says no to, given what was to be recorded so far, this last."""

    def factory(settings: EmsSettings) -> Ems:
        sound, seen = AuditTrail.append, list[str]()

        def append(self: AuditTrail, entry: Mapping[str, Any]) -> Head:
            if str(entry["what"]).startswith("force-limit"):
                seen.append(str(entry["what"]))
            return sound(self, entry) if records(seen) else self.head

        AuditTrail.append = append  # type: ignore[method-assign]
        return Ems(settings)

    return factory


first_override_alone = _recording(lambda seen: len(seen) < 2)
new_overrides_alone = _recording(lambda seen: not seen or seen[-1] not in seen[:-1])
