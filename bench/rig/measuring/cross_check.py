"""Do the rig's instruments fit each other? A verdict that rests on one of them alone would never notice.

A digitizer with the wrong shunt value shows a tenth of a discharge, and the shares of its own reading stay right. So
once a test, when the power stands, the digitizer's current is held against the BMS's; and whenever the analyzer is read,
no more power may come out of the converter than goes into it. Both bounds follow from the accuracies that the rig file and
the data sheets state, and are wide. They find a lead that is off, a wrong ratio, a channel that shows another quantity; what
an instrument is good for within its specification is the matter of `sources` and of its calibration. Its time base is held
against two edges of the sync line in one record.

>>> current_contradiction(meter_a=-8.8, bms_a=-8.7, meter_limit_a=0.01, bms_limit_a=0.19)
''
>>> current_contradiction(meter_a=-0.88, bms_a=-8.7, meter_limit_a=0.01, bms_limit_a=0.19)
'the digitizer shows -0.88 A, the BMS -8.70 A (allowed: ± 0.96 A)'
>>> power_contradiction(pack_w=-3090.0, ac_w=-3000.0, limit_w=85.0, efficiency=0.95)
''
"""

from collections.abc import Callable, Sequence

import numpy as np

from v2g_bench.errors import BenchError
from v2g_bench.faults import Fault
from v2g_bench.instruments.protocols import DigitizerTiming
from v2g_bench.metrology.step import step_in
from v2g_bench.metrology.waveform import Waveform
from v2g_bench.rig.measuring.comparisons import BMS_CROSS_CHECKED, Comparisons, bms_accuracy
from v2g_bench.rig.measuring.trace import Trace
from v2g_bench.rig.parts.protocol import Parts
from v2g_bench.rig.parts.sync import NoSync
from v2g_bench.rig.parts.timing import Edge

# So many times what the rig file grants the BMS's sensor, or the converter's losses, is no matter of accuracy any more.
GROSS = 5.0
MOVED_W = 50.0  # what a power that stands moves between the readings of the two sides

# How far apart the two edges of the sync line are that the digitizer's time base is held against, and what the record
# holds before and after them. An error of the time base moves a crossing by its share of the time since the trigger.
SPAN_S, LEAD_S, TAIL_S = 0.09, 0.004, 0.015
STEP_S = 0.005  # the line stays up so long
ATTEMPTS = 3  # a stall of the machine may spoil some

HINT = "check shunt value, leads, ranges and ratios: meters.dc_current, meters.ac_power, bms.roles"


def current_contradiction(meter_a: float, bms_a: float, meter_limit_a: float, bms_limit_a: float) -> str:
    """What two views of the pack's current (A, charge positive) cannot both be; "" if they can.

    meter_limit_a, bms_limit_a: how far each may be off by its data sheet or the rig file.
    """
    allowed_a = meter_limit_a + GROSS * bms_limit_a
    if abs(meter_a - bms_a) <= allowed_a:
        return ""
    return f"the digitizer shows {meter_a:.2f} A, the BMS {bms_a:.2f} A (allowed: ± {allowed_a:.2f} A)"


def time_base_contradiction(waveform: Waveform, timing: DigitizerTiming, first: Edge, second: Edge) -> str:
    """What the record of two edges of the sync line says against the digitizer's time base; "" where it fits.

    The interval in the record must be the one that the bench knows, within what is known of both: the edges' own
    widths, one sample interval, and the time base as specified.
    """
    reported_s = second.time_s - first.time_s
    try:
        begun_s = step_in(waveform.between(waveform.start_s, first.time_s + LEAD_S), timing.aperture_s)
        ended_s = step_in(waveform.between(first.time_s + 2 * STEP_S, waveform.end_s), timing.aperture_s)
    except BenchError as error:
        return f"two edges of the sync line are {1e3 * reported_s:.3f} ms apart, in the digitizer's record one {error.what}"
    seen_s = ended_s - begun_s
    allowed_s = first.half_width_s + second.half_width_s + waveform.dt_s + timing.time_base_rel * reported_s
    if abs(seen_s - reported_s) <= allowed_s:
        return ""
    return (
        f"two edges of the sync line are {1e3 * reported_s:.3f} ms apart, in the digitizer's record {1e3 * seen_s:.3f} ms "
        f"(allowed: ± {1e3 * allowed_s:.3f} ms): its time base is off by {100 * (seen_s / reported_s - 1):+.2f} %"
    )


def power_contradiction(pack_w: float, ac_w: float, limit_w: float, efficiency: float) -> str:
    """What the powers on both sides of the converter (W, charge positive) cannot both be; "" if they can.

    limit_w: how far both together may be off; efficiency: the converter's at the least, by the rig file.
    """
    output = f"{pack_w:.0f} W at the pack (BMS) and {ac_w:.0f} W at the AC terminals (analyzer)"
    allowed_w = limit_w + MOVED_W
    if abs(pack_w) > allowed_w and abs(ac_w) > allowed_w and (pack_w > 0) != (ac_w > 0):
        return f"{output} flow in different directions"
    given_w, taken_w = (abs(ac_w), abs(pack_w)) if ac_w > 0 else (abs(pack_w), abs(ac_w))
    if taken_w > given_w + allowed_w:
        return f"{output}: more comes out of the converter than goes in"
    if taken_w < given_w * (1 - GROSS * (1 - efficiency)) - allowed_w:
        return f"{output}: more is lost in the converter than a converter loses"
    return ""


class CrossCheck:
    """The instruments of an open rig, held against each other. faults: those that are in force, as the bench keeps them;
    recording: makes a record of the DC current.
    """

    def __init__(
        self, parts: Parts, sources: Comparisons, faults: Sequence[Fault], recording: Callable[..., Trace]
    ) -> None:
        self._parts, self._sources, self._faults, self._recording = parts, sources, faults, recording
        self._received = False

    def check(self, target_w: float) -> None:
        """Once in a test, when the power is there: the digitizer sees the current that the BMS sees and, where the sync
        line reaches its input, its time base is right; BenchError if not.
        """
        before, sync = self._sources.look(), self._parts.instruments.sync
        found_w = before.inverter.ac_power_w
        if self._received or isinstance(sync, NoSync) or abs(found_w - target_w) > 0.2 * abs(target_w):
            return
        if sync.marks:
            trace, first, second = self._two_edges()
            # An edge that a wrong time base brings into these samples does not count for a current: hence the median.
            flowing = trace.waveform.between(first.time_s + 2 * STEP_S, second.time_s - STEP_S)
        else:
            with self._recording(before_s=LEAD_S, after_s=SPAN_S) as trace:
                flowing, first, second = trace.waveform, trace.edge, None
        if abs(self._parts.inverter.reading().ac_power_w - found_w) > MOVED_W:
            return  # it rises softly: two looks at different times are no contradiction
        bms_a = self._parts.bus.latest_all().get("pack_current")
        self._received = bool(target_w) and bms_a is not None
        median_a = float(np.median(flowing.samples))
        if bms_a is not None and (message := self._current_contradiction(median_a, bms_a, trace)):
            raise BenchError("the instruments contradict each other", message, HINT)
        timing = self._parts.instruments.digitizer.timing()
        if second is not None and (message := time_base_contradiction(trace.waveform, timing, first, second)):
            raise BenchError("meters.dc_current", message, "have it calibrated; see meters.dc_current")
        self._sources.steady(trace.of("DC current by the digitizer", median_a, flowing), before, bms=self.roles())

    def weigh(self, ac_w: float, moved_w: float = 0.0) -> None:
        """BenchError where the analyzer's power cannot be that of the pack; not while a fault tells the BMS lies.

        moved_w: how far the power moved while it was read, as in a soft start: the two sides were not read at one time.
        """
        seen = self._parts.bus.latest_all()
        if self._faults or not {"pack_voltage", "pack_current"} <= set(seen):
            return
        volts, amperes = seen["pack_voltage"], seen["pack_current"]
        limit_w = abs(volts) * self._bms_limit("pack_current", amperes) + abs(amperes) * self._bms_limit(
            "pack_voltage", volts
        )
        limit_w += self._parts.instruments.analyzer.power_accuracy(ac_w)[0] + moved_w
        if message := power_contradiction(volts * amperes, ac_w, limit_w, self._parts.loaded.rig.inverter.efficiency):
            raise BenchError("the instruments contradict each other", message, HINT)

    def _current_contradiction(self, meter_a: float, bms_a: float, trace: Trace) -> str:
        zero_a, gain_rel, _ = trace.accuracy()
        limit_a = zero_a + gain_rel * abs(meter_a)
        return current_contradiction(meter_a, bms_a, limit_a, self._bms_limit("pack_current", bms_a))

    def _bms_limit(self, role: str, value: float) -> float:
        return bms_accuracy(self._parts.loaded.rig, role, value, self._parts.bus.db.resolution(role))[0]

    def roles(self) -> set[str]:
        """What the BMS is a witness of: nothing while a fault is on the way of its frames, nor what a fault fakes."""
        if any(fault.transmit() is not None or fault.wire() is not None for fault in self._faults):
            return set()
        faked = {role for fault in self._faults for role in fault.signals()}
        if any(role.startswith("cell_voltage") for role in faked):
            faked.add("pack_voltage")  # it is their sum
        return set(BMS_CROSS_CHECKED) - faked

    def _two_edges(self) -> tuple[Trace, Edge, Edge]:
        """A record with two edges of the sync line in it, and when they were."""
        for _ in range(ATTEMPTS):
            with self._recording(before_s=LEAD_S, after_s=SPAN_S + TAIL_S, seen=True) as trace:
                self._parts.clock.pause(SPAN_S)
                second = self._parts.instruments.sync.pulse(seen=True)
                trace.complete()
            if second.time_s + STEP_S < trace.edge.time_s + SPAN_S + TAIL_S:
                return trace, trace.edge, second
            # else the machine stood still, and the second edge came after the record
        raise BenchError("sync line", f"{ATTEMPTS} second edges came too late", "is the machine overloaded?")
