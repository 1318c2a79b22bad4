"""What shows in a combination or afterwards: a second fault, a recovery, a limit that is reached while power flows."""

from dataclasses import replace

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsParts, EmsSettings
from v2g_bench.ems.model.actions import Action, Frame
from v2g_bench.ems.model.commands import Command, Reply, ResetTrip
from v2g_bench.ems.model.limits import SocLimits, SocWindow
from v2g_bench.ems.model.setpoint import Ceiling, OverCurrentHold
from v2g_bench.ems.protection.signal_quality import SignalQuality
from v2g_bench.ems.protection.trip import EmergencyTrip
from v2g_bench.ems.protection.watchdog import BmsWatchdog, InverterWatch
from v2g_bench.qualification.defects.controllers import make


class _FirstCauseOnly(EmergencyTrip):
    """Looks for danger in what tripped it alone, when it is to be reset."""

    def unsafe(self) -> str | None:
        if self.cause is None:
            return super().unsafe()
        role = self.cause.partition(" ")[0]
        return self._unsafe.get(role)


def reset_forgets_the_second_danger(settings: EmsSettings) -> Ems:
    """The operator's reset is accepted while a danger other than the one that tripped is present."""
    return make.having(settings, trip=_FirstCauseOnly(make.trip_limits(settings)))


class _CoolAfterStrings(Ems):
    """Looks for diverging strings alone, when a trip by strings is to be reset."""

    def command(self, command: Command, now_s: float) -> Reply:
        trip = self.parts.trip
        by_strings = (trip.cause or "").startswith(make.STRINGS)
        if isinstance(command, ResetTrip) and by_strings and make.STRINGS not in trip._unsafe:
            trip._unsafe.clear()
        return super().command(command, now_s)


reset_after_strings_ignores_heat: make.Factory = _CoolAfterStrings


class _DeafToHeat(Ems):
    """Believes no temperature while the line is noisy."""

    def on_frame(self, frame: Frame, now_s: float) -> list[Action]:
        if self.parts.signal.noisy is not None:
            frame = replace(
                frame, values={role: 25.0 if "temperature" in role else value for role, value in frame.values.items()}
            )
        return super().on_frame(frame, now_s)


trip_asleep_under_noise: make.Factory = _DeafToHeat


class _ReleasedBySilence(Ems):
    """Forgets its trip when the BMS falls silent."""

    def tick(self, now_s: float) -> list[Action]:
        if self.parts.watchdog.silent is not None and self.parts.trip.unsafe() is None:
            self.parts.trip.cause = None
        return super().tick(now_s)


silence_releases_trip: make.Factory = _ReleasedBySilence


class _NeverAgain(BmsWatchdog):
    def tick(self, now_s: float) -> None:
        if self.silent is None:
            super().tick(now_s)


def silence_for_ever(settings: EmsSettings) -> Ems:
    """Frames of a BMS that was silent once are ignored from then on."""
    sound = EmsParts.build(settings).watchdog
    return make.having(settings, watchdog=_NeverAgain(sound._timeouts_s, sound._recover_s, sound._startup_s))


class _HeldForEver(OverCurrentHold):
    def new_request(self, flag: bool) -> None:
        return


def over_current_for_ever(settings: EmsSettings) -> Ems:
    """One over-current flag, and no power is given any more."""
    return make.having(settings, over_current=_HeldForEver())


class _Grudge(SignalQuality):
    def still_noisy(self) -> str | None:
        return self.noisy


def noise_for_ever(settings: EmsSettings) -> Ems:
    """Noise that was once cannot be released."""
    sound = EmsParts.build(settings).signal
    grudge = _Grudge({}, sound._limit_pct, sound._window_s, sound._silence_s)
    grudge._messages = sound._messages
    return make.having(settings, signal=grudge)


class _Offended(InverterWatch):
    def on_answer(self, now_s: float) -> None:
        if self.offline is None:
            super().on_answer(now_s)


def inverter_offline_for_ever(settings: EmsSettings) -> Ems:
    """An inverter that was silent once is not used again."""
    sound = EmsParts.build(settings).inverter
    return make.having(settings, inverter=_Offended(sound._timeout_s, sound._recover_s))


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
    window.ems = ems = make.having(settings, window=window)
    return ems


def discharge_runs_through_min_soc(settings: EmsSettings) -> Ems:
    """A discharge that has begun continues below MIN_SOC."""
    return _looking_once(settings, _AtTheStart)


def charge_runs_through_max_soc(settings: EmsSettings) -> Ems:
    """A charge that has begun continues above MAX_SOC."""
    return _looking_once(settings, _AtTheStartOfACharge)


gradient_limit_6_k = make.tuned(gradient_k=6.0)  # takes 6 K across the pack for a high gradient
divergence_limit_3_pct = make.tuned(soc_divergence_pct=3.0)  # takes 3 % for a divergence of the state of charge
noise_limit_half_a_pct = make.tuned(packet_loss_pct=0.5)  # takes half a percent of lost frames for noise
