"""The budget of a latency: every contribution to the uncertainty of the time between two events.

    L = t1 - t0 = (crossing in the record + when the record began) - timestamp of the frame

The record and the timestamp may be of different clocks; `ClockLink` is what joins them. Without one there is no budget, and
a latency without a budget is INCONCLUSIVE.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from v2g_bench.metrology.budget import Budget, Component
from v2g_bench.metrology.crossing import Crossing

MS = 1000.0
# What no budget of a latency may lack, whatever the instrument.
TERMS = ("crossing in the record", "frame stamp", "clock link", "trigger of the record", "time base")


@dataclass(frozen=True)
class ClockLink:
    """What relates the digitizer's clock to the clock of the frame timestamps.

    half_width_s: an edge that both have seen lies within ± this (s) on the timestamps' clock; source: how that is known.
    A link from repeated edges (`of_pulses`) has a mean `offset_s` (timestamps' clock minus digitizer's clock, s; 0 where the
    record already begins at the edge's time) with the standard uncertainty `u_s` and `dof` instead.
    """

    half_width_s: float
    source: str
    offset_s: float = 0.0
    u_s: float | None = None
    dof: float = math.inf

    @classmethod
    def of_pulses(cls, pairs: Sequence[tuple[float, float]], source: str) -> Self:
        """From (time on the digitizer's clock, time on the timestamps' clock) of the same edges (s); two at the least."""
        if len(pairs) < 2:
            raise ValueError(f"{len(pairs)} edges do not show how well two clocks agree")
        offsets = np.array([stamps - digitizer for digitizer, stamps in pairs])
        u_s = float(np.std(offsets, ddof=1)) / math.sqrt(len(pairs))
        text = f"{source}: {len(pairs)} edges"
        return cls(u_s * math.sqrt(3), text, float(np.mean(offsets)), u_s, len(pairs) - 1.0)

    def component(self) -> Component:
        """The link in a budget of ms."""
        if self.u_s is None:
            return Component.rectangular("clock link", self.half_width_s, MS, self.source, "s")
        return Component("clock link", "normal", self.u_s, MS, self.dof, self.source, "s")


@dataclass(frozen=True)
class RecordTiming:
    """What the digitizer states about its own record; half-widths of rectangular distributions.

    trigger_s: of the sample grid against its trigger; time_base_rel: relative error of the sample interval; offset: zero
    error of one sample, in the record's unit; source: where these numbers come from. (A sample's time is the middle of
    what it is averaged over: that is the driver's to see to.)
    """

    trigger_s: float
    time_base_rel: float
    offset: float
    source: str


@dataclass(frozen=True)
class TimingCalibration:
    """What was calibrated of a digitizer's timing, in place of its data sheet's figures; None where nothing was.

    trigger_u_s: standard uncertainty of the trigger's latency, which the record's times are already corrected for;
    time_base_rel_u: of the relative error of the sample interval; sources: as the budget prints them.
    """

    trigger_u_s: float | None = None
    trigger_source: str = ""
    time_base_rel_u: float | None = None
    time_base_source: str = ""


NOT_CALIBRATED = TimingCalibration()


def latency_budget(
    crossing: Crossing,
    timing: RecordTiming,
    link: ClockLink,
    *,
    since_trigger_s: float,
    stamp_half_width_s: float,
    stamp_source: str,
    calibration: TimingCalibration = NOT_CALIBRATED,
) -> Budget:
    """The budget of a latency in ms. since_trigger_s: from the record's trigger to the crossing (s).

    The gain of the digitizer cancels: the threshold is a share of a level that the same instrument measured. Its zero
    does not: a zero error o moves the crossing by o (1 - share) / slope.
    """
    share = crossing.level / crossing.before
    slope = abs(crossing.slope_per_s)
    parts = [
        Component(
            "crossing in the record",
            "rectangular" if crossing.method == "bracket" else "normal",
            crossing.u_s,
            MS,
            crossing.dof,
            f"estimator ({crossing.method})",
            "s",
        ),
        Component.rectangular("frame stamp", stamp_half_width_s, MS, stamp_source, "s"),
        link.component(),
        Component.rectangular("trigger of the record", timing.trigger_s, MS, timing.source, "s"),
        _time_base(timing, calibration, abs(since_trigger_s)),
    ]
    if calibration.trigger_u_s is not None:
        latency_u_s, source = calibration.trigger_u_s, calibration.trigger_source
        parts.append(Component("latency of the trigger", "normal", latency_u_s, MS, source=source, unit="s"))
    if slope > 0:
        parts.append(
            Component.rectangular(
                "zero of the digitizer", timing.offset, MS * abs(1 - share) / slope, timing.source, "A"
            )
        )
    return Budget("time to isolation", "ms", parts)


def _time_base(timing: RecordTiming, calibration: TimingCalibration, since_trigger_s: float) -> Component:
    """By its calibration; by the data sheet where there is none."""
    if calibration.time_base_rel_u is None:
        return Component.rectangular("time base", timing.time_base_rel * since_trigger_s, MS, timing.source, "s")
    u_s = calibration.time_base_rel_u * since_trigger_s
    return Component("time base", "normal", u_s, MS, source=calibration.time_base_source, unit="s")
