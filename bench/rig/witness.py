"""Do the rig's instruments fit each other? A verdict that rests on one of them alone would never notice.

A digitizer with the wrong shunt value shows a tenth of a discharge, and the shares of its own reading stay right. So
once a test, when the power stands, the digitizer's current is held against the BMS's; and whenever the analyzer is read,
no more power may come out of the converter than goes into it. Both bounds are wide. They find a lead that is off, a
wrong ratio, a channel that shows another quantity; what an instrument is good for within its specification is the matter
of its calibration. Its time base is held against two edges of the sync line in one record.

>>> current_contradiction(meter_a=-8.8, bms_a=-8.7)
''
>>> current_contradiction(meter_a=-0.88, bms_a=-8.7)
'the digitizer shows -0.88 A, the BMS -8.70 A'
>>> power_contradiction(pack_w=-3090.0, ac_w=-3000.0)
''
"""

from v2g_bench.errors import BenchError
from v2g_bench.meters.protocols import DigitizerTiming
from v2g_bench.metrology.step import step_in
from v2g_bench.metrology.waveform import Waveform
from v2g_bench.rig.trace import Edge

# How far a BMS's own sensor may be off the shunt at the pack: its error, and what its 20 ms old value may lag.
BMS_SHARE, BMS_A = 0.05, 0.5
# A converter's efficiency at the powers that tests run at, and the error of the balance itself.
LEAST_EFFICIENCY, BALANCE_SHARE, BALANCE_W = 0.75, 0.02, 50.0

# How far apart the two edges of the sync line are that the digitizer's time base is held against, and what the record
# holds before and after them. An error of the time base moves a crossing by its share of the time since the trigger.
SPAN_S, LEAD_S, TAIL_S = 0.09, 0.004, 0.015
STEP_S = 0.005  # the line stays up so long

MEND = "check shunt value, leads, ranges and ratios: meters.dc_current, meters.ac_power, bms.roles"


def current_contradiction(meter_a: float, bms_a: float) -> str:
    """What two views of the pack's current (A, charge positive) cannot both be; "" if they can."""
    if abs(meter_a - bms_a) <= BMS_SHARE * abs(bms_a) + BMS_A:
        return ""
    return f"the digitizer shows {meter_a:.2f} A, the BMS {bms_a:.2f} A"


def time_base_contradiction(waveform: Waveform, timing: DigitizerTiming, first: Edge, second: Edge) -> str:
    """What the record of two edges of the sync line says against the digitizer's time base; "" where it fits.

    The interval in the record must be the one that the bench knows, within what is known of both: the edges' own
    widths, one sample interval, and the time base as specified.
    """
    told_s = second.time_s - first.time_s
    try:
        begun_s = step_in(waveform.between(waveform.start_s, first.time_s + LEAD_S), timing.aperture_s)
        ended_s = step_in(waveform.between(first.time_s + 2 * STEP_S, waveform.end_s), timing.aperture_s)
    except BenchError as error:
        return f"two edges of the sync line are {1e3 * told_s:.3f} ms apart, in the digitizer's record one {error.what}"
    seen_s = ended_s - begun_s
    allowed_s = first.half_width_s + second.half_width_s + waveform.dt_s + timing.time_base_rel * told_s
    if abs(seen_s - told_s) <= allowed_s:
        return ""
    return (
        f"two edges of the sync line are {1e3 * told_s:.3f} ms apart, in the digitizer's record {1e3 * seen_s:.3f} ms "
        f"(allowed: ± {1e3 * allowed_s:.3f} ms): its time base is off by {100 * (seen_s / told_s - 1):+.2f} %"
    )


def power_contradiction(pack_w: float, ac_w: float) -> str:
    """What the powers on both sides of the converter (W, charge positive) cannot both be; "" if they can."""
    told = f"{pack_w:.0f} W at the pack (BMS) and {ac_w:.0f} W at the AC terminals (analyzer)"
    if abs(pack_w) > BALANCE_W and abs(ac_w) > BALANCE_W and (pack_w > 0) != (ac_w > 0):
        return f"{told} flow in different directions"
    given_w, taken_w = (abs(ac_w), abs(pack_w)) if ac_w > 0 else (abs(pack_w), abs(ac_w))
    if taken_w > given_w * (1 + BALANCE_SHARE) + BALANCE_W:
        return f"{told}: more comes out of the converter than goes in"
    if taken_w < given_w * LEAST_EFFICIENCY - BALANCE_W:
        return f"{told}: more is lost in the converter than a converter loses"
    return ""
