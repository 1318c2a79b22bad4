"""One test as the rules see it: what was on the bus, what was logged, what was asked, done and measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from v2g_bench.rig.file.model import Rig
from v2g_bench.rig.measuring.said.log_book import Line
from v2g_bench.rig.measuring.said.notebook import Change, Command, InForce, PowerSeen
from v2g_bench.rig.measuring.said.reports import Reports, Series

# V2G manual, Admin Desk, emergency shutdown.
TRIP_C, TRIP_STRINGS_V = 45.0, 0.3
TEMPERATURES = ("cell_temperature_max", "module_temperature")
ROUNDING = 1e-6


@dataclass(frozen=True)
class Danger:
    """A role beyond its limit on the bus, from its first frame to the last one that shows it."""

    role: str
    value: float
    from_s: float
    to_s: float


@dataclass(frozen=True)
class Account:
    """Times on the bench clock. from_s: what is on the bus is known from then on; shown_s: within so long after it has
    changed, what the controller reports is on the bus.
    """

    rig: Rig
    reports: Reports
    lines: Sequence[Line]
    from_s: float
    to_s: float
    shown_s: float
    starts_s: Sequence[float] = ()
    commands: Sequence[Command] = ()
    powers: Sequence[PowerSeen] = ()
    faults: Sequence[InForce] = ()
    changes: Sequence[Change] = ()
    omitted: int = 0  # frames that the emulated BMS has not sent
    lost: str = ""  # where lines of the log may be lost

    @cached_property
    def dangers(self) -> list[Danger]:
        """Everything that had to trip, in order of time."""
        limits = {**dict.fromkeys(TEMPERATURES, TRIP_C), "string_voltage_difference": TRIP_STRINGS_V}
        found = []
        for role, limit in limits.items():
            for name, series in self.reports.each(role):
                for first, last in series.runs(series.value > limit + ROUNDING):
                    worst = float(np.max(series.value[first : last + 1]))
                    found.append(Danger(name, worst, float(series.time_s[first]), float(series.time_s[last])))
        return sorted(found, key=lambda one: one.from_s)

    def disturbed(self, from_s: float, to_s: float) -> bool:
        """Whether the BMS's frames were on a bad path in this time."""
        return any(one.disturbs and one.from_s <= to_s and one.to_s >= from_s for one in self.faults)

    def faked(self, role: str, from_s: float, to_s: float) -> bool:
        """Whether the BMS was made to say something else in this role."""
        return any(role in one.fault.signals() and one.from_s <= to_s and one.to_s >= from_s for one in self.faults)

    def heard(self, series: Series, from_s: float, to_s: float) -> bool:
        """Whether the controller ran all this time, and its reports were on the bus."""
        restarted = any(from_s - self.shown_s <= at_s <= to_s for at_s in self.starts_s)
        return not restarted and from_s >= self.from_s and series.largest_gap_s(from_s, to_s) <= 2 * self.shown_s

    def asked_w(self, at_s: float) -> float:
        """The power that was accepted last before this time (W); 0 before the first."""
        accepted = [one for one in self.commands if one.power_w is not None and one.accepted and one.to_s < at_s]
        return accepted[-1].power_w or 0.0 if accepted else 0.0
