"""The operator's desk: what `v2g-ctrl` asks for, carried out on the controller or refused with the reason."""

from typing import Protocol

from v2g_bench.ems.core.decision import Decision
from v2g_bench.ems.core.parts import EmsParts
from v2g_bench.ems.model.actions import Action, Level, LogLine
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
    Shutdown,
)
from v2g_bench.ems.model.config import Thresholds
from v2g_bench.ems.model.limits import SocLimits
from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.model.plans import Departure, Override
from v2g_bench.inputs.ranges import Within, shown

POWER_W = Within(-1e7, 1e7)  # what can be meant by a power at all


class Commanded(Protocol):
    """What a command changes and reads of the controller."""

    parts: EmsParts
    pack: PackState
    thresholds: Thresholds
    request_w: float

    @property
    def decision(self) -> Decision:
        """What was decided last."""
        ...

    def reconcile(self, now_s: float) -> list[Action]:
        """Decide with what is known now; the actions that follow."""
        ...

    def shut_down(self) -> None:
        """Zero power and open contactors with the next `reconcile`."""
        ...


def carry_out(ems: Commanded, command: Command, now_s: float) -> Reply:
    """One command; the reply holds the actions that follow from it."""
    match command:
        case SetPower(power_w):
            return _set_power(ems, power_w, now_s)
        case ResetTrip():
            return _reset_trip(ems, now_s)
        case ResetSocOffset():
            refusal = ems.parts.soc.reset_offset()
            if refusal is None:
                ems.request_w = 0.0
            return _answer(ems, refusal, "SoC_Offset reset", now_s)
        case Reload(limits, policy):
            ems.parts.window.limits = limits
            ems.parts.thermal.policy = policy
            window = f"MIN_SOC={limits.min_soc_pct:g} MAX_SOC={limits.max_soc_pct:g}"
            return _answer(ems, None, f"reloaded: {window}, cooling at {policy.cooling_trigger_c:g} degC", now_s)
        case ForceLimit(low_pct, high_pct):
            return _force_limit(ems, low_pct, high_pct, now_s)
        case SetDeparture(departure):
            return _set_departure(ems, departure, now_s)
        case SetV2gWindow(window):
            ems.parts.precool.window = window
            text = f"V2G window {window.label}" if window else "no V2G window"
            return _answer(ems, None, text, now_s)
        case Shutdown():
            ems.shut_down()
            return _answer(ems, None, "shutting down", now_s)


def refusal_of(ems: Commanded, power_w: float) -> str | None:
    """Why this power cannot be asked for at all now; None if it can. Zero always can."""
    if power_w not in POWER_W:
        return f"not a power: {shown(power_w)} W"
    if power_w == 0:
        return None
    parts = ems.parts
    if parts.trip.cause is not None:
        return f"emergency shutdown is latched ({parts.trip.cause}): v2g-ctrl --reset-trip"
    if not parts.watchdog.alive:
        return f"no valid BMS data ({parts.watchdog.silent or 'waiting for the first'})"
    if parts.contactors.stuck is not None:
        return f"contactors {parts.contactors.stuck}: no power until they report open"
    if power_w < 0 and (blocked := parts.v2g_blocked()):
        return f"charge-only: {blocked}"
    return None


def _set_power(ems: Commanded, power_w: float, now_s: float) -> Reply:
    refusal = refusal_of(ems, power_w)
    if refusal is None:
        ems.request_w = power_w + 0.0
        ems.parts.over_current.new_request(ems.pack.flag("over_current"))
    actions = ems.reconcile(now_s)
    setpoint = ems.decision.setpoint
    data = {
        "requested_w": power_w,
        "accepted_w": ems.request_w,
        "effective_w": setpoint.power_w,
        "limited_by": list(setpoint.limited_by),
    }
    if refusal is not None:
        text = f"set-power {power_w:g} W refused: {refusal}"
        return Reply(False, refusal, [*actions, LogLine(Level.WARNING, "-", text)], data)
    text = f"accepted {ems.request_w:g} W, effective {setpoint.power_w:g} W"
    if setpoint.limited_by:
        text += f", limited by {', '.join(setpoint.limited_by)}"
    return Reply(True, text, [*actions, LogLine(Level.INFO, "-", f"set-power: {text}")], data)


def _reset_trip(ems: Commanded, now_s: float) -> Reply:
    """All latches or none: a reset that leaves one behind would read as done."""
    parts = ems.parts
    refusal = parts.trip.unsafe() or parts.signal.still_noisy()
    if not parts.watchdog.alive:
        refusal = "the BMS is silent, so it is not known whether the pack is safe"
    if refusal is None:
        parts.trip.reset()
        parts.signal.reset()
        parts.meters.reset()
        ems.request_w = 0.0
    return _answer(ems, refusal, "reset done; ask for power again with v2g-ctrl --set-power", now_s)


def _force_limit(ems: Commanded, low_pct: float | None, high_pct: float | None, now_s: float) -> Reply:
    """The SoC window alone is overridden: trips, the BMS's limits, cell voltages and the derating map stay in force."""
    floating, bounds = ems.parts.floating, ems.thresholds
    if low_pct is None and high_pct is None:
        floating.override = None
        return _answer(ems, None, "SoC limits are no longer forced", now_s)
    base = ems.parts.window.limits
    low = base.min_soc_pct if low_pct is None else low_pct
    high = base.max_soc_pct if high_pct is None else high_pct
    refusal = None
    if not bounds.force_min_soc_pct <= low < high <= bounds.force_max_soc_pct:
        refusal = (
            f"{low:g} to {high:g} % is not a window within "
            f"{bounds.force_min_soc_pct:g} to {bounds.force_max_soc_pct:g} %"
        )
    else:
        floating.override = Override(SocLimits(low, high), now_s + bounds.force_limit_s)
    minutes = bounds.force_limit_s / 60
    return _answer(ems, refusal, f"SoC limits forced to {low:g} to {high:g} % for {minutes:g} min", now_s)


def _set_departure(ems: Commanded, departure: Departure | None, now_s: float) -> Reply:
    if departure is None:
        ems.parts.floating.departure = None
        return _answer(ems, None, "no departure planned", now_s)
    refusal, low = None, ems.parts.window.limits.min_soc_pct
    if not low < departure.soc_pct <= 100:
        refusal = f"departure SoC {departure.soc_pct:g} % is not within {low:g} to 100 %"
    else:
        ems.parts.floating.departure = departure
    return _answer(ems, refusal, f"departure {departure.label} with {departure.soc_pct:g} %", now_s)


def _answer(ems: Commanded, refusal: str | None, done: str, now_s: float) -> Reply:
    text = refusal or done
    line = LogLine(Level.WARNING if refusal else Level.INFO, "-", f"command: {text}")
    return Reply(refusal is None, text, [*ems.reconcile(now_s), line])
