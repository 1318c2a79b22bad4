"""The BMS repeats itself: its controller hangs, and its CAN peripheral sends the last frames for ever."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.bms.disturbance import DisturbanceSettings
from v2g_bench.faults.base import Fault
from v2g_bench.faults.expectation import BusExpectation


@dataclass(frozen=True)
class BmsFrozen(Fault):
    """Every frame is the last one of its identifier from before, counter and checksum included."""

    kind: ClassVar[str] = "bms_frozen"

    def transmit(self) -> DisturbanceSettings:
        """Nothing new leaves."""
        return DisturbanceSettings(frozen=True)

    def readback(self) -> BusExpectation:
        """For 50 ms nearly all protected frames repeat their counter; of unprotected ones it cannot be detected."""
        return BusExpectation(window_s=0.05, bounds={"repeated_pct": (40.0, 100.0)}, min_expected=10)
