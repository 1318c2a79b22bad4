"""A node's CAN wires are open: a loose terminal block."""

import math
from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.can.physics.condition import Condition
from v2g_bench.faults.expectation import WireExpectation
from v2g_bench.faults.wire_fault import WireFault


@dataclass(frozen=True)
class OpenWire(WireFault):
    """`node` (bms, ems) receives nothing, and no node receives or acknowledges it."""

    node: str = "bms"

    kind: ClassVar[str] = "open_wire"

    def __post_init__(self) -> None:
        self._check_node()

    @property
    def silences(self) -> bool:
        return self.node == "bms"

    def condition(self) -> Condition:
        return Condition(cut=self.node)

    def readback(self) -> WireExpectation:
        """It tries in vain: sixteen errors make an active node passive, and a passive one finds them too."""
        return WireExpectation({f"{self.node}.errors": (16, math.inf)})
