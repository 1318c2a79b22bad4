"""What the controller has decided: the power, by which limits, in which mode."""

from dataclasses import dataclass
from enum import IntEnum

from v2g_bench.ems.model.setpoint import Setpoint


class Mode(IntEnum):
    """The operating_mode role."""

    STANDBY = 0
    CHARGE = 1
    V2G = 2
    CHARGE_ONLY = 3
    TRIPPED = 4


@dataclass(frozen=True, slots=True)
class Decision:
    """What the controller wants of the world now. power_w None: the bridge is stopped.

    held: the contactors are to open, and stay closed until no current flows.
    """

    contactors: bool
    power_w: float | None
    setpoint: Setpoint
    mode: Mode
    stop_reason: str = ""
    held: bool = False
