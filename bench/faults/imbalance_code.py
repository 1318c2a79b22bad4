"""The BMS holds a trouble code for cell imbalance, and its flag on CAN does not show it."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.faults.base import HEALTHY, Fault, Overrides, Seen
from v2g_bench.faults.expectation import Expectation


@dataclass(frozen=True)
class ImbalanceCode(Fault):
    """Trouble code P0BBD, active; to be read by UDS or OBD alone. The count of codes on CAN grows by it."""

    kind: ClassVar[str] = "imbalance_code"

    def senses(self, elapsed_s: float, seen: Seen) -> Overrides:
        """The code."""
        return {("imbalance_code", None): 2.0}

    def signals(self, seen: Seen = HEALTHY) -> dict[str, float]:
        """The number of codes."""
        return {"dtc_count": 1.0}

    def readback(self) -> Expectation:
        """There is a code."""
        return Expectation("dtc_count", ">=", 1.0)
