"""The BMS reports more current than the pack may carry."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.faults.base import HEALTHY, Fault, Overrides, Seen
from v2g_bench.faults.expectation import Expectation


@dataclass(frozen=True)
class OverCurrent(Fault):
    """The over-current flag of the BMS is set."""

    kind: ClassVar[str] = "over_current"

    def senses(self, elapsed_s: float, seen: Seen) -> Overrides:
        """The flag."""
        return {("over_current", None): 1.0}

    def signals(self, seen: Seen = HEALTHY) -> dict[str, float]:
        """The flag."""
        return {"over_current": 1.0}

    def readback(self) -> Expectation:
        """The flag is set."""
        return Expectation("over_current", "==", 1.0)
