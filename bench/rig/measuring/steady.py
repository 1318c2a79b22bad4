"""When the power of a rig is steady."""

import math

from v2g_bench.rig.measuring.waiting import wait_until
from v2g_bench.rig.parts.protocol import Parts

AT_TARGET_S = 0.06  # how long the power has to stay where it was asked to before a test goes on,
STEADY_S = 1.0  # and how long anywhere else: longer than precharge and the closing of the contactors
START_S = 3.0  # and how long at nothing, where something was asked for and promised: a busy machine begins late
POWER_WAIT_S = 8.0


def wait_for_power(parts: Parts, target_w: float | None = None) -> None:
    """Until the inverter's power stays at the target for AT_TARGET_S, or still anywhere for STEADY_S; bounded."""
    moved_w = 0.002 * parts.loaded.rig.inverter.rated_power_w
    anchor_w, still_since_s = math.inf, parts.clock.now_s()

    def steady() -> bool:
        nonlocal anchor_w, still_since_s
        power_w, now_s = parts.inverter.reading().ac_power_w, parts.clock.now_s()
        if abs(power_w - anchor_w) > moved_w:
            anchor_w, still_since_s = power_w, now_s
        there = target_w is not None and abs(power_w - target_w) <= max(0.02 * abs(target_w), moved_w)
        elsewhere_s = START_S if target_w and abs(power_w) <= moved_w else STEADY_S
        return now_s - still_since_s >= (AT_TARGET_S if there else elsewhere_s)

    wait_until(parts, steady, POWER_WAIT_S)
