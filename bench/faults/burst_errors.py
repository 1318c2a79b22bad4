"""Bits that are wrong in bursts: the Gilbert-Elliott model."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.can.physics.condition import Condition
from v2g_bench.faults.wire_fault import WireFault


@dataclass(frozen=True)
class WireBursts(WireFault):
    """Bursts last `burst_ms` and come `gap_ms` after each other, both on average; inside one, bits are wrong at `rate`."""

    burst_ms: float = 2.0
    gap_ms: float = 20.0
    rate: float = 0.1

    kind: ClassVar[str] = "wire_bursts"

    def __post_init__(self) -> None:
        self.check("burst_ms", 0.001, 1000)
        self.check("gap_ms", 0.001, 10_000)
        self.check("rate", 1e-4, 0.5)

    def condition(self) -> Condition:
        return Condition(burst_error_rate=self.rate, burst_s=self.burst_ms / 1e3, gap_s=self.gap_ms / 1e3)
