"""All cells are at one voltage: a pack at the edge of its voltage window, in balance."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.faults.base import HEALTHY, Fault, Level, Overrides, Seen
from v2g_bench.faults.expectation import Expectation


@dataclass(frozen=True)
class CellVoltages(Fault):
    """Every cell reads `to_v` volts."""

    to_v: float

    kind: ClassVar[str] = "cell_voltages"

    def __post_init__(self) -> None:
        self.check("to_v", 0, 6)

    def senses(self, elapsed_s: float, seen: Seen) -> Overrides:
        """The voltage, for each cell."""
        return {("cell_voltage", None): self.to_v}

    def signals(self, seen: Seen = HEALTHY) -> dict[str, float]:
        """Both extremes."""
        return {"cell_voltage_max": self.to_v, "cell_voltage_min": self.to_v}

    def level(self) -> Level:
        """The value that the database has to carry."""
        return Level("cell_voltage_max", "to_v")

    def readback(self) -> Expectation:
        """The highest cell voltage is what was asked for."""
        return Expectation("cell_voltage_max", "==", self.to_v, tolerance=0.000_5)
