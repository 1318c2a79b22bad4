"""Reference controllers with one seeded defect each that shows in a combination or afterwards: a second fault, a
recovery, a limit that is reached while power flows. As `broken_one_by_one`: each breaks one requirement and no other.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from v2g_bench.ems.actions import Action, Frame, LogLine
from v2g_bench.ems.core import Ems
from v2g_bench.ems.events import Event, EventBook
from v2g_bench.ems.limits import SocLimits, SocWindow
from v2g_bench.ems.parts import EmsParts, EmsSettings
from v2g_bench.ems.setpoint import Ceiling, OverCurrentHold
from v2g_bench.ems.signal_quality import SignalQuality
from v2g_bench.ems.trip import EmergencyTrip, TripLimits
from v2g_bench.ems.watchdog import BmsWatchdog, InverterWatch


def _with(settings: EmsSettings, **parts: object) -> Ems:
    """The sound controller with these parts replaced."""
    return Ems(settings, replace(EmsParts.build(settings), **parts))


def _limits(settings: EmsSettings) -> TripLimits:
    thresholds = settings.thresholds
    return TripLimits(thresholds.trip_temperature_c, thresholds.trip_string_difference_v)


def strings_limit_310_mv(settings: EmsSettings) -> Ems:
    """Strings may differ by 310 mV."""
    return _with(settings, trip=EmergencyTrip(TripLimits(_limits(settings).temperature_c, 0.310)))


class _FirstCauseOnly(EmergencyTrip):
    """Looks for danger in what tripped it alone, when it is to be reset."""

    def unsafe(self) -> str | None:
        if self.cause is None:
            return super().unsafe()
        role = self.cause.partition(" ")[0]
        return self._unsafe.get(role)


def reset_forgets_the_second_danger(settings: EmsSettings) -> Ems:
    """The operator's reset is taken while another danger stands than the one that tripped."""
    return _with(settings, trip=_FirstCauseOnly(_limits(settings)))


class _Distracted(Ems):
    def hear(self, frame: Frame, now_s: float) -> list[Action]:
        if self.parts.signal.noisy is not None:
            frame = replace(
                frame, values={role: 25.0 if "temperature" in role else value for role, value in frame.values.items()}
            )
        return super().hear(frame, now_s)


def trip_asleep_under_noise(settings: EmsSettings) -> Ems:
    """Believes no temperature while the line is noisy."""
    return _Distracted(settings)


class _ReleasedBySilence(Ems):
    def tick(self, now_s: float) -> list[Action]:
        if self.parts.watchdog.silent is not None and self.parts.trip.unsafe() is None:
            self.parts.trip.cause = None
        return super().tick(now_s)


def silence_releases_trip(settings: EmsSettings) -> Ems:
    """Forgets its trip when the BMS falls silent."""
    return _ReleasedBySilence(settings)


class _NeverAgain(BmsWatchdog):
    def tick(self, now_s: float) -> None:
        if self.silent is None:
            super().tick(now_s)


def silence_for_ever(settings: EmsSettings) -> Ems:
    """A BMS that was silent once is not heard again."""
    sound = EmsParts.build(settings).watchdog
    return _with(settings, watchdog=_NeverAgain(sound._timeouts_s, sound._recover_s, sound._startup_s))


class _HeldForEver(OverCurrentHold):
    def new_request(self, flag: bool) -> None:
        return


def over_current_for_ever(settings: EmsSettings) -> Ems:
    """One over-current flag, and no power is given any more."""
    return _with(settings, over_current=_HeldForEver())


class _Grudge(SignalQuality):
    def still_noisy(self) -> str | None:
        return self.noisy


def noise_for_ever(settings: EmsSettings) -> Ems:
    """Noise that was once cannot be released."""
    sound = EmsParts.build(settings).signal
    grudge = _Grudge({}, sound._limit_pct, sound._window_s, sound._silence_s)
    grudge._messages = sound._messages
    return _with(settings, signal=grudge)


class _Offended(InverterWatch):
    def hear(self, now_s: float) -> None:
        if self.offline is None:
            super().hear(now_s)


def inverter_offline_for_ever(settings: EmsSettings) -> Ems:
    """An inverter that was silent once is not used again."""
    sound = EmsParts.build(settings).inverter
    return _with(settings, inverter=_Offended(sound._timeout_s, sound._recover_s))


class _AtTheStart(SocWindow):
    """Looks at the limit in `direction` when a transfer begins, and not again while it runs."""

    direction = "discharge_w"
    ems: Ems
    begun = SocLimits()

    def ceiling(self, soc_pct: float, *, calibrating: bool) -> Ceiling | None:
        found = super().ceiling(soc_pct, calibrating=calibrating)
        if found is None or getattr(found, self.direction) != 0.0:
            return found
        issued_w = self.ems._issued_w or 0.0
        under_way = issued_w < 0 if self.direction == "discharge_w" else issued_w > 0
        if not under_way or self.limits != self.begun:  # new limits are looked at
            self.begun = self.limits
            return found
        return None


class _AtTheStartOfACharge(_AtTheStart):
    direction = "charge_w"


def _looking_once(settings: EmsSettings, kind: type[_AtTheStart]) -> Ems:
    window = kind(EmsParts.build(settings).window.limits)
    window.ems = ems = _with(settings, window=window)
    return ems


def discharge_runs_through_min_soc(settings: EmsSettings) -> Ems:
    """A discharge that has begun goes on below MIN_SOC."""
    return _looking_once(settings, _AtTheStart)


def charge_runs_through_max_soc(settings: EmsSettings) -> Ems:
    """A charge that has begun goes on above MAX_SOC."""
    return _looking_once(settings, _AtTheStartOfACharge)


class _NoAdvice(EventBook):
    def report(self, active: Mapping[Event, str], now_s: float) -> list[LogLine]:
        return [replace(line, text=line.text.partition(";")[0]) for line in super().report(active, now_s)]


def code_without_remedy(settings: EmsSettings) -> Ems:
    """Logs its codes with their descriptions, and not what to do."""
    return _with(settings, book=_NoAdvice())


def _thresholds(settings: EmsSettings, **changes: float) -> Ems:
    return Ems(replace(settings, thresholds=settings.thresholds.model_copy(update=changes)))


def gradient_limit_low(settings: EmsSettings) -> Ems:
    """Takes 6 K across the pack for a high gradient."""
    return _thresholds(settings, gradient_k=6.0)


def divergence_limit_low(settings: EmsSettings) -> Ems:
    """Takes 3 % for a divergence of the state of charge."""
    return _thresholds(settings, soc_divergence_pct=3.0)


def noise_limit_low(settings: EmsSettings) -> Ems:
    """Takes half a percent of lost frames for noise."""
    return _thresholds(settings, packet_loss_pct=0.5)


FACTORIES: dict[str, Callable[[EmsSettings], Ems]] = {
    factory.__name__: factory
    for factory in (
        strings_limit_310_mv,
        reset_forgets_the_second_danger,
        trip_asleep_under_noise,
        silence_releases_trip,
        silence_for_ever,
        over_current_for_ever,
        noise_for_ever,
        inverter_offline_for_ever,
        discharge_runs_through_min_soc,
        charge_runs_through_max_soc,
        code_without_remedy,
        gradient_limit_low,
        divergence_limit_low,
        noise_limit_low,
    )
}
