"""One or both 120-ohm resistors are missing at the ends of the CAN line."""

import math
from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.can.physics.condition import Condition
from v2g_bench.faults.expectation import WireExpectation
from v2g_bench.faults.wire_fault import WireFault


@dataclass(frozen=True)
class MissingTerminator(WireFault):
    """`missing` of the two resistors are not there, on a cable of `length_m`.

    With one missing, a short cable works until it meets noise; 40 m fail at 2 Mbit/s by themselves.
    """

    missing: int = 1
    length_m: float = 40.0

    kind: ClassVar[str] = "missing_terminator"

    def __post_init__(self) -> None:
        self.check("missing", 1, 2, whole=True)
        self.check("length_m", 0.1, 1000)

    def readback(self) -> WireExpectation:
        """An ohmmeter between the wires finds more than 60 ohm: about 120 with one resistor, kilohms with none."""
        return WireExpectation({"ohm": (100.0 if self.missing == 1 else 1000.0, math.inf)})

    def condition(self) -> Condition:
        return Condition(terminators=2 - int(self.missing), length_m=self.length_m)
