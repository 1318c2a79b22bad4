"""Reference controllers with one seeded defect each, as `v2g-daemon --core MODULE:FACTORY` loads them.

Each factory takes EmsSettings and gives the Ems; `catalogue` names the check that must find it. Delays are such that the
whole reaction lies where the name says: in the simulation the sound controller isolates in 8.6 ms.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import ClassVar

from v2g_bench.ems.actions import Action, Frame, LogLine, Quality, SetInverterPower, StopInverter
from v2g_bench.ems.balance import CellImbalance
from v2g_bench.ems.commands import Command, Reply, SetPower
from v2g_bench.ems.core import Decision, Ems
from v2g_bench.ems.events import EMERGENCY_SHUTDOWN, Event, EventBook
from v2g_bench.ems.pack_state import PackState
from v2g_bench.ems.parts import EmsParts, EmsSettings
from v2g_bench.ems.setpoint import Arbiter, Ceiling, Setpoint
from v2g_bench.ems.soc import SocDivergence
from v2g_bench.ems.trip import EmergencyTrip, TripLimits
from v2g_bench.ems.watchdog import BmsWatchdog

Factory = Callable[[EmsSettings], Ems]
SOUND_MS = 8.6  # from the dangerous frame to the current's end, in the simulation
STRINGS = "string_voltage_difference"


def _with(settings: EmsSettings, **parts: object) -> Ems:
    """The sound controller with these parts replaced."""
    return Ems(settings, replace(EmsParts.build(settings), **parts))  # type: ignore[arg-type]


def _limits(settings: EmsSettings) -> TripLimits:
    thresholds = settings.thresholds
    return TripLimits(thresholds.trip_temperature_c, thresholds.trip_string_difference_v)


def _tuned(settings: EmsSettings, **thresholds: float) -> Ems:
    """The sound controller with other thresholds."""
    return Ems(replace(settings, thresholds=settings.thresholds.model_copy(update=thresholds)))


# The emergency trip


class _Late(Ems):
    """Judges the dangers of one kind this much after they came, to the microsecond."""

    late_s = 0.0
    roles: tuple[str, ...] = ("cell_temperature", "module_temperature")

    def __init__(self, settings: EmsSettings) -> None:
        super().__init__(settings)
        self._late: list[tuple[float, int, dict[str, float]]] = []

    def hear(self, frame: Frame, now_s: float) -> list[Action]:
        if frame.quality is not Quality.GOOD:
            return super().hear(frame, now_s)
        kept = {role: value for role, value in frame.values.items() if self._concerns(role, value)}
        if not kept:
            return super().hear(frame, now_s)
        heapq.heappush(self._late, (now_s + self.late_s, len(self._late), kept))
        return super().hear(
            Frame(frame.message, {role: value for role, value in frame.values.items() if role not in kept}), now_s
        )

    def tick(self, now_s: float) -> list[Action]:
        actions: list[Action] = []
        while self._late and self._late[0][0] <= now_s + 1e-9:
            if self.parts.trip.hear(heapq.heappop(self._late)[2], now_s):
                self.request_w = 0.0
                actions += self.settle(now_s)
        return actions + super().tick(now_s)

    def next_due_s(self, now_s: float) -> float:
        due_s = super().next_due_s(now_s)
        return min(due_s, self._late[0][0]) if self._late else due_s

    def _concerns(self, role: str, value: float) -> bool:
        return role.startswith(self.roles) and self.parts.trip.judge(role, value) is not None


def _late(total_ms: float, *roles: str) -> Factory:
    def factory(settings: EmsSettings) -> Ems:
        ems = _Late(settings)
        ems.late_s = (total_ms - SOUND_MS) / 1e3
        ems.roles = roles or ems.roles
        return ems

    return factory


hot_cell_in_45_ms, hot_cell_in_49_ms = _late(45), _late(49)  # near misses: these have to pass
hot_cell_in_51_ms, hot_cell_in_55_ms, hot_cell_in_70_ms = _late(51), _late(55), _late(70)
strings_in_49_ms, strings_in_51_ms = _late(49, STRINGS), _late(51, STRINGS)
strings_in_55_ms, strings_in_70_ms = _late(55, STRINGS), _late(70, STRINGS)


class _Trip(EmergencyTrip):
    """A trip with its own idea of what is dangerous."""

    blind_to: tuple[str, ...] = ()
    above: ClassVar[dict[str, float]] = {"cell": 45.0, "module": 45.0, "string": 0.3}

    def __init__(self, limits: TripLimits) -> None:
        super().__init__(limits)
        self.limits_of = dict(self.above)

    def judge(self, role: str, value: float) -> str | None:
        if role.startswith(self.blind_to):
            return None
        limit = self.limits_of.get(role.partition("_")[0]) if "temperature" in role or role == STRINGS else None
        return f"{role} is {value:g}, limit {limit:g}" if limit is not None and value > limit + 1e-6 else None


def _tripping(blind_to: tuple[str, ...] = (), **above: float) -> Factory:
    def factory(settings: EmsSettings) -> Ems:
        trip = _Trip(_limits(settings))
        trip.blind_to, trip.limits_of = blind_to, _Trip.above | above
        return _with(settings, trip=trip)

    return factory


hot_cell_ignored = _tripping(("cell_temperature", "module_temperature"))
strings_ignored = _tripping((STRINGS,))
hot_limit_one_bit_high = _tripping(cell=45.1, module=45.1)
strings_limit_one_bit_high = _tripping(string=0.301)
hot_limit_one_bit_low = _tripping(cell=44.9, module=44.9)
strings_limit_one_bit_low = _tripping(string=0.299)
hot_limit_50 = _tripping(cell=50.0, module=50.0)
strings_limit_500_mv = _tripping(string=0.5)
hot_limit_in_volts = _tripping(cell=45.0e3, module=45.0e3)  # a unit mixed up


class _Filtered(EmergencyTrip):
    """Trips when the mean of the last `frames` values is dangerous."""

    frames = 8

    def __init__(self, limits: TripLimits) -> None:
        super().__init__(limits)
        self._last: dict[str, deque[float]] = {}

    def judge(self, role: str, value: float) -> str | None:
        if "temperature" not in role and role != STRINGS:
            return None
        last = self._last.setdefault(role, deque(maxlen=self.frames))
        last.append(value)
        return super().judge(role, sum(last) / len(last))


class _Debounced(EmergencyTrip):
    """Trips at the sixth dangerous frame in a row."""

    def __init__(self, limits: TripLimits) -> None:
        super().__init__(limits)
        self._seen: dict[str, int] = {}

    def judge(self, role: str, value: float) -> str | None:
        unsafe = super().judge(role, value)
        self._seen[role] = self._seen.get(role, 0) + 1 if unsafe else 0
        return unsafe if self._seen[role] >= 6 else None


class _Polling(EmergencyTrip):
    """Looks at what it has heard every 100 ms."""

    def __init__(self, limits: TripLimits) -> None:
        super().__init__(limits)
        self._looked_s = float("-inf")

    def hear(self, values: Mapping[str, float], now_s: float = 0.0) -> bool:
        if STRINGS not in values or now_s - self._looked_s < 0.1:
            return False
        self._looked_s = now_s
        return super().hear(values, now_s)


class _NotLatching(EmergencyTrip):
    def hear(self, values: Mapping[str, float], now_s: float = 0.0) -> bool:
        tripped = super().hear(values, now_s)
        if self.unsafe() is None:
            self.cause = None
        return tripped


def hot_cell_averaged(settings: EmsSettings) -> Ems:
    """A mean over eight frames hides a hot cell for too long."""
    return _with(settings, trip=_Filtered(_limits(settings)))


def six_frames_wanted(settings: EmsSettings) -> Ems:
    """A danger has to be seen six times."""
    return _with(settings, trip=_Debounced(_limits(settings)))


def polls_every_100_ms(settings: EmsSettings) -> Ems:
    """Half of the rate that the manual asks for."""
    return _with(settings, trip=_Polling(_limits(settings)))


def trip_does_not_latch(settings: EmsSettings) -> Ems:
    """The trip is over when the pack says safe values again."""
    return _with(settings, trip=_NotLatching(_limits(settings)))


class _Accepting(Ems):
    """Power is accepted although a trip is latched, and forgets the trip with it."""

    def command(self, command: Command, now_s: float) -> Reply:
        if isinstance(command, SetPower):
            self.parts.trip.cause = None
        return super().command(command, now_s)


class _HalfBlind(Ems):
    """Does not trip while power flows in one direction."""

    charging = True

    def hear(self, frame: Frame, now_s: float) -> list[Action]:
        if (self.request_w > 0) is self.charging and self.request_w:
            safe = {r: v for r, v in frame.values.items() if self.parts.trip.judge(r, v) is None}
            frame = Frame(frame.message, safe, frame.quality)
        return super().hear(frame, now_s)


class _BlindDischarging(_HalfBlind):
    charging = False


class _ContactorsStay(Ems):
    """Stops the inverter and leaves the pack connected."""

    def decide(self, now_s: float) -> Decision:
        decision = super().decide(now_s)
        return replace(decision, contactors=True) if self.parts.trip.latched else decision


class _InverterStays(Ems):
    """A trip opens the contactors after a second and does not tell the inverter to stop."""

    def settle(self, now_s: float) -> list[Action]:
        return [action for action in super().settle(now_s) if not isinstance(action, StopInverter)]

    def decide(self, now_s: float) -> Decision:
        decision = super().decide(now_s)
        return replace(decision, contactors=True) if self.parts.trip.latched else decision


class _Crashing(Ems):
    """Dies of the first dangerous value."""

    def hear(self, frame: Frame, now_s: float) -> list[Action]:
        if any(self.parts.trip.judge(role, value) for role, value in frame.values.items()):
            raise RuntimeError("index out of range")
        return super().hear(frame, now_s)


power_accepted_after_trip: Factory = _Accepting
blind_while_charging: Factory = _HalfBlind
blind_while_discharging: Factory = _BlindDischarging
contactors_stay_closed: Factory = _ContactorsStay
inverter_not_stopped: Factory = _InverterStays
crashes_on_danger: Factory = _Crashing


# What the log says


class _Book(EventBook):
    """A log that leaves out or changes lines."""

    drop: tuple[str, ...] = ()
    change: Callable[[LogLine], LogLine] | None = None

    def report(self, active: Mapping[Event, str], now_s: float) -> list[LogLine]:
        lines = [line for line in super().report(active, now_s) if line.code not in self.drop]
        return lines if self.change is None else [self.change(line) for line in lines]


def _logging(*drop: str, change: Callable[[LogLine], LogLine] | None = None) -> Factory:
    def factory(settings: EmsSettings) -> Ems:
        book = _Book()
        book.drop, book.change = drop, change
        return _with(settings, book=book)

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


class _CriesWolf(EventBook):
    """Says ERR_BMS_TIMEOUT with every trip."""

    def report(self, active: Mapping[Event, str], now_s: float) -> list[LogLine]:
        lines = super().report(active, now_s)
        wolf = [replace(line, code="ERR_BMS_TIMEOUT") for line in lines if line.code == EMERGENCY_SHUTDOWN.code]
        return lines + wolf


def log_invents_a_timeout(settings: EmsSettings) -> Ems:
    """A second, untrue line beside the true one."""
    return _with(settings, book=_CriesWolf())


# Power


class _Power(Ems):
    """What the inverter is told is not what was decided."""

    gain, offset_w, charge_gain = 1.0, 0.0, 1.0

    def settle(self, now_s: float) -> list[Action]:
        return [
            SetInverterPower(self._told_w(action.power_w)) if isinstance(action, SetInverterPower) else action
            for action in super().settle(now_s)
        ]

    def _told_w(self, power_w: float) -> float:
        gain = self.gain * (self.charge_gain if power_w > 0 else 1.0)
        return gain * power_w + self.offset_w


def _telling(gain: float = 1.0, offset_w: float = 0.0, charge_gain: float = 1.0) -> Factory:
    def factory(settings: EmsSettings) -> Ems:
        ems = _Power(settings)
        ems.gain, ems.offset_w, ems.charge_gain = gain, offset_w, charge_gain
        return ems

    return factory


power_sign_wrong, power_5_pct_high, power_3_pct_low = _telling(-1.0), _telling(1.05), _telling(0.97)
power_100_w_off, charge_power_5_pct_low = _telling(offset_w=-100.0), _telling(charge_gain=0.95)


class _Idle(Ems):
    """Accepts every power and tells the inverter nothing."""

    def settle(self, now_s: float) -> list[Action]:
        return [action for action in super().settle(now_s) if not isinstance(action, SetInverterPower)]


accepts_and_does_nothing: Factory = _Idle


# Silence and stale data


class _NeverSilent(BmsWatchdog):
    def tick(self, now_s: float) -> None:
        if not self.alive:
            super().tick(now_s)

    def lose(self, why: str) -> None:
        return

    def deadline_s(self) -> float:
        return float("inf")


def stale_data_used(settings: EmsSettings) -> Ems:
    """Goes on with the last values when the BMS is silent."""
    thresholds = settings.thresholds
    return _with(settings, watchdog=_NeverSilent(settings.plan.watched, thresholds.bms_recover_s, thresholds.startup_s))


def silence_after_a_second(settings: EmsSettings) -> Ems:
    """Waits a second for the BMS."""
    watched = {name: patience_s + 1.0 for name, patience_s in settings.plan.watched.items()}
    return Ems(replace(settings, plan=replace(settings.plan, watched=watched)))


class _RepeatsCount(Ems):
    """Takes repeated frames for new ones."""

    def hear(self, frame: Frame, now_s: float) -> list[Action]:
        if frame.quality is Quality.REPEATED:
            frame = Frame(frame.message, frame.values)
        return super().hear(frame, now_s)


counter_unchecked: Factory = _RepeatsCount


class _Gullible(Ems):
    """Takes frames with a wrong checksum or counter for good ones."""

    def hear(self, frame: Frame, now_s: float) -> list[Action]:
        return super().hear(Frame(frame.message, frame.values), now_s)


checksum_unchecked: Factory = _Gullible


# Fallbacks


def gradient_not_derated(settings: EmsSettings) -> Ems:
    """Says 0x01A2 and goes on as before."""
    return _tuned(settings, gradient_discharge_pct=100.0)


def gradient_derated_5_pct(settings: EmsSettings) -> Ems:
    """Takes away too little to be called derated."""
    return _tuned(settings, gradient_discharge_pct=95.0)


def gradient_limit_20_k(settings: EmsSettings) -> Ems:
    """Calls nothing a gradient that is less than 20 K."""
    return _tuned(settings, gradient_k=20.0)


def divergence_limit_20_pct(settings: EmsSettings) -> Ems:
    """Believes a state of charge that is 8 % off."""
    return _tuned(settings, soc_divergence_pct=20.0)


def noise_limit_60_pct(settings: EmsSettings) -> Ems:
    """Calls a line good that loses a quarter of its frames."""
    return _tuned(settings, packet_loss_pct=60.0)


class _Forgiving(SocDivergence):
    """Forgets a divergence when the SoC is back."""

    def hear(self, pack: PackState, now_s: float, *, gap_s: float = 0.2) -> None:
        super().hear(pack, now_s, gap_s=gap_s)
        if self.diverged is not None and not self.deviates(self.offset_pct):
            self.diverged = None


class _EasyReset(SocDivergence):
    """The offset can be reset without a calibration charge."""

    def reset_offset(self) -> str | None:
        self.calibrated = True
        return super().reset_offset()


class _NeverCalibrated(SocDivergence):
    """A calibration charge is never good enough."""

    def hear(self, pack: PackState, now_s: float, *, gap_s: float = 0.2) -> None:
        super().hear(pack, now_s, gap_s=gap_s)
        self.calibrated = False


def _counting(kind: type[SocDivergence]) -> Factory:
    return lambda settings: _with(settings, soc=kind(settings.thresholds.soc_divergence_pct))


divergence_forgotten, calibration_not_wanted = _counting(_Forgiving), _counting(_EasyReset)
calibration_never_done = _counting(_NeverCalibrated)


class _BoldParts(EmsParts):
    """Knows of latches and blocks nothing; `for_noise`, `for_soc`: of which."""

    for_noise = for_soc = False

    def v2g_blocked(self) -> str | None:
        noisy, diverged = self.signal.noisy, self.soc.diverged
        self.signal.noisy = None if self.for_noise else noisy
        self.soc.diverged = None if self.for_soc else diverged
        try:
            return super().v2g_blocked()
        finally:
            self.signal.noisy, self.soc.diverged = noisy, diverged


class _BoldInNoise(_BoldParts):
    for_noise = True


class _BoldInDivergence(_BoldParts):
    for_soc = True


def noise_keeps_discharging(settings: EmsSettings) -> Ems:
    """Says 0x0B22 and goes on discharging."""
    return Ems(settings, _BoldInNoise.build(settings))


def divergence_keeps_discharging(settings: EmsSettings) -> Ems:
    """Says 0x09BD and goes on discharging."""
    return Ems(settings, _BoldInDivergence.build(settings))


class _SoonGood(Ems):
    """The noise latch falls off by itself once the line is good."""

    def tick(self, now_s: float) -> list[Action]:
        if self.parts.signal.noisy is not None:
            self.parts.signal.reset()  # refused while the line is noisy
        return super().tick(now_s)


recovers_too_soon: Factory = _SoonGood


class _Leaky(Arbiter):
    """In charge-only mode a little of the discharge goes on."""

    leak_w = 60.0

    def settle(self, request_w: float, ceilings: Iterable[Ceiling]) -> Setpoint:
        setpoint = super().settle(request_w, ceilings)
        if request_w < 0 and any(reason.startswith("charge-only") for reason in setpoint.limited_by):
            return Setpoint(-self.leak_w, setpoint.limited_by)
        return setpoint


class _Blocking(Arbiter):
    """In charge-only mode nothing at all is allowed."""

    def settle(self, request_w: float, ceilings: Iterable[Ceiling]) -> Setpoint:
        held = list(ceilings)
        if any(ceiling.reason.startswith("charge-only") for ceiling in held):
            return Setpoint(0.0, ("charge-only",))
        return super().settle(request_w, held)


def charge_only_leaks_60_w(settings: EmsSettings) -> Ems:
    """60 W of discharge where none is allowed."""
    return _with(settings, arbiter=_Leaky())


def charge_only_forbids_charging(settings: EmsSettings) -> Ems:
    """The fallback keeps the pack from being charged, too."""
    return _with(settings, arbiter=_Blocking())


class _NeverImbalanced(CellImbalance):
    def _judge(self, flag: bool, *, full: bool) -> None:
        self.latched = False


class _SoonBalanced(CellImbalance):
    """Forgets an imbalance with its flag."""

    def _judge(self, flag: bool, *, full: bool) -> None:
        self.latched = flag


def imbalance_ignored(settings: EmsSettings) -> Ems:
    """Discharges a pack whose cells are out of balance."""
    return _with(settings, balance=_NeverImbalanced())


def imbalance_forgotten(settings: EmsSettings) -> Ems:
    """Discharges as soon as the flag is gone, without a balancing charge."""
    return _with(settings, balance=_SoonBalanced())
