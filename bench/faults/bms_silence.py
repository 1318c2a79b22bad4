"""The BMS sends nothing any more: cut wire, dead controller."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.bms.disturbance import DisturbanceSettings
from v2g_bench.faults.base import Fault
from v2g_bench.faults.expectation import BusExpectation


@dataclass(frozen=True)
class BmsSilence(Fault):
    """No frame of the BMS appears; it still receives commands."""

    kind: ClassVar[str] = "bms_silence"

    def transmit(self) -> DisturbanceSettings:
        """Silence."""
        return DisturbanceSettings(silent=True)

    def readback(self) -> BusExpectation:
        """For 50 ms, in which frames are due, none arrives."""
        return BusExpectation(window_s=0.05, bounds={"received": (0, 0)}, min_expected=3)
