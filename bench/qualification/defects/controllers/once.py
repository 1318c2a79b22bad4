"""Right the first time in its life alone: a fault that was dealt with does not count again, a second shutdown goes wrong."""

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsSettings
from v2g_bench.ems.model.actions import Action, Frame
from v2g_bench.ems.model.commands import Command, Reply, ResetTrip
from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.model.setpoint import OverCurrentHold
from v2g_bench.ems.protection.balance import CellImbalance
from v2g_bench.ems.protection.soc import SocDivergence
from v2g_bench.ems.protection.thermal import ThermalGuard
from v2g_bench.qualification.defects.controllers import make


class _GradientOnce(ThermalGuard):
    over = False

    def update(self, pack: PackState, now_s: float) -> None:
        before = self.high_gradient
        super().update(pack, now_s)
        self.over = self.over or (before is not None and self.high_gradient is None)
        if self.over:
            self.high_gradient = None


def gradient_seen_once(settings: EmsSettings) -> Ems:
    """Derates for the first thermal gradient, and for no other."""
    return make.having(settings, thermal=_GradientOnce(settings.policy, settings.thresholds.gradient_k))


class _OverCurrentOnce(OverCurrentHold):
    before = over = False

    def update(self, flag: bool) -> None:
        self.over = self.over or (self.before and not flag)
        self.before = flag
        super().update(flag and not self.over)

    def new_request(self, flag: bool) -> None:
        super().new_request(flag and not self.over)


def over_current_seen_once(settings: EmsSettings) -> Ems:
    """Ends the power for the first over-current, and for no other."""
    return make.having(settings, over_current=_OverCurrentOnce())


class _NoiseOnce(Ems):
    """What was reset was a false alarm, and it will be one the next time."""

    over = False

    def command(self, command: Command, now_s: float) -> Reply:
        noisy = self.parts.signal.noisy is not None
        reply = super().command(command, now_s)
        self.over = self.over or (isinstance(command, ResetTrip) and noisy and self.parts.signal.noisy is None)
        return reply

    def on_frame(self, frame: Frame, now_s: float) -> list[Action]:
        actions = super().on_frame(frame, now_s)
        if self.over:
            self.parts.signal.noisy = None
        return actions


noise_seen_once: make.Factory = _NoiseOnce


class _DivergenceOnce(SocDivergence):
    over = False

    def reset_offset(self) -> str | None:
        diverged, refusal = self.diverged, super().reset_offset()
        self.over = self.over or (diverged is not None and refusal is None)
        return refusal

    def deviates(self, offset_pct: float) -> bool:
        return not self.over and super().deviates(offset_pct)


def divergence_seen_once(settings: EmsSettings) -> Ems:
    """Compares nothing any more, once it has been calibrated."""
    limits = settings.thresholds
    return make.having(settings, soc=_DivergenceOnce(limits.soc_divergence_pct, limits.capacity_ah, limits.cell_full_v))


class _ImbalanceOnce(CellImbalance):
    over = False

    def _judge(self, flag: bool, *, full: bool) -> None:
        latched = self.latched
        super()._judge(flag and not self.over, full=full)
        self.over = self.over or (latched and not self.latched)


def imbalance_seen_once(settings: EmsSettings) -> Ems:
    """After one balancing charge all cells are in balance for ever."""
    return make.having(settings, balance=_ImbalanceOnce(settings.thresholds.cell_full_v))


class _HastyFromTheSecondOn(Ems):
    """Opens the contactors at once at its second trip and at those after it: the current of the first is still there, none."""

    trips = 0

    def on_frame(self, frame: Frame, now_s: float) -> list[Action]:
        trip = self.parts.trip
        if not trip.latched and any(trip.judge(role, value) for role, value in frame.values.items()):
            self.trips += 1
        opening = self.parts.opening
        opening.open_below_a = 1e6 if self.trips > 1 else self.thresholds.open_below_a
        opening.last_moment_s = 0.0 if self.trips > 1 else self.thresholds.open_last_moment_s
        return super().on_frame(frame, now_s)


contactors_open_under_load_at_the_second_trip: make.Factory = _HastyFromTheSecondOn
