"""Do the rig's instruments fit each other? A verdict that rests on one of them alone would never notice.

A digitizer with the wrong shunt value shows a tenth of a discharge, and the shares of its own reading stay right. So
before a test goes on at power, once: the digitizer's current is the BMS's, and no more power comes out of the converter
than goes into it. Both bounds are wide. They find a lead that is off, a wrong ratio, a channel that shows another
quantity; what an instrument is good for within its specification is the matter of its calibration.

>>> contradiction(Sight(dc_a=-8.8, bms_a=-8.7, pack_v=352.0, ac_w=-3000.0))
''
>>> contradiction(Sight(dc_a=-0.88, bms_a=-8.7, pack_v=352.0, ac_w=-3000.0))
'the digitizer shows -0.88 A, the BMS -8.70 A'
"""

from dataclasses import dataclass

import numpy as np

from v2g_bench.errors import BenchError
from v2g_bench.rig.parts import Parts
from v2g_bench.rig.trace import Trace

# How far a BMS's own sensor may be off the shunt at the pack: its error, and what the bench's 20 ms old value may lag.
BMS_SHARE, BMS_A = 0.05, 0.5
# A converter's efficiency at the powers that tests run at, and the meters' part of the balance.
LEAST_EFFICIENCY, METERS_SHARE, METERS_W = 0.75, 0.02, 50.0


@dataclass(frozen=True)
class Sight:
    """What each witness shows while the power stands, charge positive. bms_a: None where the BMS sends no current."""

    dc_a: float
    bms_a: float | None
    pack_v: float
    ac_w: float


def contradiction(sight: Sight) -> str:
    """What cannot be true at the same time; "" if everything can."""
    if sight.bms_a is not None and abs(sight.dc_a - sight.bms_a) > BMS_SHARE * abs(sight.bms_a) + BMS_A:
        return f"the digitizer shows {sight.dc_a:.2f} A, the BMS {sight.bms_a:.2f} A"
    dc_w = sight.dc_a * sight.pack_v
    told = f"{dc_w:.0f} W at the pack (digitizer x pack voltage) and {sight.ac_w:.0f} W at the AC terminals (analyzer)"
    if abs(dc_w) > METERS_W and abs(sight.ac_w) > METERS_W and (dc_w > 0) != (sight.ac_w > 0):
        return f"{told} flow in different directions"
    given_w, taken_w = (abs(sight.ac_w), abs(dc_w)) if sight.ac_w > 0 else (abs(dc_w), abs(sight.ac_w))
    if taken_w > given_w * (1 + METERS_SHARE) + METERS_W:
        return f"{told}: more comes out of the converter than goes in"
    if taken_w < given_w * LEAST_EFFICIENCY - METERS_W:
        return f"{told}: more is lost in the converter than a converter loses"
    return ""


def require_agreement(parts: Parts, trace: Trace) -> None:
    """Look at all witnesses while the power stands; BenchError where they contradict each other."""
    with trace:
        ac_w = parts.analyzer.read(fresh=True).power_w
        dc_a = float(np.mean(trace.waveform.samples))
    seen = parts.latest_all()
    if "pack_voltage" not in seen:
        return  # a BMS that is silent bears no witness
    if said := contradiction(Sight(dc_a, seen.get("pack_current"), seen["pack_voltage"], ac_w)):
        raise BenchError(
            "the instruments contradict each other",
            said,
            "check shunt value, leads, ranges and ratios: meters.dc_current, meters.ac_power, bms.roles",
        )
