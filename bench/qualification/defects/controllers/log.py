"""The log and the override audit trail: too few entries, too many, or wrong ones.

Two of the defects are of the shell around the core: their factories change the running process, which is the
controller's own, or that of a simulation with no other controller in it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsSettings
from v2g_bench.ems.model.actions import Action, Level, LogLine, SetInverterPower
from v2g_bench.ems.model.events import EMERGENCY_SHUTDOWN, Event, EventBook
from v2g_bench.ems.service import requests
from v2g_bench.ems.service.override_trail import AuditTrail, Head
from v2g_bench.qualification.defects.controllers import make


class _Book(EventBook):
    """A log that leaves out or changes lines."""

    drop: tuple[str, ...] = ()
    change: Callable[[LogLine], LogLine] | None = None

    def report(self, active: Mapping[Event, str], now_s: float) -> list[LogLine]:
        lines = [line for line in super().report(active, now_s) if line.code not in self.drop]
        return lines if self.change is None else [self.change(line) for line in lines]


def _logging(*drop: str, change: Callable[[LogLine], LogLine] | None = None) -> make.Factory:
    def factory(settings: EmsSettings) -> Ems:
        book = _Book()
        book.drop, book.change = drop, change
        return make.having(settings, book=book)

    return factory


def _lied(line: LogLine) -> LogLine:
    if line.code != EMERGENCY_SHUTDOWN.code:
        return line
    return replace(line, text="Emergency shutdown: cell_temperature_max is 12.3 degC, limit 45 degC")


trip_not_logged = _logging(EMERGENCY_SHUTDOWN.code)
log_names_another_cause = _logging(change=_lied)
silence_not_logged = _logging("ERR_BMS_TIMEOUT")
gradient_not_logged = _logging("0x01A2")
divergence_not_logged = _logging("0x09BD")
noise_not_logged = _logging("0x0B22")
# A line is "description: detail; remedy".
code_without_words = _logging(change=lambda line: replace(line, text=line.text.partition(";")[2]))
code_without_remedy = _logging(change=lambda line: replace(line, text=line.text.partition(";")[0]))


class _Mute(EventBook):
    def report(self, active: Mapping[Event, str], now_s: float) -> list[LogLine]:
        return [line for line in super().report(active, now_s) if line.code == "-"]


def code_not_logged(settings: EmsSettings) -> Ems:
    """Acts right and logs no code of any condition."""
    return make.having(settings, book=_Mute())


class _InventsATimeout(EventBook):
    """Logs ERR_BMS_TIMEOUT with every trip."""

    def report(self, active: Mapping[Event, str], now_s: float) -> list[LogLine]:
        lines = super().report(active, now_s)
        untrue = [replace(line, code="ERR_BMS_TIMEOUT") for line in lines if line.code == EMERGENCY_SHUTDOWN.code]
        return lines + untrue


def log_invents_a_timeout(settings: EmsSettings) -> Ems:
    """A second, untrue line beside the true one."""
    return make.having(settings, book=_InventsATimeout())


class _CriesWolf(Ems):
    """Logs a fault code without a fault."""

    cried = False

    def reconcile(self, now_s: float) -> list[Action]:
        actions = super().reconcile(now_s)
        if not self.cried and any(isinstance(action, SetInverterPower) for action in actions):
            self.cried = True
            actions.append(LogLine(Level.ERROR, "0x05F1", "Handshake Timeout: nothing was lost"))
        return actions


cries_wolf: make.Factory = _CriesWolf


def override_unlogged(settings: EmsSettings) -> Ems:
    """Records overrides in the audit trail, and not in the log."""
    sound = requests.Requests._record

    async def record(self: Any, what: str, who: Any, answer: Any, before: Any) -> bool:
        on_log_line, self._on_log_line = self._on_log_line, lambda line: None
        try:
            return await sound(self, what, who, answer, before)
        finally:
            self._on_log_line = on_log_line

    requests.Requests._record = record  # type: ignore[method-assign]
    return Ems(settings)


def record_forged(settings: EmsSettings) -> Ems:
    """Its record of overrides does not hold what was done."""
    sound = AuditTrail.append

    def append(self: AuditTrail, entry: Mapping[str, Any]) -> Head:
        head = sound(self, entry)
        self.path.write_text(self.path.read_text(encoding="utf-8").replace("force-limit 15", "force-limit 14"), "utf-8")
        return head

    AuditTrail.append = append  # type: ignore[method-assign]
    return Ems(settings)
