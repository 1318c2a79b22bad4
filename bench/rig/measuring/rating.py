"""How much power a test may ask for on a rig."""

import math

from v2g_bench.errors import BenchError
from v2g_bench.rig.parts.protocol import Parts
from v2g_bench.rig.safety.envelope import Envelope

RATED_W = math.inf  # at_power: as much as the inverter is rated for


def within_rating(parts: Parts, envelope: Envelope, power_w: float) -> float:
    """This power (W), an infinite one as the most that the rig allows; BenchError beyond its ratings or its envelope."""
    rig = parts.loaded.rig
    rated_w = min(rig.inverter.rated_power_w, rig.safety.max_power_w)
    if math.isinf(power_w):
        return math.copysign(rated_w, power_w)
    if not abs(power_w) <= rated_w:
        raise BenchError("power", f"{power_w:g} W is beyond this rig's {rated_w:g} W", "see [safety] max_power_w")
    voltage_v = parts.world.physical().get("pack_voltage", 0.0)
    if voltage_v > 0 and (breach := envelope.breach({"pack_current": power_w / voltage_v})):
        raise BenchError("power", f"{power_w:g} W: {breach}", "the rig file decides how far a test may go")
    return power_w
