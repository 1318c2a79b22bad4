"""The strings of the pack diverge in voltage."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.faults.base import HEALTHY, Fault, Level, Overrides, Seen, ramp_s, ramped
from v2g_bench.faults.expectation import Expectation


@dataclass(frozen=True)
class StringVoltageDifference(Fault):
    """Highest minus lowest string voltage reads `to_mv` mV; with ramp_mv_per_s it moves there from what it is."""

    to_mv: float
    ramp_mv_per_s: float = 0.0

    kind: ClassVar[str] = "string_voltage_difference"

    def __post_init__(self) -> None:
        self.check("to_mv", 0, 20_000)
        self.check("ramp_mv_per_s", 0, 1e9)

    def senses(self, elapsed_s: float, seen: Seen) -> Overrides:
        """The difference."""
        now_mv = ramped(self.to_mv, self._start_mv(seen), self.ramp_mv_per_s, elapsed_s)
        return {("string_voltage_difference", None): now_mv / 1e3}

    def signals(self, seen: Seen = HEALTHY) -> dict[str, float]:
        """The difference, in V."""
        return {"string_voltage_difference": self.to_mv / 1e3}

    def level(self) -> Level:
        """The value that the database has to carry."""
        return Level("string_voltage_difference", "to_mv", 1e-3)

    def readback(self) -> Expectation:
        """The difference is what was asked for."""
        return Expectation("string_voltage_difference", "==", self.to_mv / 1e3, tolerance=0.000_5)

    def full_after_s(self, seen: Seen = HEALTHY) -> float:
        """The length of the ramp."""
        return ramp_s(self.to_mv, self._start_mv(seen), self.ramp_mv_per_s)

    @staticmethod
    def _start_mv(seen: Seen) -> float:
        return 1e3 * seen.get("string_voltage_difference", 0.0)
