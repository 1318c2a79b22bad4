"""Keeps to what is asked or allowed in a part of the world alone: at one power, near a limit, on the mean of the cells.

What a test at one usual point takes for right.
"""

from dataclasses import replace

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsParts, EmsSettings
from v2g_bench.ems.model.actions import Action, Frame, SetInverterPower
from v2g_bench.ems.model.commands import Command, Reload, Reply, SetPower
from v2g_bench.ems.model.limits import SocWindow
from v2g_bench.ems.model.setpoint import Ceiling
from v2g_bench.ems.protection.derating import DeratingMap
from v2g_bench.qualification.defects.controllers import make

NEAR_PCT, LARGE_W = 2.0, 7_000.0
CELLS = 96  # of the emulated pack


class _Generous(Ems):
    """Sends 10 % more than was decided, between 3.2 and 8 kW."""

    def reconcile(self, now_s: float) -> list[Action]:
        return [
            replace(action, power_w=1.1 * action.power_w)
            if isinstance(action, SetInverterPower) and 3200 < abs(action.power_w) < 8000
            else action
            for action in super().reconcile(now_s)
        ]


delivers_10_pct_more_from_3_2_to_8_kw: make.Factory = _Generous


class _NearTheLimit(SocWindow):
    """Holds a limit of the SoC within 2 % of it; further out it takes the value for a fault of the sensor."""

    def ceiling(self, soc_pct: float, *, calibrating: bool) -> Ceiling | None:
        limits = self.limits
        inside = limits.min_soc_pct - NEAR_PCT <= soc_pct <= limits.max_soc_pct + NEAR_PCT
        return super().ceiling(soc_pct if inside else 50.0, calibrating=calibrating)


def soc_limits_within_2_pct_alone(settings: EmsSettings) -> Ems:
    """Checks MIN_SOC and MAX_SOC only near them."""
    return make.having(settings, window=_NearTheLimit(settings.limits))


class _KeepsMaxSoc(Ems):
    """Takes MIN_SOC from a reload, and stays with the MAX_SOC that it was started with."""

    def command(self, command: Command, now_s: float) -> Reply:
        if isinstance(command, Reload):
            kept = replace(command.limits, max_soc_pct=max(command.limits.max_soc_pct, 75.0))
            command = replace(command, limits=kept)
        return super().command(command, now_s)


max_soc_ignored_at_reload: make.Factory = _KeepsMaxSoc


class _MeanOfCells(Ems):
    """Judges the mean of the cells where the manual has a cell."""

    def on_frame(self, frame: Frame, now_s: float) -> list[Action]:
        volts = self.pack.get("pack_voltage")
        if volts is None:
            return super().on_frame(frame, now_s)
        values = {
            role: volts / CELLS if role.startswith("cell_voltage") else value for role, value in frame.values.items()
        }
        return super().on_frame(Frame(frame.message, values, frame.quality), now_s)


cell_voltages_by_their_mean: make.Factory = _MeanOfCells


def derates_in_the_extremes_alone(settings: EmsSettings) -> Ems:
    """Derates above 41 °C and below 6 °C, and between them not at all."""
    hot = ((41.0, 1.0), (41.1, 0.55), (45.0, 0.3), (50.0, 0.0))
    cold = ((0.0, 0.0), (6.0, 0.3), (6.1, 1.0))
    return make.having(settings, derating=DeratingMap(hot=hot, cold_charge=cold))


class _LenientParts(EmsParts):
    """Forgets why V2G is off while the power that is asked for is large."""

    large = False

    def v2g_blocked(self) -> str | None:
        return None if self.large else super().v2g_blocked()


class _Lenient(Ems):
    parts: _LenientParts

    def command(self, command: Command, now_s: float) -> Reply:
        if isinstance(command, SetPower):
            self.parts.large = command.power_w < -LARGE_W
        return super().command(command, now_s)


def large_discharge_granted_in_charge_only(settings: EmsSettings) -> Ems:
    """Refuses a discharge of 5 kW in charge-only mode, and grants one of 8 kW."""
    return _Lenient(settings, _LenientParts(**vars(EmsParts.build(settings))))
