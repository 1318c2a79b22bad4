"""Inputs and outputs of the controller's core: plain data.

In: `Frame` (one frame of the BMS, already decoded and checked), `InverterReading`. Out: the actions, in the order in
which the shell must carry them out; a stop always comes first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any


class Quality(Enum):
    """The result of a frame's end-to-end check (frames without protection are GOOD when they can be decoded)."""

    GOOD = "good"
    REPEATED = "repeated"  # the same counter again: neither news nor an error
    BAD = "bad"  # wrong CRC, wrong sequence, wrong length: its content must not be used


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of the BMS. `values`: role -> value in the role's canonical unit; to be used only when GOOD."""

    message: str
    values: Mapping[str, float] = field(default_factory=dict)
    quality: Quality = Quality.GOOD


@dataclass(frozen=True, slots=True)
class InverterReading:
    """The inverter's last answer. `ac_power_w` is positive into the battery; None: it reports none."""

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
