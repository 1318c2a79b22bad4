"""What shows only after a time, after many trips, or after another end than SIGTERM: a latch that wears off, a trip that tires.

The latches are those of the sound controller; what takes them back is its owner, at an event or when a time has passed.
"""

from collections.abc import Mapping

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsParts, EmsSettings
from v2g_bench.ems.model.actions import Action, Frame, SaveState
from v2g_bench.ems.model.commands import Command, ForceLimit, Reload, Reply, ResetTrip, SetPower, Shutdown
from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.protection.balance import CellImbalance
from v2g_bench.ems.protection.soc import SocDivergence
from v2g_bench.ems.protection.trip import EmergencyTrip
from v2g_bench.qualification.defects.controllers import make
from v2g_bench.qualification.defects.controllers.timing import SOUND_MS, _Late

UPTIME_S = 90.0


class LateAtTimes(_Late):
    """80 ms late at those trips that `late` says: at every 20th since its start."""

    every = 20
    late_s = (80 - SOUND_MS) / 1e3

    def __init__(self, settings: EmsSettings) -> None:
        super().__init__(settings)
        self.trips, self.tripped_s = 0, 0.0
        self.roles = ("cell_temperature", "module_temperature", make.STRINGS)

    def on_frame(self, frame: Frame, now_s: float) -> list[Action]:
        latched = self.parts.trip.latched
        if latched:
            self._late.clear()
        late = not latched and self.late()
        actions = super().on_frame(frame, now_s) if late else Ems.on_frame(self, frame, now_s)
        self._count(latched, now_s)
        return actions

    def tick(self, now_s: float) -> list[Action]:
        latched = self.parts.trip.latched
        actions = super().tick(now_s)
        self._count(latched, now_s)
        return actions

    def late(self) -> bool:
        """Whether the next trip is late."""
        return (self.trips + 1) % self.every == 0

    def _count(self, latched_before: bool, now_s: float) -> None:
        if self.parts.trip.latched and not latched_before:
            self.trips, self.tripped_s = self.trips + 1, now_s


late_at_every_20th_trip: make.Factory = LateAtTimes


class _LateOnceInSeven(LateAtTimes):
    every = 7


late_at_every_7th_trip: make.Factory = _LateOnceInSeven


class _BlindAfterUptime(EmergencyTrip):
    """Looks for danger during its first 90 s."""

    begun_s = float("inf")

    def update(self, values: Mapping[str, float], now_s: float = 0.0) -> bool:
        self.begun_s = min(self.begun_s, now_s)
        return super().update(values, now_s) if now_s - self.begun_s < UPTIME_S else False


def blind_after_90_s(settings: EmsSettings) -> Ems:
    """Trips during its first 90 s, and never afterwards."""
    return make.having(settings, trip=_BlindAfterUptime(make.trip_limits(settings)))


class _WearsOff(Ems):
    """Takes a latch back `after_s` after it came or, where `safe` is set, after its cause was over."""

    after_s, safe = 5.0, True

    def __init__(self, settings: EmsSettings) -> None:
        super().__init__(settings)
        self._since_s: float | None = None

    def tick(self, now_s: float) -> list[Action]:
        if not self.held() or (self.safe and self.caused()):
            self._since_s = None
        elif self._since_s is None:
            self._since_s = now_s
        elif now_s - self._since_s >= self.after_s:
            self.release()
        return super().tick(now_s)

    def held(self) -> bool:
        """Whether the latch holds."""
        return self.parts.trip.latched

    def caused(self) -> bool:
        """Whether its cause still stands."""
        return self.parts.trip.unsafe() is not None

    def release(self) -> None:
        """Take it back."""
        self.parts.trip.cause = None


class _WearsOffLater(_WearsOff):
    after_s = 10.0


class _WearsOffWhileHot(_WearsOff):
    """Gives power again 5 s after the trip though the cell is still hot: the danger counts as seen."""

    safe = False

    def release(self) -> None:
        self.parts.trip._unsafe.clear()
        self.parts.trip.cause = None


class _NoiseWearsOff(_WearsOff):
    after_s = 10.0

    def held(self) -> bool:
        return self.parts.signal.noisy is not None

    def caused(self) -> bool:
        return False

    def release(self) -> None:
        self.parts.signal.noisy = None


class _DivergenceWearsOff(_NoiseWearsOff):
    def held(self) -> bool:
        return self.parts.soc.diverged is not None

    def release(self) -> None:
        self.parts.soc.calibrated = True
        self.parts.soc.reset_offset()


class _ImbalanceWearsOff(_NoiseWearsOff):
    def held(self) -> bool:
        return self.parts.balance.latched

    def caused(self) -> bool:
        return self.pack.flag("cell_imbalance")

    def release(self) -> None:
        self.parts.balance.latched = False


trip_released_after_5_s: make.Factory = _WearsOff
trip_released_after_10_s: make.Factory = _WearsOffLater
power_back_after_5_s_hot: make.Factory = _WearsOffWhileHot
noise_forgotten_after_10_s: make.Factory = _NoiseWearsOff
divergence_forgotten_after_10_s: make.Factory = _DivergenceWearsOff
imbalance_forgotten_after_10_s: make.Factory = _ImbalanceWearsOff


class _ChargingReleases(Ems):
    """A request to charge releases the trip once the pack is safe."""

    def command(self, command: Command, now_s: float) -> Reply:
        if isinstance(command, SetPower) and command.power_w > 0 and self.parts.trip.unsafe() is None:
            self.parts.trip.cause = None
        return super().command(command, now_s)


class _Persuaded(Ems):
    """Refuses the first reset while the pack is hot, and gives in to the second."""

    asked = 0

    def command(self, command: Command, now_s: float) -> Reply:
        if isinstance(command, ResetTrip) and self.parts.trip.unsafe() is not None:
            self.asked += 1
            if self.asked > 1:
                self.parts.trip._unsafe.clear()
        return super().command(command, now_s)


class _AnyCommandReleases(Ems):
    """A plan of an operator, whichever, releases the trip once the pack is safe."""

    def command(self, command: Command, now_s: float) -> Reply:
        if not isinstance(command, SetPower | ResetTrip | Shutdown) and self.parts.trip.unsafe() is None:
            self.parts.trip.cause = None
        return super().command(command, now_s)


class _TakesUpAgain(Ems):
    """The power that flowed before a trip flows again once the trip is reset."""

    before_w = 0.0

    def on_frame(self, frame: Frame, now_s: float) -> list[Action]:
        self.before_w = self.request_w or self.before_w
        return super().on_frame(frame, now_s)

    def command(self, command: Command, now_s: float) -> Reply:
        tripped = self.parts.trip.latched
        reply = super().command(command, now_s)
        if isinstance(command, ResetTrip) and reply.ok and tripped:
            self.request_w = self.before_w
        return reply


power_back_by_itself_after_reset: make.Factory = _TakesUpAgain
charge_command_releases_trip: make.Factory = _ChargingReleases
second_reset_while_hot: make.Factory = _Persuaded
plans_release_trip: make.Factory = _AnyCommandReleases


class _ForgetsAtItsStart(Ems):
    """Takes up what the run before has stored, without the entries of one latch."""

    prefix = "noise"

    def restore(self, latches: Mapping[str, object]) -> None:
        super().restore({name: value for name, value in latches.items() if not name.startswith(self.prefix)})


class _ForgetsTheDivergence(_ForgetsAtItsStart):
    prefix = "soc_"


class _ForgetsTheStrings(Ems):
    """Takes up a trip of temperature, and none of the strings."""

    def restore(self, latches: Mapping[str, object]) -> None:
        of_strings = make.STRINGS in str(latches.get("trip"))
        super().restore({name: value for name, value in latches.items() if not (name == "trip" and of_strings)})


class _StoresAtItsEnd(Ems):
    """Stores its latches when it is ended in order, and not before."""

    def reconcile(self, now_s: float) -> list[Action]:
        actions: list[Action] = [action for action in super().reconcile(now_s) if not isinstance(action, SaveState)]
        return [*actions, SaveState(self.parts.latches())] if self._shut_down else actions


noise_forgotten_at_restart: make.Factory = _ForgetsAtItsStart
divergence_forgotten_at_restart: make.Factory = _ForgetsTheDivergence
strings_trip_forgotten_at_restart: make.Factory = _ForgetsTheStrings
latches_lost_by_kill: make.Factory = _StoresAtItsEnd


class _Forgiving(Ems):
    def forgive(self) -> None:
        """Begin anew: without noise, and without a divergence."""
        self.parts.signal.noisy = None
        self.parts.soc.calibrated = True
        self.parts.soc.reset_offset()


class _SilenceForgives(_Forgiving):
    """A BMS that was silent begins anew."""

    def tick(self, now_s: float) -> list[Action]:
        if self.parts.watchdog.silent is not None:
            self.forgive()
        return super().tick(now_s)


class _ReloadForgives(_Forgiving):
    """Limits that are reloaded are a new beginning."""

    forgiving: type[Command] = Reload

    def command(self, command: Command, now_s: float) -> Reply:
        if isinstance(command, self.forgiving):
            self.forgive()
        return super().command(command, now_s)


class _OverrideForgives(_ReloadForgives):
    """An operator who overrides the limits overrides the charge-only mode as well."""

    forgiving = ForceLimit


class _ResetForgives(_Forgiving):
    """The reset of a trip resets all: a divergence and an imbalance as well."""

    def command(self, command: Command, now_s: float) -> Reply:
        tripped = self.parts.trip.latched
        reply = super().command(command, now_s)
        if isinstance(command, ResetTrip) and reply.ok and tripped:
            self.forgive()
            self.parts.balance.latched = False
        return reply


reset_of_a_trip_releases_charge_only: make.Factory = _ResetForgives
silence_releases_charge_only: make.Factory = _SilenceForgives
reload_releases_charge_only: make.Factory = _ReloadForgives
override_releases_charge_only: make.Factory = _OverrideForgives


class _SoonCalibrated(SocDivergence):
    """90 % is a full charge."""

    def update(self, pack: PackState, now_s: float, *, gap_s: float = 0.2) -> None:
        super().update(pack, now_s, gap_s=gap_s)
        if self.diverged is not None and (pack.get("soc") or 0.0) >= 90.0:
            self.calibrated = True


class _SoonFull(CellImbalance):
    """95 % is a full charge."""

    def update(self, pack: PackState) -> None:
        full = (pack.get("soc") or 0.0) >= 95.0
        self._judge(pack.flag("cell_imbalance"), full=full)


def calibrated_at_90_pct(settings: EmsSettings) -> Ems:
    """Counts a charge to 90 % as the calibration charge."""
    sound = EmsParts.build(settings).soc
    return make.having(settings, soc=_SoonCalibrated(sound._limit_pct, sound._capacity_ah, sound._full_v))


def balanced_at_95_pct(settings: EmsSettings) -> Ems:
    """Counts a charge to 95 % as the balancing charge."""
    return make.having(settings, balance=_SoonFull(settings.thresholds.cell_full_v))
