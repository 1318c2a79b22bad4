"""What the battery and its owner allow: SoC limits and their reload, cell voltages, currents, departure, micro-cycles.

One of the defects is of the shell around the core: its factory changes the running process, which is the controller's
own, or that of a simulation with no other controller in it.
"""

from math import inf

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsSettings
from v2g_bench.ems.model.commands import Command, Reload, Reply
from v2g_bench.ems.model.limits import InForce, SocLimits, SocWindow
from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.model.setpoint import Ceiling, CellVoltageGuard, OverCurrentHold
from v2g_bench.ems.model.thermal_policy import ThermalPolicy
from v2g_bench.ems.protection.microcycle import MicroCycle
from v2g_bench.ems.protection.window import FloatingWindow
from v2g_bench.ems.service.reload import Reloader
from v2g_bench.errors import BenchError
from v2g_bench.qualification.defects.controllers import make

BESIDE_PCT = 0.6  # of SoC: enough to be inside the window


class _BelowOnly(SocWindow):
    def ceiling(self, soc_pct: float, *, calibrating: bool) -> Ceiling | None:
        limits = (self.in_force or InForce(self.limits)).limits
        at_edge = soc_pct == limits.min_soc_pct
        return super().ceiling(soc_pct + BESIDE_PCT if at_edge else soc_pct, calibrating=calibrating)


def discharges_at_min_soc(settings: EmsSettings) -> Ems:
    """No discharge below MIN_SOC, but at it: < where <= belongs."""
    return make.having(settings, window=_BelowOnly(settings.limits))


class _AboveOnly(SocWindow):
    def ceiling(self, soc_pct: float, *, calibrating: bool) -> Ceiling | None:
        limits = (self.in_force or InForce(self.limits)).limits
        at_edge = soc_pct == limits.max_soc_pct
        return super().ceiling(soc_pct - BESIDE_PCT if at_edge else soc_pct, calibrating=calibrating)


def charges_at_max_soc(settings: EmsSettings) -> Ems:
    """No charge above MAX_SOC, but at it."""
    return make.having(settings, window=_AboveOnly(settings.limits))


class _NoOverride(FloatingWindow):
    def at(self, limits: SocLimits, now_s: float, charge_pct_per_s: float | None) -> InForce:
        self.override = None
        return super().at(limits, now_s, charge_pct_per_s)


def override_ignored(settings: EmsSettings) -> Ems:
    """Accepts an override of the SoC limits and does not act on it."""
    return make.having(settings, floating=_NoOverride())


class _NoOverrideOfMax(FloatingWindow):
    def at(self, limits: SocLimits, now_s: float, charge_pct_per_s: float | None) -> InForce:
        found = super().at(limits, now_s, charge_pct_per_s)
        if self.override is None:
            return found
        return InForce(SocLimits(found.limits.min_soc_pct, limits.max_soc_pct), found.why)


def override_of_max_soc_ignored(settings: EmsSettings) -> Ems:
    """Overrides MIN_SOC, and never MAX_SOC."""
    return make.having(settings, floating=_NoOverrideOfMax())


class _NoDeparture(FloatingWindow):
    def at(self, limits: SocLimits, now_s: float, charge_pct_per_s: float | None) -> InForce:
        self.departure = None
        return super().at(limits, now_s, charge_pct_per_s)


def departure_ignored(settings: EmsSettings) -> Ems:
    """Discharges a vehicle that is about to leave."""
    return make.having(settings, floating=_NoDeparture())


class _LateDeparture(FloatingWindow):
    """Looks at a departure from a quarter of an hour before it on."""

    seen_s = (-inf, 900.0)

    def at(self, limits: SocLimits, now_s: float, charge_pct_per_s: float | None) -> InForce:
        if self.departure is not None and not self.seen_s[0] <= self.departure.at_s - now_s <= self.seen_s[1]:
            return InForce(limits)
        return super().at(limits, now_s, charge_pct_per_s)


class _RatherLateDeparture(_LateDeparture):
    seen_s = (-inf, 4800.0)


class _NoLastMinutes(_LateDeparture):
    """Takes a departure that is four minutes away for one that is over."""

    seen_s = (240.0, inf)


class _LowerBoundAlone(FloatingWindow):
    """Raises MIN_SOC, and leaves MAX_SOC as it is."""

    def at(self, limits: SocLimits, now_s: float, charge_pct_per_s: float | None) -> InForce:
        found = super().at(limits, now_s, charge_pct_per_s)
        low = min(found.limits.min_soc_pct, limits.max_soc_pct - 0.5)
        return InForce(SocLimits(low, limits.max_soc_pct), found.why)


class _Wavering(FloatingWindow):
    """Gives the window back between forty and fifteen minutes before a departure."""

    def at(self, limits: SocLimits, now_s: float, charge_pct_per_s: float | None) -> InForce:
        if self.departure is not None and 900.0 < self.departure.at_s - now_s < 2400.0:
            return InForce(limits)
        return super().at(limits, now_s, charge_pct_per_s)


def departure_seen_15_min_before(settings: EmsSettings) -> Ems:
    """Discharges a vehicle that is wanted in an hour."""
    return make.having(settings, floating=_LateDeparture())


def departure_seen_80_min_before(settings: EmsSettings) -> Ems:
    """Discharges a vehicle that is wanted in an hour and a half."""
    return make.having(settings, floating=_RatherLateDeparture())


def departure_over_4_min_before(settings: EmsSettings) -> Ems:
    """Discharges a vehicle that is wanted in a minute."""
    return make.having(settings, floating=_NoLastMinutes())


def departure_moves_min_soc_alone(settings: EmsSettings) -> Ems:
    """Cannot be charged to what is wanted where that is above MAX_SOC."""
    return make.having(settings, floating=_LowerBoundAlone())


def departure_window_widens_again(settings: EmsSettings) -> Ems:
    """Discharges again half an hour before the departure."""
    return make.having(settings, floating=_Wavering())


def micro_cycle_ignored(settings: EmsSettings) -> Ems:
    """Discharges down to MIN_SOC in one go."""
    return make.having(settings, micro_cycle=MicroCycle(100.0))


class _Stubborn(Ems):
    """Reports a reload and continues with the old limits."""

    def command(self, command: Command, now_s: float) -> Reply:
        if isinstance(command, Reload):
            return Reply(True, "reloaded", [])
        return super().command(command, now_s)


reload_ignored: make.Factory = _Stubborn


def broken_limits_become_defaults(settings: EmsSettings) -> Ems:
    """A limits.conf that it cannot read puts the defaults into force, and is reported as reloaded."""
    sound = Reloader.read

    async def read(self: Reloader) -> tuple[SocLimits, ThermalPolicy]:
        try:
            return await sound(self)
        except BenchError:
            return SocLimits(), ThermalPolicy()

    Reloader.read = read  # type: ignore[method-assign]
    return Ems(settings)


class _NoHold(OverCurrentHold):
    def update(self, flag: bool) -> None:
        return


def over_current_ignored(settings: EmsSettings) -> Ems:
    """Goes on while the BMS flags over-current."""
    return make.having(settings, over_current=_NoHold())


def cells_charged_too_high(settings: EmsSettings) -> Ems:
    """Charges cells beyond 4.1 V."""
    return make.having(settings, cell_voltages=CellVoltageGuard(4.2, settings.thresholds.cell_lower_v))


def cells_discharged_too_low(settings: EmsSettings) -> Ems:
    """Discharges cells below 3.2 V."""
    return make.having(settings, cell_voltages=CellVoltageGuard(settings.thresholds.cell_upper_v, 3.0))


class _Generous(PackState):
    def get(self, role: str) -> float | None:
        return None if role == "discharge_power_continuous" else super().get(role)


def continuous_rating_ignored(settings: EmsSettings) -> Ems:
    """Discharges beyond the continuous rating of the battery."""
    ems = Ems(settings)
    ems.pack = _Generous()
    return ems
