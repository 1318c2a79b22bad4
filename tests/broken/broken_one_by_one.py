"""Reference controllers with one seeded defect each, as `broken_ems` has them: here each breaks one requirement and no other.

Some of the defects are of the shell around the core: their factories change the running process, which is the
controller's own, or that of a simulation with no other controller in it. `FACTORIES`: name -> factory.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

import can

from v2g_bench.ems import requests
from v2g_bench.ems.actions import Action, Frame, Level, LogLine, Quality, SendFrame, SetInverterPower
from v2g_bench.ems.audit import AuditTrail, Head
from v2g_bench.ems.balance import CellImbalance
from v2g_bench.ems.canport import CanPort
from v2g_bench.ems.commands import Command, Reload, Reply
from v2g_bench.ems.config import EmsConfig
from v2g_bench.ems.core import Ems
from v2g_bench.ems.derating import DeratingMap
from v2g_bench.ems.events import Event, EventBook
from v2g_bench.ems.limits import InForce, SocLimits, SocWindow
from v2g_bench.ems.pack_state import PackState
from v2g_bench.ems.parts import EmsParts, EmsSettings
from v2g_bench.ems.precool import PreCooling
from v2g_bench.ems.setpoint import Arbiter, Ceiling, CellVoltageGuard, OverCurrentHold, Setpoint
from v2g_bench.ems.signal_quality import SignalQuality
from v2g_bench.ems.thermal import ThermalGuard, ThermalPolicy
from v2g_bench.ems.trip import EmergencyTrip, TripLimits
from v2g_bench.ems.watchdog import BmsWatchdog, InverterWatch
from v2g_bench.ems.window import FloatingWindow
from v2g_bench.errors import BenchError


def _with(settings: EmsSettings, **parts: object) -> Ems:
    """The sound controller with these parts replaced."""
    return Ems(settings, replace(EmsParts.build(settings), **parts))


def _limits(settings: EmsSettings) -> TripLimits:
    thresholds = settings.thresholds
    return TripLimits(thresholds.trip_temperature_c, thresholds.trip_string_difference_v)


class _LateAtFullPower(EmergencyTrip):
    """Each value is judged 60 ms after it came while much flows."""

    ems: Ems

    def __init__(self, limits: TripLimits) -> None:
        super().__init__(limits)
        self._waiting: deque[tuple[float, Mapping[str, float]]] = deque()

    def hear(self, values: Mapping[str, float], now_s: float = 0.0) -> bool:
        delay_s = 0.060 if abs(self.ems.request_w) > 5000 else 0.0
        heat = {role: value for role, value in values.items() if "temperature" in role}
        self._waiting.append((now_s, heat))
        tripped = super().hear({role: value for role, value in values.items() if role not in heat}, now_s)
        while self._waiting and self._waiting[0][0] <= now_s - delay_s:
            tripped |= super().hear(self._waiting.popleft()[1], now_s)
        return tripped


def hot_cell_late_at_full_power(settings: EmsSettings) -> Ems:
    """The trip comes 60 ms late at full power."""
    trip = _LateAtFullPower(_limits(settings))
    trip.ems = ems = _with(settings, trip=trip)
    return ems


class _EasilyReset(EmergencyTrip):
    def reset(self) -> str | None:
        self.cause = None
        return None

    def unsafe(self) -> str | None:
        return None

    def hear(self, values: Mapping[str, float], now_s: float = 0.0) -> bool:
        dangers = [danger for role, value in values.items() if (danger := self.judge(role, value))]
        if dangers and self.cause is None:
            self.cause = dangers[0]
            return True
        return False


def reset_while_hot(settings: EmsSettings) -> Ems:
    """The operator's reset is taken though the cell is still hot."""
    return _with(settings, trip=_EasilyReset(_limits(settings)))


class _PatientWatch(InverterWatch):
    def tick(self, now_s: float) -> None:
        return


def inverter_silence_ignored(settings: EmsSettings) -> Ems:
    """Never notices that the inverter does not answer."""
    return _with(settings, inverter=_PatientWatch())


class _Optimist(BmsWatchdog):
    """Alive before anything was heard; afterwards as it should be."""

    heard = False

    def hear(self, message: str, now_s: float) -> None:
        self.heard = True
        super().hear(message, now_s)

    def tick(self, now_s: float) -> None:
        if self.heard:
            super().tick(now_s)
        else:
            self.alive = True


class _NeedsNoData(Arbiter):
    def settle(self, request_w: float, ceilings: Iterable[Ceiling]) -> Setpoint:
        return super().settle(request_w, [one for one in ceilings if one.reason != "no BMS data yet"])


def starts_blind(settings: EmsSettings) -> Ems:
    """Takes power commands before it has heard the BMS."""
    thresholds = settings.thresholds
    watchdog = _Optimist(settings.plan.watched, thresholds.bms_recover_s, thresholds.startup_s)
    return _with(settings, watchdog=watchdog, arbiter=_NeedsNoData())


class _Undeterred(EmsParts):
    def v2g_blocked(self) -> str | None:
        diverged, self.soc.diverged = self.soc.diverged, None
        blocked = super().v2g_blocked()
        self.soc.diverged = diverged
        return blocked


def soc_divergence_discharges(settings: EmsSettings) -> Ems:
    """Logs 0x09BD and goes on discharging."""
    return Ems(settings, _Undeterred.build(settings))


class _Forgetful(CellImbalance):
    def _judge(self, flag: bool, *, full: bool) -> None:
        if self.cause.startswith("trouble code"):
            super()._judge(flag, full=full)
        else:
            self.latched = flag


def imbalance_forgotten(settings: EmsSettings) -> Ems:
    """V2G is back as soon as the BMS no longer reports imbalance, without a balancing charge."""
    return _with(settings, balance=_Forgetful())


class _ReadsNothing(Ems):
    def hear_codes(self, code: str, now_s: float, *, stored: bool, active: bool) -> list[Action]:
        return []


def trouble_codes_ignored(settings: EmsSettings) -> Ems:
    """Reads the trouble codes of the BMS and does nothing about them."""
    return _ReadsNothing(settings)


class _Amnesiac(Ems):
    def restore(self, latches: Mapping[str, object]) -> None:
        return


def restart_releases_latches(settings: EmsSettings) -> Ems:
    """Begins each run without the latches of the one before."""
    return _Amnesiac(settings)


class _ReloadsAll(Ems):
    def command(self, command: Command, now_s: float) -> Reply:
        if isinstance(command, Reload):
            self.parts.trip.cause = None
        return super().command(command, now_s)


def reload_releases_trip(settings: EmsSettings) -> Ems:
    """A reload of the limits begins with everything anew, the trip included."""
    return _ReloadsAll(settings)


class _Distracted(EmergencyTrip):
    parts: EmsParts

    def hear(self, values: Mapping[str, float], now_s: float = 0.0) -> bool:
        return self.parts.v2g_blocked() is None and super().hear(values, now_s)


def trip_asleep_in_charge_only(settings: EmsSettings) -> Ems:
    """Nothing trips while another fault has latched V2G off."""
    trip = _Distracted(_limits(settings))
    ems = _with(settings, trip=trip)
    trip.parts = ems.parts
    return ems


class _SecondThoughts(EmergencyTrip):
    """Takes a trip back whose danger is over within 150 ms: it must have been a disturbance."""

    since_s = float("-inf")

    def hear(self, values: Mapping[str, float], now_s: float = 0.0) -> bool:
        tripped = super().hear(values, now_s)
        if tripped:
            self.since_s = now_s
        elif self.cause is not None and self.unsafe() is None and now_s - self.since_s < 0.15:
            self.cause = None
        return tripped


def short_trip_taken_back(settings: EmsSettings) -> Ems:
    """A danger that is over within 150 ms counts as none."""
    return _with(settings, trip=_SecondThoughts(_limits(settings)))


class _BelievesWhileCharging(Ems):
    def hear(self, frame: Frame, now_s: float) -> list[Action]:
        if frame.quality is not Quality.BAD or self.request_w <= 0:
            return super().hear(frame, now_s)
        signal, self.parts.signal = self.parts.signal, _Deaf(self.settings.plan.expected)
        try:
            signal.hear(frame.message, frame.quality, now_s)
            return super().hear(Frame(frame.message, frame.values), now_s)
        finally:
            self.parts.signal = signal


class _Deaf(SignalQuality):
    def hear(self, message: str, quality: Quality, now_s: float) -> None:
        return


def damage_believed_while_charging(settings: EmsSettings) -> Ems:
    """Counts frames with a wrong checksum as lost, and acts on what they say while it charges."""
    return _BelievesWhileCharging(settings)


class _Spoiler:
    """A bus that damages what goes through it."""

    def __init__(self, bus: Any) -> None:
        self._bus = bus

    def send(self, message: can.Message, timeout: float | None = None) -> None:
        message.data[-1] ^= 1
        self._bus.send(message, timeout=timeout)


def commands_spoiled(settings: EmsSettings) -> Ems:
    """Each 20th of its frames has a checksum that does not fit."""
    sound, count = CanPort.send, itertools.count(1)

    def send(self: CanPort, frame: SendFrame) -> None:
        bus = self._bus
        if bus is not None and next(count) % 20 == 0:
            self._bus = cast(Any, _Spoiler(bus))
        try:
            sound(self, frame)
        finally:
            if isinstance(self._bus, _Spoiler):
                self._bus = bus

    CanPort.send = send  # type: ignore[method-assign]
    return Ems(settings)


class _BelowOnly(SocWindow):
    def ceiling(self, soc_pct: float, *, calibrating: bool) -> Ceiling | None:
        limits = (self.in_force or InForce(self.limits)).limits
        at_edge = soc_pct == limits.min_soc_pct
        return super().ceiling(soc_pct + 0.6 if at_edge else soc_pct, calibrating=calibrating)


def discharges_at_min_soc(settings: EmsSettings) -> Ems:
    """No discharge below MIN_SOC, but at it: < where <= belongs."""
    return _with(settings, window=_BelowOnly(settings.limits))


class _AboveOnly(SocWindow):
    def ceiling(self, soc_pct: float, *, calibrating: bool) -> Ceiling | None:
        limits = (self.in_force or InForce(self.limits)).limits
        at_edge = soc_pct == limits.max_soc_pct
        return super().ceiling(soc_pct - 0.6 if at_edge else soc_pct, calibrating=calibrating)


def charges_at_max_soc(settings: EmsSettings) -> Ems:
    """No charge above MAX_SOC, but at it."""
    return _with(settings, window=_AboveOnly(settings.limits))


class _Stubborn(Ems):
    def command(self, command: Command, now_s: float) -> Reply:
        if isinstance(command, Reload):
            return Reply(True, "reloaded", [])
        return super().command(command, now_s)


def reload_ignored(settings: EmsSettings) -> Ems:
    """Says that it has reloaded and goes on with the old limits."""
    return _Stubborn(settings)


def broken_limits_become_defaults(settings: EmsSettings) -> Ems:
    """A limits.conf that it cannot read puts the defaults into force, and is reported as reloaded."""
    sound = requests.load_files

    def load(config: EmsConfig) -> tuple[SocLimits, ThermalPolicy]:
        try:
            return sound(config)
        except BenchError:
            return SocLimits(), ThermalPolicy()

    requests.load_files = load
    return Ems(settings)


class _OffNear3Kw(Ems):
    def settle(self, now_s: float) -> list[Action]:
        return [
            replace(action, power_w=action.power_w * 1.03)
            if isinstance(action, SetInverterPower) and 2900 <= abs(action.power_w) <= 3100
            else action
            for action in super().settle(now_s)
        ]


def power_off_3pct_near_3kw(settings: EmsSettings) -> Ems:
    """The inverter is told 3 % more than was asked for, around the manual's 3 kW."""
    return _OffNear3Kw(settings)


class _NoHold(OverCurrentHold):
    def hear(self, flag: bool) -> None:
        return


def over_current_ignored(settings: EmsSettings) -> Ems:
    """Goes on while the BMS flags over-current."""
    return _with(settings, over_current=_NoHold())


def cells_charged_too_high(settings: EmsSettings) -> Ems:
    """Charges cells beyond 4.1 V."""
    limits = settings.thresholds
    return _with(settings, cell_voltages=CellVoltageGuard(4.2, limits.cell_lower_v))


def cells_discharged_too_low(settings: EmsSettings) -> Ems:
    """Discharges cells below 3.2 V."""
    limits = settings.thresholds
    return _with(settings, cell_voltages=CellVoltageGuard(limits.cell_upper_v, 3.0))


_LEVEL = ((0.0, 1.0), (1.0, 1.0))


def low_soc_not_derated(settings: EmsSettings) -> Ems:
    """Full power down to MIN_SOC."""
    return _with(settings, derating=DeratingMap(empty_discharge=_LEVEL))


def heat_not_derated(settings: EmsSettings) -> Ems:
    """Full power up to the emergency shutdown."""
    return _with(settings, derating=DeratingMap(hot=_LEVEL))


def cold_not_derated(settings: EmsSettings) -> Ems:
    """Charges a cold pack at full power."""
    return _with(settings, derating=DeratingMap(cold_charge=_LEVEL))


class _NoOverride(FloatingWindow):
    def at(self, limits: SocLimits, now_s: float, charge_pct_per_s: float | None) -> InForce:
        self.override = None
        return super().at(limits, now_s, charge_pct_per_s)


def override_ignored(settings: EmsSettings) -> Ems:
    """Accepts an override of the SoC limits and does not act on it."""
    return _with(settings, floating=_NoOverride())


class _Cautious(ThermalGuard):
    def hear(self, pack: PackState, now_s: float) -> None:
        policy, self.policy = self.policy, ThermalPolicy(self.policy.cooling_trigger_c - 1.0)
        super().hear(pack, now_s)
        self.policy = policy


def cooling_one_kelvin_early(settings: EmsSettings) -> Ems:
    """Cools from 31 °C on where 32 °C is configured."""
    limits = settings.thresholds
    return _with(settings, thermal=_Cautious(settings.policy, limits.gradient_k))


def policy_forgotten(settings: EmsSettings) -> Ems:
    """Begins each run with the default thermal policy, whatever its file says."""
    return Ems(replace(settings, policy=ThermalPolicy()))


class _NoPlan(PreCooling):
    def hear(self, pack: PackState, now_s: float) -> None:
        return


def precooling_ignored(settings: EmsSettings) -> Ems:
    """Takes a V2G window and does not cool before it."""
    return _with(settings, precool=_NoPlan())


class _Silent(DeratingMap):
    def ceiling(self, rated_w: float, *, hottest_c: float, coldest_c: float, soc_pct: float) -> Ceiling:
        ceiling = super().ceiling(rated_w, hottest_c=hottest_c, coldest_c=coldest_c, soc_pct=soc_pct)
        return replace(ceiling, reason="map")


def derating_untold(settings: EmsSettings) -> Ems:
    """Holds the power down and does not say why."""
    return _with(settings, derating=_Silent())


class _Blank(PackState):
    """A pack state in which some roles always read the same."""

    fixed: Mapping[str, float]

    def get(self, role: str) -> float | None:
        return self.fixed.get(role, super().get(role))


def _seeing(settings: EmsSettings, **fixed: float) -> Ems:
    ems = Ems(settings)
    ems.pack = pack = _Blank()
    pack.fixed = fixed
    return ems


def cycles_unknown(settings: EmsSettings) -> Ems:
    """Shows no cycles, whatever the BMS has counted."""
    return _seeing(settings, cycle_count=0.0)


def throughput_stuck(settings: EmsSettings) -> Ems:
    """Shows no throughput, whatever the BMS has counted."""
    return _seeing(settings, energy_throughput=0.0)


def review_late(settings: EmsSettings) -> Ems:
    """Asks for a review below 70 % health only."""
    return Ems(replace(settings, thresholds=settings.thresholds.model_copy(update={"soh_review_pct": 70.0})))


class _CriesWolf(Ems):
    cried = False

    def settle(self, now_s: float) -> list[Action]:
        actions = super().settle(now_s)
        if not self.cried and any(isinstance(action, SetInverterPower) for action in actions):
            self.cried = True
            actions.append(LogLine(Level.ERROR, "0x05F1", "Handshake Timeout: nothing was lost"))
        return actions


def cries_wolf(settings: EmsSettings) -> Ems:
    """Logs a fault code without a fault."""
    return _CriesWolf(settings)


class _Terse(EventBook):
    def report(self, active: Mapping[Event, str], now_s: float) -> list[LogLine]:
        return [replace(line, text="see manual") for line in super().report(active, now_s)]


def code_without_words(settings: EmsSettings) -> Ems:
    """Logs its codes without their descriptions."""
    return _with(settings, book=_Terse())


def override_unlogged(settings: EmsSettings) -> Ems:
    """Keeps its record of overrides, and says nothing of them in the log."""
    sound = requests.Requests._record

    async def record(self: Any, what: str, who: Any, answer: Any, before: Any) -> bool:
        said, self._said = self._said, lambda line: None
        try:
            return await sound(self, what, who, answer, before)
        finally:
            self._said = said

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


FACTORIES: dict[str, Callable[[EmsSettings], Ems]] = {
    factory.__name__: factory
    for factory in (
        hot_cell_late_at_full_power,
        reset_while_hot,
        inverter_silence_ignored,
        starts_blind,
        soc_divergence_discharges,
        imbalance_forgotten,
        trouble_codes_ignored,
        restart_releases_latches,
        reload_releases_trip,
        trip_asleep_in_charge_only,
        short_trip_taken_back,
        damage_believed_while_charging,
        commands_spoiled,
        discharges_at_min_soc,
        charges_at_max_soc,
        reload_ignored,
        broken_limits_become_defaults,
        power_off_3pct_near_3kw,
        over_current_ignored,
        cells_charged_too_high,
        cells_discharged_too_low,
        low_soc_not_derated,
        heat_not_derated,
        cold_not_derated,
        override_ignored,
        cooling_one_kelvin_early,
        policy_forgotten,
        precooling_ignored,
        derating_untold,
        cycles_unknown,
        throughput_stuck,
        review_late,
        cries_wolf,
        code_without_words,
        override_unlogged,
        record_forged,
    )
}
