"""The BMS reports another state of charge (SoC) than the pack has.

A controller that is running takes this for a divergence (see `SocDivergence`). One that starts while it is in force knows
no other value: so a test brings a pack to the edge of the SoC window without charging or discharging it for hours.
"""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.faults.base import HEALTHY, Fault, Level, Overrides, Seen
from v2g_bench.faults.expectation import Expectation


@dataclass(frozen=True)
class StateOfCharge(Fault):
    """The BMS reports `to_pct` %, independent of the current."""

    to_pct: float

    kind: ClassVar[str] = "state_of_charge"

    def __post_init__(self) -> None:
        self.check("to_pct", 0, 100)

    def senses(self, elapsed_s: float, seen: Seen) -> Overrides:
        """The state of charge."""
        return {("soc", None): self.to_pct}

    def signals(self, seen: Seen = HEALTHY) -> dict[str, float]:
        """The state of charge."""
        return {"soc": self.to_pct}

    def level(self) -> Level:
        """The value that the database has to carry."""
        return Level("soc", "to_pct")

    def readback(self) -> Expectation:
        """The state of charge is what was asked for."""
        return Expectation("soc", "==", self.to_pct, tolerance=0.01)
