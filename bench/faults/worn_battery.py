"""The BMS reports the health of an older battery."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.faults.base import HEALTHY, Fault, Level, Overrides, Seen
from v2g_bench.faults.expectation import Expectation


@dataclass(frozen=True)
class WornBattery(Fault):
    """State of health (SoH) of `soh_pct` % after `cycles` cycles."""

    soh_pct: float
    cycles: int = 900

    kind: ClassVar[str] = "worn_battery"

    def __post_init__(self) -> None:
        self._check("soh_pct", 0, 100)
        self._check("cycles", 0, 60_000, whole=True)

    def senses(self, elapsed_s: float, seen: Seen) -> Overrides:
        """Health and cycle count."""
        return {("soh", None): self.soh_pct, ("cycle_count", None): float(self.cycles)}

    def signals(self, seen: Seen = HEALTHY) -> dict[str, float]:
        """Health and cycle count."""
        return {"soh": self.soh_pct, "cycle_count": float(self.cycles)}

    def level(self) -> Level:
        return Level("soh", "soh_pct")

    def readback(self) -> Expectation:
        """The state of health is what was asked for."""
        return Expectation("soh", "==", self.soh_pct, tolerance=0.01)
