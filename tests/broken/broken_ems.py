"""Reference controllers with one seeded defect each: a suite that passes one of them has a hole.

Loaded by the daemon's test hook: `v2g-daemon --config ems.toml --core tests/broken/broken_ems.py:hot_cell_ignored`.
Each factory takes EmsSettings and returns the Ems. `FACTORIES`: name -> factory.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from v2g_bench.ems.actions import Action, Frame, LogLine, SetInverterPower
from v2g_bench.ems.balance import CellImbalance
from v2g_bench.ems.core import Ems
from v2g_bench.ems.derating import SlowRise
from v2g_bench.ems.events import Event, EventBook
from v2g_bench.ems.limits import InForce, SocLimits
from v2g_bench.ems.microcycle import MicroCycle
from v2g_bench.ems.pack_state import PackState
from v2g_bench.ems.parts import EmsParts, EmsSettings
from v2g_bench.ems.ranges import Believable
from v2g_bench.ems.setpoint import Arbiter, Ceiling, Setpoint
from v2g_bench.ems.soc import SocDivergence
from v2g_bench.ems.trip import EmergencyTrip, TripLimits
from v2g_bench.ems.watchdog import BmsWatchdog
from v2g_bench.ems.window import FloatingWindow


def _with(settings: EmsSettings, **parts: object) -> Ems:
    """The sound controller with these parts replaced."""
    return Ems(settings, replace(EmsParts.build(settings), **parts))


def _limits(settings: EmsSettings) -> TripLimits:
    thresholds = settings.thresholds
    return TripLimits(thresholds.trip_temperature_c, thresholds.trip_string_difference_v)


class _BlindToHeat(EmergencyTrip):
    def judge(self, role: str, value: float) -> str | None:
        return None if "temperature" in role else super().judge(role, value)


def hot_cell_ignored(settings: EmsSettings) -> Ems:
    """No temperature trips."""
    return _with(settings, trip=_BlindToHeat(_limits(settings)))


class _Late(EmergencyTrip):
    """Every value is judged 60 ms after it came."""

    delay_s = 0.060

    def __init__(self, limits: TripLimits) -> None:
        super().__init__(limits)
        self._waiting: deque[tuple[float, Mapping[str, float]]] = deque()

    def hear(self, values: Mapping[str, float], now_s: float = 0.0) -> bool:
        self._waiting.append((now_s, values))
        tripped = False
        while self._waiting and self._waiting[0][0] <= now_s - self.delay_s:
            tripped |= super().hear(self._waiting.popleft()[1], now_s)
        return tripped


def hot_cell_late(settings: EmsSettings) -> Ems:
    """The trip comes 60 ms late."""
    return _with(settings, trip=_Late(_limits(settings)))


class _BlindToStrings(EmergencyTrip):
    def judge(self, role: str, value: float) -> str | None:
        return None if role == "string_voltage_difference" else super().judge(role, value)


def strings_ignored(settings: EmsSettings) -> Ems:
    """Diverging strings do not trip."""
    return _with(settings, trip=_BlindToStrings(_limits(settings)))


class _AtLimit(EmergencyTrip):
    def judge(self, role: str, value: float) -> str | None:
        if "temperature" in role and value >= self.limits.temperature_c - 1e-6:
            return f"{role} is {value:g}"
        if role == "string_voltage_difference" and value >= self.limits.string_difference_v - 1e-6:
            return f"{role} is {value:g}"
        return None


def trips_at_limit(settings: EmsSettings) -> Ems:
    """Trips at exactly 45 °C and 300 mV already: >= where the manual says above."""
    return _with(settings, trip=_AtLimit(_limits(settings)))


class _NotLatching(EmergencyTrip):
    def hear(self, values: Mapping[str, float], now_s: float = 0.0) -> bool:
        tripped = super().hear(values, now_s)
        if self.unsafe() is None:
            self.cause = None
        return tripped


def trip_does_not_latch(settings: EmsSettings) -> Ems:
    """The trip releases itself as soon as the pack reports safe values; nobody has to reset it."""
    return _with(settings, trip=_NotLatching(_limits(settings)))


class _NeverSilent(BmsWatchdog):
    def tick(self, now_s: float) -> None:
        if not self.alive:
            super().tick(now_s)

    def lose(self, why: str) -> None:
        return

    def deadline_s(self) -> float:
        return float("inf")


def bms_silence_ignored(settings: EmsSettings) -> Ems:
    """Once it has heard the BMS it goes on with the last values for ever."""
    thresholds = settings.thresholds
    watchdog = _NeverSilent(settings.plan.watched, thresholds.bms_recover_s, thresholds.startup_s)
    return _with(settings, watchdog=watchdog)


def gradient_not_derated(settings: EmsSettings) -> Ems:
    """Logs 0x01A2 and leaves the discharge rate as it is."""
    thresholds = settings.thresholds.model_copy(update={"gradient_discharge_pct": 100.0})
    return Ems(replace(settings, thresholds=thresholds))


class _Trusting(SocDivergence):
    def deviates(self, offset_pct: float) -> bool:
        return False


def soc_divergence_ignored(settings: EmsSettings) -> Ems:
    """Believes any state of charge that the BMS reports."""
    return _with(settings, soc=_Trusting(settings.thresholds.soc_divergence_pct))


class _BoldParts(EmsParts):
    def v2g_blocked(self) -> str | None:
        noisy, self.signal.noisy = self.signal.noisy, None
        blocked = super().v2g_blocked()
        self.signal.noisy = noisy
        return blocked


def emi_keeps_discharging(settings: EmsSettings) -> Ems:
    """Logs 0x0B22 and goes on discharging."""
    return Ems(settings, _BoldParts.build(settings))


class _Leaky(Arbiter):
    def settle(self, request_w: float, ceilings: Iterable[Ceiling]) -> Setpoint:
        setpoint = super().settle(request_w, ceilings)
        if request_w < 0 and any(reason.startswith("charge-only") for reason in setpoint.limited_by):
            return Setpoint(-50.0, setpoint.limited_by)
        return setpoint


def charge_only_leaks_50w(settings: EmsSettings) -> Ems:
    """In charge-only mode 50 W of the discharge that was under way go on."""
    return _with(settings, arbiter=_Leaky())


class _Scaled(Ems):
    def settle(self, now_s: float) -> list[Action]:
        return [
            SetInverterPower(action.power_w * 1.05) if isinstance(action, SetInverterPower) else action
            for action in super().settle(now_s)
        ]


def power_scaled_5pct(settings: EmsSettings) -> Ems:
    """The inverter is told 5 % more than was asked for and reported."""
    return _Scaled(settings)


class _Reversed(Ems):
    def settle(self, now_s: float) -> list[Action]:
        return [
            SetInverterPower(-action.power_w) if isinstance(action, SetInverterPower) else action
            for action in super().settle(now_s)
        ]


def power_sign_wrong(settings: EmsSettings) -> Ems:
    """Charges where it was asked to discharge, and the other way round."""
    return _Reversed(settings)


class _Gullible(Ems):
    def hear(self, frame: Frame, now_s: float) -> list[Action]:
        return super().hear(Frame(frame.message, frame.values), now_s)


def corrupt_frames_believed(settings: EmsSettings) -> Ems:
    """Takes frames with a wrong CRC or sequence for good ones."""
    return _Gullible(settings)


class _Mute(EventBook):
    def report(self, active: Mapping[Event, str], now_s: float) -> list[LogLine]:
        return [line for line in super().report(active, now_s) if line.code == "-"]


def code_not_logged(settings: EmsSettings) -> Ems:
    """Acts right and logs no code of any condition."""
    return _with(settings, book=_Mute())


class _Generous(PackState):
    def get(self, role: str) -> float | None:
        value = super().get(role)
        return None if role == "discharge_power_continuous" and value is not None else value


def continuous_rating_ignored(settings: EmsSettings) -> Ems:
    """Discharges beyond the continuous rating of the battery."""
    ems = Ems(settings)
    ems.pack = _Generous()
    return ems


class _NeverImbalanced(CellImbalance):
    def _judge(self, flag: bool, *, full: bool) -> None:
        self.latched = False


def imbalance_ignored(settings: EmsSettings) -> Ems:
    """Goes on discharging a pack whose cells are out of balance."""
    return _with(settings, balance=_NeverImbalanced())


class _Careless(FloatingWindow):
    def at(self, limits: SocLimits, now_s: float, charge_pct_per_s: float | None) -> InForce:
        self.departure = None
        return super().at(limits, now_s, charge_pct_per_s)


def departure_ignored(settings: EmsSettings) -> Ems:
    """Discharges a vehicle that is about to leave."""
    return _with(settings, floating=_Careless())


def micro_cycle_ignored(settings: EmsSettings) -> Ems:
    """Discharges down to MIN_SOC in one go."""
    return _with(settings, micro_cycle=MicroCycle(100.0))


class _Credulous(Believable):
    def settle(self, values: Mapping[str, float], now_s: float) -> Mapping[str, float]:
        return values


def implausible_believed(settings: EmsSettings) -> Ems:
    """Believes whatever number a frame carries."""
    return _with(settings, believable=_Credulous())


def derating_springs_back(settings: EmsSettings) -> Ems:
    """Gives back at once what the derating map had taken away."""
    return _with(settings, slow_rise=SlowRise(settings.thresholds.rated_power_w, 1e6))


FACTORIES: dict[str, Callable[[EmsSettings], Ems]] = {
    factory.__name__: factory
    for factory in (
        hot_cell_ignored,
        hot_cell_late,
        strings_ignored,
        trips_at_limit,
        trip_does_not_latch,
        bms_silence_ignored,
        gradient_not_derated,
        soc_divergence_ignored,
        emi_keeps_discharging,
        charge_only_leaks_50w,
        power_scaled_5pct,
        power_sign_wrong,
        corrupt_frames_believed,
        code_not_logged,
        continuous_rating_ignored,
        imbalance_ignored,
        departure_ignored,
        micro_cycle_ignored,
        implausible_believed,
        derating_springs_back,
    )
}
