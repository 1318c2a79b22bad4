"""What goes into the controller's core and what comes out of it: plain data.

In: `Frame` (one frame of the BMS, already decoded and checked), `InverterReading`. Out: the actions, in the order in
which the shell must carry them out; a stop always stands first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any


class Quality(Enum):
    """What end-to-end protection said about a frame (frames without protection are GOOD when they can be decoded)."""

    GOOD = "good"
    REPEATED = "repeated"  # the same counter again: neither news nor an error
    BAD = "bad"  # wrong CRC, wrong sequence, wrong length: its content must not be believed


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of the BMS. `values`: role -> value in the role's canonical unit; to be believed only when GOOD."""

    message: str
    values: Mapping[str, float] = field(default_factory=dict)
    quality: Quality = Quality.GOOD


@dataclass(frozen=True, slots=True)
class InverterReading:
    """What the inverter last answered. `ac_power_w` is positive into the battery; None: it does not say."""

    ac_power_w: float | None = None
    state: int | None = None  # SunSpec 701 InvSt
    fault: bool = False


class Level(StrEnum):
    """How bad a log line is."""

    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class StopInverter:
    """Stop the bridge and set zero power, now, ahead of everything that is under way."""

    reason: str


@dataclass(frozen=True, slots=True)
class SetInverterPower:
    """Run the bridge at this AC power in W, positive into the battery."""

    power_w: float


@dataclass(frozen=True, slots=True)
class SendFrame:
    """Send this message of the database with these role values."""

    message: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line for the main log. `code`: the manual's error code or string, or "-"."""

    level: Level
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class SaveState:
    """The latches changed: keep them over a restart."""

    latches: Mapping[str, Any]


Action = StopInverter | SetInverterPower | SendFrame | LogLine | SaveState
