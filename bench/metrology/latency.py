"""The budget of a latency: every contribution to the uncertainty of the time between two events.

    L = t1 - t0 = (crossing in the record + when the record began) - timestamp of the frame

The record and the timestamp may be of different clocks; `ClockLink` is what joins them. Without one there is no budget, and
a latency without a budget is INCONCLUSIVE.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from v2g_bench.metrology.budget import Budget, Component, Term
from v2g_bench.metrology.component import Distribution
from v2g_bench.metrology.crossing import Crossing

MS = 1000.0
# What no budget of a latency may lack, whatever the instrument.
TERMS = (Term.CROSSING, Term.FRAME_STAMP, Term.CLOCK_LINK, Term.TRIGGER, Term.TIME_BASE)


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
        offsets = np.array([timestamps - digitizer for digitizer, timestamps in pairs])
        u_s = float(np.std(offsets, ddof=1)) / math.sqrt(len(pairs))
        text = f"{source}: {len(pairs)} edges"
        return cls(u_s * math.sqrt(3), text, float(np.mean(offsets)), u_s, len(pairs) - 1.0)

    def component(self) -> Component:
        """The link in a budget of ms."""
        if self.u_s is None:
            return Component.rectangular(Term.CLOCK_LINK, self.half_width_s, MS, self.source, "s")
        return Component(Term.CLOCK_LINK, "normal", self.u_s, MS, self.dof, self.source, "s")


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
    timestamp_half_width_s: float,
    timestamp_source: str,
    calibration: TimingCalibration = NOT_CALIBRATED,
) -> Budget:
    """The budget of a latency in ms. since_trigger_s: from the record's trigger to the crossing (s).

    The gain of the digitizer cancels: the threshold is a share of a level that the same instrument measured. Its zero
    does not: a zero error o moves the crossing by o (1 - share) / slope.
    """
    distribution: Distribution = "rectangular" if crossing.method == "bracket" else "normal"
    crossed = Component(Term.CROSSING, distribution, 0.0, MS, source=f"estimator ({crossing.method})", unit="s")
    parts = [
        of_crossing(crossed, crossing),
        Component.rectangular(Term.FRAME_STAMP, timestamp_half_width_s, MS, timestamp_source, "s"),
        link.component(),
        Component.rectangular(Term.TRIGGER, timing.trigger_s, MS, timing.source, "s"),
        _time_base(timing, calibration, abs(since_trigger_s)),
    ]
    if calibration.trigger_u_s is not None:
        latency_u_s, source = calibration.trigger_u_s, calibration.trigger_source
        parts.append(Component(Term.TRIGGER_LATENCY, "normal", latency_u_s, MS, source=source, unit="s"))
    if crossing.slope_per_s:
        zero = Component.rectangular(Term.DIGITIZER_ZERO, timing.offset, source=timing.source, unit="A")
        parts.append(of_crossing(zero, crossing))
    return Budget("time to isolation", "ms", parts)


def of_crossing(part: Component, crossing: Crossing) -> Component:
    """A part of a latency's budget with what the crossing itself gives of it; any other part as it is."""
    if part.name == Term.CROSSING:
        return replace(part, u=crossing.u_s, dof=crossing.dof)
    if part.name == Term.DIGITIZER_ZERO:
        share = crossing.level / crossing.before
        return replace(part, sensitivity=MS * abs(1 - share) / abs(crossing.slope_per_s))
    return part


def _time_base(timing: RecordTiming, calibration: TimingCalibration, since_trigger_s: float) -> Component:
    """By its calibration; by the data sheet where there is none."""
    if calibration.time_base_rel_u is None:
        return Component.rectangular(Term.TIME_BASE, timing.time_base_rel * since_trigger_s, MS, timing.source, "s")
    u_s = calibration.time_base_rel_u * since_trigger_s
    return Component(Term.TIME_BASE, "normal", u_s, MS, source=calibration.time_base_source, unit="s")
