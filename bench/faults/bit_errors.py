"""Bits that are wrong at random, everywhere on the wire."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.can.physics.condition import Condition
from v2g_bench.faults.wire_fault import WireFault


@dataclass(frozen=True)
class WireBitErrors(WireFault):
    """Every bit is wrong with the probability `rate`; below 1e-5 a test may end before a frame is hit."""

    rate: float

    kind: ClassVar[str] = "wire_bit_errors"

    def __post_init__(self) -> None:
        self.check("rate", 1e-6, 0.5)

    def condition(self) -> Condition:
        return Condition(bit_error_rate=self.rate)
