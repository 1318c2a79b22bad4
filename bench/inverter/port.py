"""What the inverter's protocol face needs of the power stage behind it, and the one place where signs are turned.

The project counts power and current positive INTO the battery (charge). SunSpec counts active power positive OUT OF the
device (generation, discharge). `turned` is the only conversion; the emulated map and the bench's client both go
through it, so a wrong sign cannot hide by being wrong twice in different ways.

>>> turned(-3000.0)  # the manual's 3 kW discharge, as SunSpec writes it
3000.0
"""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class InverterReading:
    """What the power stage measures now; the project's sign. A quantity that is not measured is NaN.

    running: the bridge is switching. fault: the stage has tripped by itself.
    """

    ac_power_w: float
    ac_voltage_v: float
    frequency_hz: float
    dc_voltage_v: float
    dc_current_a: float
    soc_pct: float
    running: bool
    fault: bool


class StagePort(Protocol):
    """The power electronics: takes commands at the moment they are given, and can be measured at any time."""

    def set_ac_power(self, ac_power_w: float, now_s: float, /) -> None:
        """Aim for `ac_power_w` (W at the AC terminals, + = charge), as from `now_s` (bench clock)."""

    def enable_bridge(self, on: bool, now_s: float, /) -> None:
        """Let the bridge switch, or block it, as from `now_s` (bench clock)."""

    def measure(self) -> InverterReading:
        """The quantities of this moment."""


def turned(signed: float) -> float:
    """A power or current of the other sign convention: charge-positive to generation-positive, and back."""
    return -signed if signed else 0.0
