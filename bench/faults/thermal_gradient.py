"""One module is warmer than the rest: blocked coolant, a failed pump."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.faults.base import HEALTHY, Fault, Overrides, Seen, ramp_s, ramped
from v2g_bench.faults.expectation import Expectation


@dataclass(frozen=True)
class ThermalGradient(Fault):
    """Module `module` (from 1) is `to_k` kelvin above the coldest; with ramp_k_per_s it gets there from 0."""

    to_k: float
    module: int = 1
    ramp_k_per_s: float = 0.0

    kind: ClassVar[str] = "thermal_gradient"

    def __post_init__(self) -> None:
        self.check("to_k", 0, 100)
        self.check_index("module")
        self.check("ramp_k_per_s", 0, 1e6)

    def senses(self, elapsed_s: float, seen: Seen) -> Overrides:
        """The module's temperature above the coldest other one."""
        return {("module_temperature_spread", self.module): ramped(self.to_k, 0.0, self.ramp_k_per_s, elapsed_s)}

    def signals(self, seen: Seen = HEALTHY) -> dict[str, float]:
        """The highest cell temperature, `to_k` above the lowest that is seen."""
        coldest_c = seen.get("cell_temperature_min", HEALTHY["cell_temperature_min"])
        return {"cell_temperature_min": coldest_c, "cell_temperature_max": coldest_c + self.to_k}

    def readback(self) -> Expectation:
        """Highest minus lowest cell temperature is at least `to_k`."""
        return Expectation("cell_temperature_max", ">=", self.to_k, tolerance=0.1, minus="cell_temperature_min")

    def full_after_s(self, seen: Seen = HEALTHY) -> float:
        """The length of the ramp."""
        return ramp_s(self.to_k, 0.0, self.ramp_k_per_s)
