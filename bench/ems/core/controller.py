"""The controller: frames, readings, commands and time go in, actions come out. No clock, no socket, no thread.

    waiting --(first BMS data, inverter answers)--> standby --(power asked for: contactors, then bridge)--> charge | v2g
    any --(V2G blocked by a latch: noise, SoC divergence, imbalance)--> charge_only
    any --(hot cell | diverging strings)--> tripped --(authorised reset)--> standby
    any --(BMS silent | inverter offline | shutdown)--> standby, contactors open

A stop goes to the inverter at once; the contactors follow when no current flows, at a last moment whatever flows
(`protection.opening`). The stop that a dangerous frame causes is in the list that `on_frame` returns for that frame, ahead of
everything else. A frame that changes no input of the decision waits for the next tick, at most `_DECIDE_EVERY_S` later: a
BMS sends 350 frames a second, most of them with the values of the one before.
Every part can be replaced through `EmsParts`.
"""

import math
from collections.abc import Mapping

from v2g_bench.ems.core.ceilings import ceilings
from v2g_bench.ems.core.command_handler import carry_out
from v2g_bench.ems.core.cyclic import CyclicSender
from v2g_bench.ems.core.decision import Decision, Mode
from v2g_bench.ems.core.parts import EmsParts, EmsSettings
from v2g_bench.ems.core.peers import PeerReport
from v2g_bench.ems.model.actions import (
    Action,
    Frame,
    InverterReading,
    Level,
    LogLine,
    Quality,
    SaveState,
    SendFrame,
    SetInverterPower,
    StopInverter,
)
from v2g_bench.ems.model.commands import Command, Reply
from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.model.setpoint import Setpoint
from v2g_bench.ems.protection.window import charging_pace

_STEP_W = 1.0  # smaller changes of the setpoint are not worth a write
_RISE_EVERY_S = 0.1  # a setpoint that rises in small steps is written at this period,
_RISE_SHARE = 0.05  # unless a step is a larger share of the rating than this: then it was requested
_CLOSED = 2
_NOTHING = frozenset[str]()
_DECIDE_EVERY_S, _EARLY_S = 0.02, 0.001


class Ems:
    """The composed controller. Times are seconds of one monotonic clock; power is positive into the battery."""

    def __init__(self, settings: EmsSettings, parts: EmsParts | None = None) -> None:
        self.settings = settings
        self.thresholds = settings.thresholds
        self.parts = parts or EmsParts.build(settings)
        self.pack = PackState()
        self.inverter = InverterReading()
        self.cyclic = CyclicSender(settings.plan.sent)
        self.request_w = 0.0
        self.decision = Decision(False, None, Setpoint(0.0), Mode.STANDBY)
        self._issued_w: float | None = None
        self._issued_s = self._decided_s = float("-inf")
        self._decided_on: tuple[object, ...] = ()
        self._stopped = False  # whether a stop has been sent to the inverter since the last power
        self._linger_until_s = float("-inf")
        self._shut_down = False
        self._latches = self.parts.latches()

    # Inputs

    def on_frame(self, frame: Frame, now_s: float) -> list[Action]:
        """One frame of the BMS. For a dangerous one the stop is in this list."""
        parts = self.parts
        parts.signal.on_frame(frame.message, frame.quality, now_s)
        if frame.quality is Quality.GOOD:
            received = parts.plausible.filtered(frame.message, frame.values)
            if parts.trip.update(received, now_s):
                self.request_w = 0.0
            values = parts.believable.believable(received, now_s)
            self.pack.update(values, now_s)
            # A message without a plausible value, or without one that is needed, counts as not received. A jump that the next
            # frames may confirm is received: at a cycle of 50 ms they come after the BMS would count as silent.
            heard = values is received or parts.believable.awaits(received.keys() - values.keys())
            if heard and self.settings.plan.needed.get(frame.message, _NOTHING) <= received.keys():
                parts.watchdog.on_frame(frame.message, now_s)
            parts.thermal.update(self.pack, now_s)
            parts.opening.update(values, now_s)
            if "soc" in values or "pack_current" in values:
                parts.soc.update(self.pack, now_s)
                parts.micro_cycle.update(self.pack, now_s)
            if "cell_imbalance" in values:
                parts.balance.update(self.pack)
            if "over_current" in values:
                parts.over_current.update(self.pack.flag("over_current"))
        return self.reconcile(now_s) if self._inputs() != self._decided_on else []

    def _inputs(self) -> tuple[object, ...]:
        """All inputs of a decision except the time, the operators' commands and the inverter's readings."""
        parts, pack = self.parts, self.pack
        get = pack.get
        return (
            parts.trip.cause,
            parts.watchdog.alive,
            parts.signal.noisy,
            parts.thermal.high_gradient,
            parts.thermal.cooling,
            parts.over_current.held,
            parts.soc.diverged,
            parts.balance.latched,
            parts.micro_cycle.held,
            self.decision.held and parts.opening.under_load,
            pack.hottest_c,
            pack.coldest_c,
            pack.cell_v_max,
            pack.cell_v_min,
            get("soc"),
            get("contactor_state"),
            get("charge_power_limit"),
            get("discharge_power_limit"),
            get("discharge_power_continuous"),
        )

    def on_inverter_reading(self, reading: InverterReading, now_s: float) -> list[Action]:
        """One answer of the inverter."""
        self.inverter = reading
        self.parts.inverter.on_answer(now_s)
        self.parts.meters.update(self.pack, reading.ac_power_w, now_s, fresh=self.parts.watchdog.alive)
        return self.reconcile(now_s)

    def on_peer_report(self, report: PeerReport, now_s: float) -> list[Action]:
        """A condition of the vehicle's or the grid's communication has begun or is over."""
        self.parts.peers.on_report(report)
        return self.reconcile(now_s)

    def on_trouble_codes(self, code: str, now_s: float, *, stored: bool, active: bool) -> list[Action]:
        """A readout of the BMS's trouble codes: whether the one for cell imbalance is stored, and active."""
        self.parts.balance.on_trouble_codes(code, stored=stored, active=active, pack=self.pack)
        return self.reconcile(now_s)

    def lose_bus(self, why: str, now_s: float) -> list[Action]:
        """The CAN interface is down."""
        self.parts.watchdog.lose(why)
        return self.reconcile(now_s)

    def tick(self, now_s: float) -> list[Action]:
        """Judge the silences, decide when it is time, and send what is due. To be called at `next_due_s`."""
        parts = self.parts
        before = parts.watchdog.alive, parts.inverter.online
        parts.watchdog.tick(now_s)
        parts.inverter.tick(now_s)
        self.pack.expire(now_s)
        actions: list[Action] = []
        # A frame is due each 10 ms; deciding for each of them would be half of what an idle controller computes.
        lost = before != (parts.watchdog.alive, parts.inverter.online)
        last_moment = self.decision.held and now_s >= parts.opening.due_s
        if lost or last_moment or now_s - self._decided_s >= _DECIDE_EVERY_S - _EARLY_S:
            parts.precool.update(self.pack, now_s)
            parts.review = self._review()
            actions = self.reconcile(now_s)
        sent = {action.message for action in actions if isinstance(action, SendFrame)}
        for message in self.cyclic.due(now_s):
            if message not in sent:
                actions.append(self._send(message))
        return actions

    def next_due_s(self, now_s: float) -> float:
        """When `tick` has something to do next."""
        parts = self.parts
        last_moment_s = parts.opening.due_s if self.decision.held else math.inf
        return min(
            self.cyclic.next_due_s(now_s), parts.watchdog.deadline_s() + 1e-4, last_moment_s, now_s + _DECIDE_EVERY_S
        )

    def command(self, command: Command, now_s: float) -> Reply:
        """Carry out an operator's command, or refuse it with the reason."""
        return carry_out(self, command, now_s)

    def shut_down(self) -> None:
        """Zero power, inverter stopped, contactors open with the next `reconcile`; nothing moves afterwards."""
        self._shut_down, self.request_w = True, 0.0

    def restore(self, latches: Mapping[str, object]) -> None:
        """Take up the latches of the run before."""
        self.parts.restore(latches)
        self._latches = self.parts.latches()

    # Decisions

    def decide(self, now_s: float) -> Decision:
        """The decision for what is known now."""
        parts, pack = self.parts, self.pack
        pace = charging_pace(pack, self.thresholds.rated_power_w) if parts.floating.departure else None
        parts.window.in_force = parts.floating.at(parts.window.limits, now_s, pace)
        # A request of zero needs no ceiling.
        held_down = ceilings(parts, pack, self.thresholds, self.request_w, now_s) if self.request_w else ()
        setpoint = parts.arbiter.arbitrate(self.request_w, held_down)
        if self.request_w != 0:
            self._linger_until_s = now_s + self.thresholds.contactor_linger_s
        stop = self._stop_reason()
        contactors = stop is None and now_s < self._linger_until_s
        state = self.pack.get("contactor_state")
        closed = state is None or round(state) == _CLOSED
        # Zero power is reached down a ramp, which a pack that is over its current cannot wait for: the bridge stops at once.
        running = contactors and closed and self.request_w != 0 and not parts.over_current.held
        held = self.decision.contactors and not parts.opening.may_open(now_s)
        return Decision(
            contactors=contactors or held,
            held=held and not contactors,
            power_w=setpoint.power_w if running else None,
            setpoint=setpoint if stop is None else Setpoint(0.0, (stop,)),
            mode=self._mode(setpoint.power_w if running else 0.0),
            stop_reason=stop or ("Over-Current flag" if held else "standby"),
        )

    def _stop_reason(self) -> str | None:
        parts = self.parts
        if parts.trip.cause is not None:
            return f"emergency shutdown: {parts.trip.cause}"
        if not parts.watchdog.alive:
            return parts.watchdog.silent or "no BMS data yet"
        if parts.contactors.stuck is not None:
            return f"contactors {parts.contactors.stuck}"
        if parts.meters.disagree is not None:
            return parts.meters.disagree
        if not parts.inverter.online:
            return parts.inverter.offline or "inverter not connected yet"
        return "shutting down" if self._shut_down else None

    def _mode(self, power_w: float) -> Mode:
        if self.parts.trip.latched:
            return Mode.TRIPPED
        if self.parts.v2g_blocked():
            return Mode.CHARGE_ONLY
        if power_w == 0:
            return Mode.STANDBY
        return Mode.CHARGE if power_w > 0 else Mode.V2G

    def _review(self) -> str | None:
        soh_pct, limit_pct = self.pack.get("soh"), self.thresholds.soh_review_pct
        return f"SoH {soh_pct:g} %, threshold {limit_pct:g} %" if soh_pct is not None and soh_pct < limit_pct else None

    # Outputs

    def reconcile(self, now_s: float) -> list[Action]:
        """Decide with what is known now; the changes: first the inverter, then the contactors, then the records."""
        state = self.pack.get("contactor_state") if self.parts.watchdog.alive else None
        self.parts.contactors.update(asked_closed=self.decision.contactors, state=state, now_s=now_s)
        before, decision = self.decision, self.decide(now_s)
        self.decision, self._decided_s = decision, now_s
        actions: list[Action] = []
        lines: list[LogLine] = []
        if decision.power_w is None:
            if not self._stopped:
                self._stopped, self._issued_w = True, None
                self.parts.opening.on_stop(now_s)
                actions.append(StopInverter(decision.stop_reason))
                lines.append(LogLine(Level.INFO, "-", f"inverter stop: {decision.stop_reason}"))
        elif self._worth_a_write(decision.power_w, now_s):
            self._stopped, self._issued_w, self._issued_s = False, decision.power_w, now_s
            self.parts.opening.on_run()
            actions.append(SetInverterPower(decision.power_w))
        if (decision.contactors, decision.mode) != (before.contactors, before.mode):
            actions.append(self._send(self.settings.plan.command))
        if before.contactors and not decision.contactors and self.parts.opening.under_load:
            text = f"contactors asked to open although current may flow: {self.parts.opening.describe()}"
            lines.append(LogLine(Level.WARNING, "CONTACTORS_LAST_MOMENT", text))
        actions += lines
        actions += self.parts.book.report(self.parts.conditions(), now_s)
        latches = self.parts.latches()
        if latches != self._latches:
            self._latches = latches
            actions.append(SaveState(latches))
        self._decided_on = self._inputs()
        return actions

    def _worth_a_write(self, power_w: float, now_s: float) -> bool:
        """True for anything that lowers or reverses the power; for a rise when it is large, or when its period has passed."""
        issued_w = self._issued_w
        if issued_w is None:
            return True
        if power_w == issued_w:
            return False
        if abs(power_w) < abs(issued_w) or power_w * issued_w <= 0:
            return True
        step_w = abs(power_w - issued_w)
        if step_w >= _RISE_SHARE * self.thresholds.rated_power_w:
            return True
        return step_w >= _STEP_W and now_s - self._issued_s >= _RISE_EVERY_S

    def outputs(self) -> dict[str, float]:
        """Role -> value of everything that the controller sends."""
        decision, parts = self.decision, self.parts
        return {
            "contactor_request": float(decision.contactors),
            "power_setpoint": float(decision.power_w or 0.0),
            "operating_mode": float(decision.mode),
            "cooling_request": float(parts.thermal.cooling or parts.precool.on),
            "error_code": float(parts.book.error_code),
            "trip_latched": float(parts.trip.latched),
            "charge_only": float(self.parts.v2g_blocked() is not None),
        }

    def _send(self, message: str) -> SendFrame:
        values = self.outputs()
        return SendFrame(
            message, {role: values[role] for role in self.settings.plan.roles_sent[message] if role in values}
        )
