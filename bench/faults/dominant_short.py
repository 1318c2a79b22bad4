"""The CAN line is held dominant: CAN_H at the supply and CAN_L at ground, or a transmitter that is stuck."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.can.physics.condition import Condition
from v2g_bench.faults.expectation import WireExpectation
from v2g_bench.faults.wire_fault import WireFault


@dataclass(frozen=True)
class DominantShort(WireFault):
    """Nothing can be sent, and no node finds the line idle."""

    kind: ClassVar[str] = "dominant_short"

    @property
    def silences(self) -> bool:
        return True

    def condition(self) -> Condition:
        return Condition(shorted=True)

    def readback(self) -> WireExpectation:
        """For 50 ms no frame is complete."""
        return WireExpectation({"frames": (0, 1)}, window_s=0.05)
