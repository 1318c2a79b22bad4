"""A node whose transceiver sends wrong bits: it destroys its own frames until it is bus off."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.can.physics.condition import Condition
from v2g_bench.faults.expectation import WireExpectation
from v2g_bench.faults.wire_fault import WireFault


@dataclass(frozen=True)
class SickTransceiver(WireFault):
    """`node` sends `share_pct` of its frames with a wrong bit; with more than a ninth of them it becomes bus off in time.

    It recovers by itself after 128 times 11 recessive bits, and becomes bus off again while the fault lasts.
    """

    node: str = "bms"
    share_pct: float = 100.0

    kind: ClassVar[str] = "sick_transceiver"

    def __post_init__(self) -> None:
        self._check_node()
        self.check("share_pct", 0.1, 100)

    @property
    def silences(self) -> bool:
        return self.node == "bms" and self.share_pct == 100

    def condition(self) -> Condition:
        return Condition(sick=self.node, sick_share=self.share_pct / 100.0)

    def readback(self) -> WireExpectation:
        """It is bus off; with a small share: it has destroyed frames."""
        if self.share_pct >= 50:
            return WireExpectation({f"{self.node}.off": (1, 1)})
        return super().readback()
