"""What holds the power down is seen in time and forgotten after a while, or with a command that has nothing to do with it."""

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsSettings
from v2g_bench.ems.model.actions import Action, Frame
from v2g_bench.ems.model.commands import Command, Reply, ResetTrip, SetPower
from v2g_bench.ems.model.setpoint import OverCurrentHold
from v2g_bench.ems.protection.signal_quality import SignalQuality
from v2g_bench.qualification.defects.controllers import make
from v2g_bench.qualification.defects.controllers.ceilings import TimedCeilings, TimedEms

HELD_S = 10.0


class _Impatient(TimedCeilings):
    """Lets a ceiling whose reason has this word in it go when it has bound for `HELD_S`."""

    def ignored(self, bound_s: float) -> bool:
        return bound_s > HELD_S


def _forgotten(word: str) -> make.Factory:
    def factory(settings: EmsSettings) -> Ems:
        ems, arbiter = TimedEms(settings), _Impatient()
        arbiter.word, ems.parts.arbiter = word, arbiter
        return ems

    return factory


min_soc_forgotten_after_10_s, max_soc_forgotten_after_10_s = _forgotten("at MIN_SOC"), _forgotten("at MAX_SOC")
high_cell_forgotten_after_10_s, low_cell_forgotten_after_10_s = _forgotten("upper bound"), _forgotten("lower bound")


class _ShortHold(OverCurrentHold):
    """Counts the frames with the flag in a byte, and is back at none after 800."""

    frames = 0

    def update(self, flag: bool) -> None:
        self.frames = self.frames + 1 if flag else 0
        self.held = (self.held or flag) and self.frames < 800

    def new_request(self, flag: bool) -> None:
        super().new_request(flag and self.frames < 800)


def over_current_forgotten_after_8_s(settings: EmsSettings) -> Ems:
    """Gives power again eight seconds into a standing over-current."""
    return make.having(settings, over_current=_ShortHold())


class _Acknowledging(Ems):
    """A reset acknowledges an over-current that stands: it does not count any more until it has gone."""

    acknowledged = False

    def command(self, command: Command, now_s: float) -> Reply:
        if isinstance(command, ResetTrip) and self.parts.over_current.held:
            self.acknowledged, self.parts.over_current.held = True, False
        return super().command(command, now_s)

    def on_frame(self, frame: Frame, now_s: float) -> list[Action]:
        flag = frame.values.get("over_current")
        if flag is not None and self.acknowledged:
            self.acknowledged = flag >= 0.5
            frame = Frame(frame.message, {**frame.values, "over_current": 0.0}, frame.quality)
        return super().on_frame(frame, now_s)


reset_acknowledges_over_current: make.Factory = _Acknowledging


class _ResetAnyTime(SignalQuality):
    def still_noisy(self) -> str | None:
        return None


def noise_reset_under_noise(settings: EmsSettings) -> Ems:
    """The reset of the noise is accepted while it goes on; then it takes a while to be noticed again."""
    limits, plan = settings.thresholds, settings.plan
    signal = _ResetAnyTime(
        plan.expected, limits.packet_loss_pct, limits.noise_window_s, silence_s=limits.bms_timeout_s / 2
    )
    return make.having(settings, signal=signal)


class _PauseIsACharge(Ems):
    """Begins a new micro-cycle with each pause."""

    def command(self, command: Command, now_s: float) -> Reply:
        if isinstance(command, SetPower) and command.power_w == 0:
            self.parts.micro_cycle.depth_pct, self.parts.micro_cycle.held = 0.0, False
        return super().command(command, now_s)


micro_cycle_restarts_at_zero: make.Factory = _PauseIsACharge
