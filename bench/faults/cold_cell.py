"""One cell is colder than the others, or its sensor reports so."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.faults.base import HEALTHY, Fault, Overrides, Seen
from v2g_bench.faults.expectation import Expectation


@dataclass(frozen=True)
class ColdCell(Fault):
    """Cell `cell` (from 1) reads `to_c` °C."""

    cell: int
    to_c: float

    kind: ClassVar[str] = "cold_cell"

    def __post_init__(self) -> None:
        self.check_index("cell")
        self.check("to_c", -40, 150)

    def senses(self, elapsed_s: float, seen: Seen) -> Overrides:
        """The cell's temperature."""
        return {("cell_temperature", self.cell): self.to_c}

    def signals(self, seen: Seen = HEALTHY) -> dict[str, float]:
        """The lowest cell temperature."""
        return {"cell_temperature_min": self.to_c}

    def readback(self) -> Expectation:
        """The lowest cell temperature is at least as low."""
        return Expectation("cell_temperature_min", "<=", self.to_c, tolerance=0.05)
