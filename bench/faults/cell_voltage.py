"""One cell's voltage is out of its window, or its sensor reports so."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.faults.base import HEALTHY, Fault, Level, Overrides, Seen
from v2g_bench.faults.expectation import Expectation


@dataclass(frozen=True)
class CellVoltage(Fault):
    """Cell `cell` (from 1) reads `to_v` volts."""

    cell: int
    to_v: float

    kind: ClassVar[str] = "cell_voltage"

    def __post_init__(self) -> None:
        self.check_index("cell")
        self.check("to_v", 0, 6)

    def senses(self, elapsed_s: float, seen: Seen) -> Overrides:
        """The cell's voltage."""
        return {("cell_voltage", self.cell): self.to_v}

    def signals(self, seen: Seen = HEALTHY) -> dict[str, float]:
        """The cell's voltage, and the extremes where it is one."""
        shown = {f"cell_voltage[{self.cell}]": self.to_v}
        if self.to_v > seen.get("cell_voltage_max", 4.1):
            shown["cell_voltage_max"] = self.to_v
        if self.to_v < seen.get("cell_voltage_min", 3.2):
            shown["cell_voltage_min"] = self.to_v
        return shown

    def level(self) -> Level:
        """The value that the database has to carry."""
        return Level(f"cell_voltage[{self.cell}]", "to_v")

    def readback(self) -> Expectation:
        """That cell's voltage is what was asked for."""
        return Expectation(f"cell_voltage[{self.cell}]", "==", self.to_v, tolerance=0.000_5)
