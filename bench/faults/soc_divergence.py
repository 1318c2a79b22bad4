"""The BMS's state of charge (SoC) drifts away from the charge that was counted."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.faults.base import HEALTHY, Fault, Overrides, Seen, ramp_s, ramped
from v2g_bench.faults.expectation import Expectation


@dataclass(frozen=True)
class SocDivergence(Fault):
    """The BMS reports `by_pct` percentage points more (or, negative, less) than it would; it never leaves 0 to 100 %.

    With ramp_pct_per_s the offset grows at that rate.
    """

    by_pct: float
    ramp_pct_per_s: float = 0.0

    kind: ClassVar[str] = "soc_divergence"

    def __post_init__(self) -> None:
        self.check("by_pct", -100, 100)
        self.check("ramp_pct_per_s", 0, 1e6)

    def senses(self, elapsed_s: float, seen: Seen) -> Overrides:
        """The offset."""
        return {("soc_offset", None): ramped(self.by_pct, 0.0, self.ramp_pct_per_s, elapsed_s)}

    def signals(self, seen: Seen = HEALTHY) -> dict[str, float]:
        """The state of charge with the offset."""
        return {"soc": min(100.0, max(0.0, seen.get("soc", HEALTHY["soc"]) + self.by_pct))}

    def readback(self) -> Expectation:
        """The state of charge moved that much since before the fault, within what the pack itself moves meanwhile."""
        return Expectation("soc", ">=" if self.by_pct >= 0 else "<=", self.by_pct, tolerance=0.3, change=True)

    def full_after_s(self, seen: Seen = HEALTHY) -> float:
        """The length of the ramp."""
        return ramp_s(self.by_pct, 0.0, self.ramp_pct_per_s)
