"""The whole pack is warm or cold, evenly."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.faults.base import HEALTHY, Fault, Overrides, Seen
from v2g_bench.faults.expectation import Expectation

SPREAD_K = 0.4  # sensor noise and the pack's own spread stay


@dataclass(frozen=True)
class PackTemperature(Fault):
    """All cells and modules read `to_c` °C, each as far from it as it was from the pack's middle before."""

    to_c: float

    kind: ClassVar[str] = "pack_temperature"

    def __post_init__(self) -> None:
        self.check("to_c", -40, 150)

    def senses(self, elapsed_s: float, seen: Seen) -> Overrides:
        """The same offset on every module and its cells."""
        hottest_c = seen.get("cell_temperature_max", self.to_c)
        middle_c = (hottest_c + seen.get("cell_temperature_min", hottest_c)) / 2
        return {("module_temperature_offset", None): self.to_c - middle_c}

    def signals(self, seen: Seen = HEALTHY) -> dict[str, float]:
        """Highest and lowest cell temperature."""
        return {"cell_temperature_max": self.to_c, "cell_temperature_min": self.to_c}

    def readback(self) -> Expectation:
        """The highest cell temperature is near it."""
        return Expectation("cell_temperature_max", "==", self.to_c, tolerance=SPREAD_K)
