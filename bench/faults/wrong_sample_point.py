"""A node that samples its bits at the wrong place."""

import math
from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.can.physics.condition import Condition
from v2g_bench.faults.expectation import WireExpectation
from v2g_bench.faults.wire_fault import WireFault


@dataclass(frozen=True)
class WrongSamplePoint(WireFault):
    """`node` samples at `at_pct` of each bit; early enough, it still sees the bit before. The rest of the bus is at 80 %."""

    node: str = "ems"
    at_pct: float = 15.0

    kind: ClassVar[str] = "wrong_sample_point"

    def __post_init__(self) -> None:
        self._check_node()
        self.check("at_pct", 1, 99)

    def condition(self) -> Condition:
        return Condition(sampling=self.node, sample_point=self.at_pct / 100.0)

    def readback(self) -> WireExpectation:
        """It finds errors."""
        return WireExpectation({f"{self.node}.errors": (1, math.inf)})
