"""A node that talks too much: a babbling one with the highest priority, or mere load."""

import math
from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.can.physics.condition import TRAFFIC, Condition
from v2g_bench.faults.expectation import WireExpectation
from v2g_bench.faults.wire_fault import WireFault

_TOLERANCE_PCT = 12.0  # what the others add, and the slices of the load's window


@dataclass(frozen=True)
class BabblingNode(WireFault):
    """A further node sends frames of `frame_id` and `length` bytes so often that alone it takes `load_pct` of the time.

    Identifier 0 wins every arbitration; a high one, such as 0x7FF, only fills what the others leave.
    """

    load_pct: float = 100.0
    frame_id: int = 0
    length: int = 8

    kind: ClassVar[str] = "babbling_node"

    def __post_init__(self) -> None:
        self.check("load_pct", 1, 100)
        self.check("frame_id", 0, 0x7FF, whole=True)
        self.check("length", 0, 64, whole=True)

    @property
    def silences(self) -> bool:
        return self.frame_id == 0 and self.load_pct == 100

    def condition(self) -> Condition:
        return Condition(load_share=self.load_pct / 100.0, load_id=int(self.frame_id), load_length=int(self.length))

    def readback(self) -> WireExpectation:
        """The wire is as busy as that, or busier by what the others send; a babbling node: it takes one turn after another."""
        if self.silences:
            return WireExpectation({f"{TRAFFIC}.attempts": (50, math.inf)})
        return WireExpectation({"load_pct": (self.load_pct - _TOLERANCE_PCT, 100.0)}, window_s=1.1)
