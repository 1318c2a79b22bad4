"""What comes over the control socket, turned into commands; the authorised ones go into the audit trail.

An override that cannot be recorded is not carried out. A reset or a reload is: a full disk must not keep a repaired
controller from working, and the main log states that the record is missing. Files are read and written outside the loop;
an answer waits for them, `_RECORD_S` and `reload.READ_S` at most.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from v2g_bench.clock import Clock
from v2g_bench.ems.core.command_handler import POWER_W
from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.model.actions import Level, LogLine
from v2g_bench.ems.model.commands import (
    Command,
    ForceLimit,
    Reload,
    Reply,
    ResetSocOffset,
    ResetTrip,
    SetDeparture,
    SetPower,
    SetV2gWindow,
)
from v2g_bench.ems.model.config import EmsConfig
from v2g_bench.ems.model.limits import PERCENT
from v2g_bench.ems.model.plans import Departure, V2gWindow
from v2g_bench.ems.model.schedule import label_of, on_bench_clock, parse_time
from v2g_bench.ems.ports.aside import Aside, Worker
from v2g_bench.ems.protection.window import parse_override
from v2g_bench.ems.service.control import Request, Who
from v2g_bench.ems.service.override_trail import AuditTrail
from v2g_bench.ems.service.reload import Reloader
from v2g_bench.ems.service.status import audited, health_of, status_of
from v2g_bench.errors import BenchError
from v2g_bench.inputs.ranges import shown

_RECORD_S = 2.0


class SavesState(Protocol):
    """Where plans are kept over a restart; `StateStore` is it."""

    @property
    def run(self) -> dict[str, Any]: ...

    def keep(self, **changes: object) -> None: ...


def _wall() -> datetime:
    return datetime.fromtimestamp(time.time()).astimezone()


class Requests:
    """Answers the requests of operators. carry_out: does a command, its actions included; said: for the log; wall: the
    wall clock, aware; aside: makes the places where files are read and written.
    """

    def __init__(
        self,
        config: EmsConfig,
        ems: Ems,
        clock: Clock,
        state_store: SavesState,
        carry_out: Callable[[Command], Reply],
        on_log_line: Callable[[LogLine], None],
        wall: Callable[[], datetime] = _wall,
        aside: Callable[[str], Aside] = Worker,
    ) -> None:
        self._wall = wall
        wall()  # the first use reads the time zone's file
        self._config, self._ems, self._clock, self._state_store = config, ems, clock, state_store
        self._carry_out, self._on_log_line = carry_out, on_log_line
        path = config.files.audit_trail
        self.trail = AuditTrail(path) if path else None
        self._recorder = aside("audit")
        self._files = Reloader(config, aside("limits"))
        self.codes: Callable[[], dict[str, Any]] = dict  # the last readout of trouble codes
        self.plans: dict[str, Any] = {}

    async def answer(self, request: Request, who: Who) -> Request:
        """One request."""
        match request:
            case {"cmd": "status"}:
                status = status_of(self._ems, self._clock.now_s())
                return {"ok": True, "text": "", **status, "run": self._state_store.run}
            case {"cmd": "health"}:
                return {"ok": True, "text": "", **health_of(self._ems), "trouble_codes": self.codes()}
            case {"cmd": "set_power", "power_w": power_w}:
                return self._set_power(power_w)
            case {"cmd": "reset_trip"}:
                return await self._audited("reset-trip", who, ResetTrip())
            case {"cmd": "reset_soc_offset"}:
                return await self._audited("reset-soc-offset", who, ResetSocOffset())
            case {"cmd": "force_limit", "value": str() as value}:
                return await self._force(value, who)
            case {"cmd": "departure", "at": str() as at, **more}:
                return self._planned(lambda: self._departure(at, more.get("soc_pct")))
            case {"cmd": "v2g_window", "times": [_, *_] as times} if all(isinstance(one, str) for one in times):
                return self._planned(lambda: self._v2g_window(times))
            case {"cmd": "reload"}:
                return await self.reload(who)
            case {"cmd": "audit"}:
                return {"ok": True, "text": "", "file": str(self.trail.path) if self.trail else None}
        return {"ok": False, "text": f"unknown command: {shown(request)}"}

    def _set_power(self, power_w: object) -> dict[str, Any]:
        try:
            return self.command(SetPower(POWER_W.real(power_w)))
        except ValueError as error:
            return {"ok": False, "text": f"power_w: {error}"}

    def command(self, command: Command) -> dict[str, Any]:
        """Carry out one command."""
        reply = self._carry_out(command)
        return {"ok": reply.ok, "text": reply.text, **reply.data}

    async def reload(self, who: Who) -> dict[str, Any]:
        """Both files or none: an invalid one leaves everything as it was."""
        try:
            limits, policy = await self._files.read()
        except BenchError as error:
            reason = "; ".join(line.strip() for line in str(error).splitlines())
            self._on_log_line(LogLine(Level.ERROR, "-", f"reload refused, the old limits stay in force: {reason}"))
            before = audited(self._ems)
            await self._record("reload", who, {"ok": False, "text": str(error)}, before)
            return {"ok": False, "text": str(error)}
        return await self._audited("reload", who, Reload(limits, policy))

    # The audit trail

    async def _force(self, value: str, who: Who) -> dict[str, Any]:
        try:
            low_pct, high_pct = parse_override(value, self._ems.parts.window.limits)
        except ValueError as error:
            return {"ok": False, "text": str(error)}
        if self.trail is None:
            return {"ok": False, "text": "overrides must be recorded: set files.state or files.audit in ems.toml"}
        return await self._audited(f"force-limit {value.strip()}", who, ForceLimit(low_pct, high_pct))

    async def _audited(self, what: str, who: Who, command: Command) -> dict[str, Any]:
        before = audited(self._ems)
        answer = self.command(command)
        recorded = await self._record(what, who, answer, before)
        if not recorded and answer["ok"] and isinstance(command, ForceLimit) and command != ForceLimit():
            before = audited(self._ems)
            undone = self.command(ForceLimit())
            if self.trail is not None:
                # The record may still be written, when the disk works again: then what follows must be recorded, too.
                entry = self._entry(f"{what} taken back: its record came late or not at all", who, undone, before)
                self._recorder.give(partial(self.trail.append, entry))
            return {"ok": False, "text": "not carried out: the audit trail cannot be written"}
        return answer

    async def _record(self, what: str, who: Who, answer: dict[str, Any], before: dict[str, Any]) -> bool:
        trail = self.trail
        if trail is None:
            return False
        try:
            entry = self._entry(what, who, answer, before)
            number, digest = await self._recorder.run(partial(trail.append, entry), _RECORD_S)
        except OSError as error:
            self._on_log_line(LogLine(Level.ERROR, "-", f"{trail.path}: {what} could not be recorded: {error}"))
            return False
        self._on_log_line(LogLine(Level.INFO, "-", f"audit entry {number}: {what} by {who.get('user', '?')}, {digest}"))
        return True

    def _entry(self, what: str, who: Who, answer: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        return {
            "time": self._wall().astimezone(UTC).isoformat(timespec="microseconds"),
            "bench_s": round(self._clock.now_s(), 6),
            "who": who,
            "what": what,
            "ok": answer["ok"],
            "outcome": answer["text"],
            "before": before,
            "after": audited(self._ems),
        }

    # Plans

    def restore_plans(self, plans: dict[str, Any]) -> None:
        """Take up the plans of the run before, as far as they still lie ahead."""
        departure, window = plans.get("departure"), plans.get("v2g_window")
        if departure and departure.get("at"):
            self._planned(lambda: self._departure(str(departure["at"]), departure.get("soc_pct")))
        if window:
            self._planned(lambda: self._v2g_window([str(time) for time in window]))

    def _planned(self, make: Callable[[], tuple[Command, dict[str, Any]]]) -> dict[str, Any]:
        try:
            command, plan = make()
        except ValueError as error:
            return {"ok": False, "text": str(error)}
        answer = self.command(command)
        if answer["ok"]:
            self.plans |= plan
            self._state_store.keep(plans=self.plans)
        return answer

    def _departure(self, at: str, soc_pct: object) -> tuple[Command, dict[str, Any]]:
        if at == "none":
            return SetDeparture(None), {"departure": None}
        wanted = self._ems.thresholds.departure_soc_pct if soc_pct is None else soc_pct
        wanted = PERCENT.real(wanted)
        now = self._wall()
        when = parse_time(at, now)
        label = label_of(when)
        at_s = on_bench_clock(when, now, self._clock.now_s())
        return SetDeparture(Departure(at_s, wanted, label)), {"departure": {"at": label, "soc_pct": wanted}}

    def _v2g_window(self, times: list[str]) -> tuple[Command, dict[str, Any]]:
        if times[0] == "none":
            return SetV2gWindow(None), {"v2g_window": None}
        if len(times) != 2:
            raise ValueError("a V2G window is START END, or none")
        now, now_s = self._wall(), self._clock.now_s()
        start = parse_time(times[0], now)
        end = parse_time(times[1], start)
        labels = [label_of(start), label_of(end)]
        window = V2gWindow(on_bench_clock(start, now, now_s), on_bench_clock(end, now, now_s), " to ".join(labels))
        return SetV2gWindow(window), {"v2g_window": labels}
