"""One cell is past a voltage limit while all others are still inside it: the one that has aged most comes there first."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.faults.base import HEALTHY, Fault, Overrides, Seen
from v2g_bench.faults.expectation import Expectation


@dataclass(frozen=True)
class CellApart(Fault):
    """Cell `cell` (from 1) reads `to_v` volts, every other one `others_v`."""

    cell: int
    to_v: float
    others_v: float

    kind: ClassVar[str] = "cell_apart"

    def __post_init__(self) -> None:
        self.check_index("cell")
        self.check("to_v", 0, 6)
        self.check("others_v", 0, 6)

    def senses(self, elapsed_s: float, seen: Seen) -> Overrides:
        """The voltage of all cells, and that of the one."""
        return {("cell_voltage", None): self.others_v, ("cell_voltage", self.cell): self.to_v}

    def signals(self, seen: Seen = HEALTHY) -> dict[str, float]:
        """Both extremes."""
        return {
            "cell_voltage_max": max(self.to_v, self.others_v),
            "cell_voltage_min": min(self.to_v, self.others_v),
        }

    def readback(self) -> Expectation:
        """The extreme that the cell is."""
        role = "cell_voltage_max" if self.to_v >= self.others_v else "cell_voltage_min"
        return Expectation(role, "==", self.to_v, tolerance=0.000_5)
