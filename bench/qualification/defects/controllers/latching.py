"""A latch that must hold until it is reset releases by itself, or by an event that must not release it."""

from collections.abc import Mapping

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsSettings
from v2g_bench.ems.model.actions import Action
from v2g_bench.ems.model.commands import Command, Reload, Reply, SetPower
from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.protection.balance import CellImbalance
from v2g_bench.ems.protection.soc import SocDivergence
from v2g_bench.ems.protection.trip import EmergencyTrip
from v2g_bench.qualification.defects.controllers import make

SECOND_THOUGHT_S = 0.15


class _NotLatching(EmergencyTrip):
    def update(self, values: Mapping[str, float], now_s: float = 0.0) -> bool:
        tripped = super().update(values, now_s)
        if self.unsafe() is None:
            self.cause = None
        return tripped


def trip_does_not_latch(settings: EmsSettings) -> Ems:
    """The trip ends when the pack reports safe values again."""
    return make.having(settings, trip=_NotLatching(make.trip_limits(settings)))


class _SecondThoughts(EmergencyTrip):
    """Takes a trip back whose danger is over within 150 ms: it must have been a disturbance."""

    since_s = float("-inf")

    def update(self, values: Mapping[str, float], now_s: float = 0.0) -> bool:
        tripped = super().update(values, now_s)
        if tripped:
            self.since_s = now_s
        elif self.cause is not None and self.unsafe() is None and now_s - self.since_s < SECOND_THOUGHT_S:
            self.cause = None
        return tripped


def short_trip_taken_back(settings: EmsSettings) -> Ems:
    """A danger that is over within 150 ms counts as none."""
    return make.having(settings, trip=_SecondThoughts(make.trip_limits(settings)))


class _SecondThoughtsOfStrings(_SecondThoughts):
    """Does so for strings alone: cells do not cool down in a moment."""

    def update(self, values: Mapping[str, float], now_s: float = 0.0) -> bool:
        tripped = super().update(values, now_s)
        if tripped and not (self.cause or "").startswith(make.STRINGS):
            self.since_s = float("-inf")
        return tripped


def short_strings_trip_taken_back(settings: EmsSettings) -> Ems:
    """Strings that are apart for less than 150 ms count as none."""
    return make.having(settings, trip=_SecondThoughtsOfStrings(make.trip_limits(settings)))


class _EasilyReset(EmergencyTrip):
    def reset(self) -> str | None:
        self.cause = None
        return None

    def unsafe(self) -> str | None:
        return None

    def update(self, values: Mapping[str, float], now_s: float = 0.0) -> bool:
        dangers = [danger for role, value in values.items() if (danger := self.judge(role, value))]
        if dangers and self.cause is None:
            self.cause = dangers[0]
            return True
        return False


def reset_while_hot(settings: EmsSettings) -> Ems:
    """The operator's reset is accepted though the cell is still hot."""
    return make.having(settings, trip=_EasilyReset(make.trip_limits(settings)))


class _ForgetsOn(Ems):
    """A command of this kind takes the trip with it."""

    kind: type[Command] = SetPower

    def command(self, command: Command, now_s: float) -> Reply:
        if isinstance(command, self.kind):
            self.parts.trip.cause = None
        return super().command(command, now_s)


class _ForgetsOnReload(_ForgetsOn):
    kind = Reload


class _Amnesiac(Ems):
    """Begins each run without the latches of the one before."""

    def restore(self, latches: Mapping[str, object]) -> None:
        return


power_accepted_after_trip: make.Factory = _ForgetsOn
reload_releases_trip: make.Factory = _ForgetsOnReload
restart_releases_latches: make.Factory = _Amnesiac


class _Forgiving(SocDivergence):
    """Forgets a divergence when the SoC is back."""

    def update(self, pack: PackState, now_s: float, *, gap_s: float = 0.2) -> None:
        super().update(pack, now_s, gap_s=gap_s)
        if self.diverged is not None and not self.deviates(self.offset_pct):
            self.diverged = None


class _EasyReset(SocDivergence):
    """The offset can be reset without a calibration charge."""

    def reset_offset(self) -> str | None:
        self.calibrated = True
        return super().reset_offset()


class _NeverCalibrated(SocDivergence):
    """A calibration charge is never good enough."""

    def update(self, pack: PackState, now_s: float, *, gap_s: float = 0.2) -> None:
        super().update(pack, now_s, gap_s=gap_s)
        self.calibrated = False


def _counting(kind: type[SocDivergence]) -> make.Factory:
    return lambda settings: make.having(settings, soc=kind(settings.thresholds.soc_divergence_pct))


divergence_forgotten, calibration_not_wanted = _counting(_Forgiving), _counting(_EasyReset)
calibration_never_done = _counting(_NeverCalibrated)


class _SoonGood(Ems):
    """The noise latch releases by itself once the line is good."""

    def tick(self, now_s: float) -> list[Action]:
        if self.parts.signal.noisy is not None:
            self.parts.signal.reset()  # refused while the line is noisy
        return super().tick(now_s)


recovers_too_soon: make.Factory = _SoonGood


class _SoonBalanced(CellImbalance):
    """Forgets an imbalance with its flag; one from a trouble code is kept."""

    def _judge(self, flag: bool, *, full: bool) -> None:
        if self.cause.startswith("trouble code"):
            super()._judge(flag, full=full)
        else:
            self.latched = flag


def imbalance_forgotten(settings: EmsSettings) -> Ems:
    """Discharges as soon as the flag is gone, without a balancing charge."""
    return make.having(settings, balance=_SoonBalanced())
