"""The BMS reports that its cells are out of balance."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.faults.base import HEALTHY, Fault, Overrides, Seen
from v2g_bench.faults.expectation import Expectation


@dataclass(frozen=True)
class CellImbalance(Fault):
    """The cell-imbalance flag of the BMS is set."""

    kind: ClassVar[str] = "cell_imbalance"

    def senses(self, elapsed_s: float, seen: Seen) -> Overrides:
        """The flag."""
        return {("cell_imbalance", None): 1.0}

    def signals(self, seen: Seen = HEALTHY) -> dict[str, float]:
        """The flag."""
        return {"cell_imbalance": 1.0}

    def readback(self) -> Expectation:
        """The flag is set."""
        return Expectation("cell_imbalance", "==", 1.0)
