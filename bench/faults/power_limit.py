"""The BMS takes less power than it could: the limit that it states itself is lower than what flows."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.errors import BenchError
from v2g_bench.faults.base import HEALTHY, Fault, Level, Overrides, Seen
from v2g_bench.faults.expectation import Expectation

DIRECTIONS = ("charge", "discharge")


@dataclass(frozen=True)
class PowerLimit(Fault):
    """The BMS's limit of the power in one direction ("charge", "discharge") reads `to_w` W, at the pack's terminals."""

    direction: str
    to_w: float

    kind: ClassVar[str] = "power_limit"

    def __post_init__(self) -> None:
        self.check("to_w", 0, 1e6)
        if self.direction not in DIRECTIONS:
            raise BenchError(
                f"fault {self.kind}", f"no direction {self.direction!r}", f"it is {' or '.join(DIRECTIONS)}"
            )

    @property
    def role(self) -> str:
        """The signal role of the limit."""
        return f"{self.direction}_power_limit"

    def senses(self, elapsed_s: float, seen: Seen) -> Overrides:
        """The limit."""
        return {(self.role, None): self.to_w}

    def signals(self, seen: Seen = HEALTHY) -> dict[str, float]:
        """The limit."""
        return {self.role: self.to_w}

    def level(self) -> Level:
        """The limit."""
        return Level(self.role, "to_w")

    def readback(self) -> Expectation:
        """The limit is what was asked for."""
        return Expectation(self.role, "==", self.to_w, tolerance=1.0)
