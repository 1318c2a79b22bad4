"""One count in the signal of one role, whatever it stands for: "not available", an error, or a value against all others."""

from dataclasses import dataclass
from typing import ClassVar

from v2g_bench.bms.disturbance import DisturbanceSettings
from v2g_bench.bms.tampering import Tampering
from v2g_bench.faults.base import Fault
from v2g_bench.faults.expectation import CountExpectation


@dataclass(frozen=True)
class SignalCount(Fault):
    """Every frame with `role` carries the count `raw` for it, with a right counter and checksum. All else is as sensed."""

    role: str
    raw: int

    kind: ClassVar[str] = "signal_count"

    def __post_init__(self) -> None:
        self.check("raw", -(1 << 63), (1 << 64) - 1, whole=True)

    def transmit(self) -> DisturbanceSettings:
        """That count, written on the way to the bus."""
        return DisturbanceSettings(tampering=Tampering("write", role=self.role, raw=int(self.raw)))

    def readback(self) -> CountExpectation:
        """A frame with that count."""
        return CountExpectation(self.role, int(self.raw))
