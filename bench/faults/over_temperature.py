"""One cell is too hot, or its sensor reports so."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.faults.base import HEALTHY, Fault, Level, Overrides, Seen, ramp_s, ramped
from v2g_bench.faults.expectation import Expectation


@dataclass(frozen=True)
class OverTemperature(Fault):
    """Cell `cell` (from 1) reads `to_c` °C; with ramp_k_per_s it moves there from the hottest cell's temperature."""

    cell: int
    to_c: float
    ramp_k_per_s: float = 0.0

    kind: ClassVar[str] = "over_temperature"

    def __post_init__(self) -> None:
        self.check_index("cell")
        self.check("to_c", -40, 150)
        self.check("ramp_k_per_s", 0, 1e6)

    def senses(self, elapsed_s: float, seen: Seen) -> Overrides:
        """The cell's temperature."""
        now_c = ramped(self.to_c, seen.get("cell_temperature_max", self.to_c), self.ramp_k_per_s, elapsed_s)
        return {("cell_temperature", self.cell): now_c}

    def signals(self, seen: Seen = HEALTHY) -> dict[str, float]:
        """The highest cell temperature."""
        return {"cell_temperature_max": self.to_c}

    def level(self) -> Level:
        """The value that the database has to carry."""
        return Level("cell_temperature_max", "to_c")

    def readback(self) -> Expectation:
        """The highest cell temperature is at least as high."""
        return Expectation("cell_temperature_max", ">=", self.to_c, tolerance=0.05)

    def full_after_s(self, seen: Seen = HEALTHY) -> float:
        """The length of the ramp."""
        return ramp_s(self.to_c, seen.get("cell_temperature_max", self.to_c), self.ramp_k_per_s)
