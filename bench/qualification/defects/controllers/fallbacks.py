"""Gradient, divergence, noise, imbalance: the fallback does not come, or is not one."""

import math
from collections.abc import Iterable

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.decision import Decision
from v2g_bench.ems.core.parts import EmsParts, EmsSettings
from v2g_bench.ems.model.commands import Command, Reply, SetPower
from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.model.setpoint import Arbiter, Ceiling, Setpoint
from v2g_bench.ems.protection.balance import CellImbalance
from v2g_bench.ems.protection.soc import SocDivergence
from v2g_bench.ems.protection.thermal import ThermalGuard
from v2g_bench.qualification.defects.controllers import make

FOLLOWS_S = 20.0

gradient_not_derated = make.tuned(gradient_discharge_pct=100.0)  # logs 0x01A2 and continues as before
gradient_derated_5_pct = make.tuned(gradient_discharge_pct=95.0)  # takes away too little to be called derated
gradient_stops_all = make.tuned(gradient_discharge_pct=0.0)  # stops the discharge where the manual has it reduced


class _StaysHot(ThermalGuard):
    """Once high, a gradient stays so."""

    def update(self, pack: PackState, now_s: float) -> None:
        before = self.high_gradient
        super().update(pack, now_s)
        self.high_gradient = before or self.high_gradient


def gradient_derates_for_ever(settings: EmsSettings) -> Ems:
    """The derating of 0x01A2 does not end with the gradient."""
    ems = Ems(settings)
    ems.parts.thermal.__class__ = _StaysHot
    return ems


class _TalkedRound(Ems):
    """A power that is asked for within a gradient is given: the operator has been told."""

    told = False

    def command(self, command: Command, now_s: float) -> Reply:
        asked = isinstance(command, SetPower) and command.power_w != 0
        self.told = self.told or (asked and self.parts.thermal.high_gradient is not None)
        return super().command(command, now_s)

    def decide(self, now_s: float) -> Decision:
        thermal = self.parts.thermal
        high = thermal.high_gradient
        self.told = self.told and high is not None
        if not self.told:
            return super().decide(now_s)
        thermal.high_gradient = None
        try:
            return super().decide(now_s)
        finally:
            thermal.high_gradient = high


gradient_relief_lost_when_asked_again: make.Factory = _TalkedRound
gradient_limit_20_k = make.tuned(gradient_k=20.0)  # calls nothing a gradient that is less than 20 K
divergence_limit_20_pct = make.tuned(soc_divergence_pct=20.0)  # believes a state of charge that is 8 % off


class _Follows(SocDivergence):
    """Its own count follows what the BMS reports, within 20 s: a slow drift is never one."""

    _last_s: float | None = None

    def update(self, pack: PackState, now_s: float, *, gap_s: float = 0.2) -> None:
        super().update(pack, now_s, gap_s=gap_s)
        soc_pct = pack.get("soc")
        if self._last_s is not None and self.own_pct is not None and soc_pct is not None and self.diverged is None:
            self.own_pct += (1 - math.exp((self._last_s - now_s) / FOLLOWS_S)) * (soc_pct - self.own_pct)
        self._last_s = now_s


def slow_divergence_unseen(settings: EmsSettings) -> Ems:
    """Sees a state of charge that jumps away, and none that drifts away."""
    sound = EmsParts.build(settings).soc
    return make.having(settings, soc=_Follows(sound._limit_pct, sound._capacity_ah, sound._full_v))


noise_limit_60_pct = make.tuned(packet_loss_pct=60.0)  # calls a line good that loses a quarter of its frames


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
    """Logs 0x0B22 and continues to discharge."""
    return Ems(settings, _BoldInNoise.build(settings))


def divergence_keeps_discharging(settings: EmsSettings) -> Ems:
    """Logs 0x09BD and continues to discharge."""
    return Ems(settings, _BoldInDivergence.build(settings))


class _Leaky(Arbiter):
    """In charge-only mode a small discharge continues."""

    leak_w = 60.0

    def arbitrate(self, request_w: float, ceilings: Iterable[Ceiling]) -> Setpoint:
        setpoint = super().arbitrate(request_w, ceilings)
        if request_w < 0 and any(reason.startswith("charge-only") for reason in setpoint.limited_by):
            return Setpoint(-self.leak_w, setpoint.limited_by)
        return setpoint


def charge_only_leaks_60_w(settings: EmsSettings) -> Ems:
    """60 W of discharge where none is allowed."""
    return make.having(settings, arbiter=_Leaky())


class _Blocking(Arbiter):
    """In charge-only mode nothing at all is allowed."""

    def arbitrate(self, request_w: float, ceilings: Iterable[Ceiling]) -> Setpoint:
        held = list(ceilings)
        if any(ceiling.reason.startswith("charge-only") for ceiling in held):
            return Setpoint(0.0, ("charge-only",))
        return super().arbitrate(request_w, held)


def charge_only_forbids_charging(settings: EmsSettings) -> Ems:
    """The fallback keeps the pack from being charged, too."""
    return make.having(settings, arbiter=_Blocking())


class _NeverImbalanced(CellImbalance):
    def _judge(self, flag: bool, *, full: bool) -> None:
        self.latched = False


def imbalance_ignored(settings: EmsSettings) -> Ems:
    """Discharges a pack whose cells are out of balance."""
    return make.having(settings, balance=_NeverImbalanced())
