"""The BMS allows less continuous discharge than the pack could give."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.faults.base import HEALTHY, Fault, Level, Overrides, Seen
from v2g_bench.faults.expectation import Expectation


@dataclass(frozen=True)
class ContinuousRating(Fault):
    """The continuous discharge rating reads `to_w` W, at the pack's terminals."""

    to_w: float

    kind: ClassVar[str] = "continuous_rating"

    def __post_init__(self) -> None:
        self.check("to_w", 0, 1e6)

    def senses(self, elapsed_s: float, seen: Seen) -> Overrides:
        """The rating."""
        return {("discharge_power_continuous", None): self.to_w}

    def signals(self, seen: Seen = HEALTHY) -> dict[str, float]:
        """The rating."""
        return {"discharge_power_continuous": self.to_w}

    def level(self) -> Level:
        """The value that the database has to carry."""
        return Level("discharge_power_continuous", "to_w")

    def readback(self) -> Expectation:
        """The rating is what was asked for."""
        return Expectation("discharge_power_continuous", "==", self.to_w, tolerance=1.0)
