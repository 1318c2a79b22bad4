"""Noise of the inverter's bridge on the CAN pair: after every edge, and the more the more power it moves."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.can.physics.condition import Condition
from v2g_bench.faults.wire_fault import WireFault


@dataclass(frozen=True)
class SwitchingNoise(WireFault):
    """`volts` rms between the wires at rated power, for `ring_us` after each edge of a bridge at `switching_hz`.

    The volts are those on a terminated line; a bit's margin is 0.7 V when recessive and 1.3 V when dominant.
    """

    volts: float
    switching_hz: float = 20_000.0
    ring_us: float = 2.0
    rated_w: float = 11_000.0

    kind: ClassVar[str] = "switching_noise"

    def __post_init__(self) -> None:
        self.check("volts", 0.01, 50)
        self.check("switching_hz", 100, 1_000_000)
        self.check("ring_us", 0.01, 1000)
        self.check("rated_w", 1, 1_000_000)

    def condition(self) -> Condition:
        return Condition(
            switching_v=self.volts,
            switching_hz=self.switching_hz,
            ring_s=self.ring_us / 1e6,
            rated_w=self.rated_w,
        )
