"""The BMS reports the health of an older battery."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.faults.base import HEALTHY, Fault, Level, Overrides, Seen
from v2g_bench.faults.expectation import Expectation


@dataclass(frozen=True)
class WornBattery(Fault):
    """State of health (SoH) of `soh_pct` % after `cycles` cycles and `throughput_kwh` (0: what the pack has counted)."""

    soh_pct: float
    cycles: int = 900
    throughput_kwh: float = 0.0

    kind: ClassVar[str] = "worn_battery"

    def __post_init__(self) -> None:
        self.check("soh_pct", 0, 100)
        self.check("cycles", 0, 60_000, whole=True)
        self.check("throughput_kwh", 0, 1e8)

    def senses(self, elapsed_s: float, seen: Seen) -> Overrides:
        """Health, cycle count and throughput."""
        return {(role, None): value for role, value in self.signals(seen).items()}

    def signals(self, seen: Seen = HEALTHY) -> dict[str, float]:
        """Health, cycle count and throughput."""
        counted = {"energy_throughput": self.throughput_kwh} if self.throughput_kwh else {}
        return {"soh": self.soh_pct, "cycle_count": float(self.cycles), **counted}

    def level(self) -> Level:
        """The value that the database has to carry."""
        return Level("soh", "soh_pct")

    def readback(self) -> Expectation:
        """The state of health is what was asked for."""
        return Expectation("soh", "==", self.soh_pct, tolerance=0.01)
