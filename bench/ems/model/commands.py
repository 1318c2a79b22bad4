"""What an operator can ask of the controller, and its answer: plain data."""

from dataclasses import dataclass, field
from typing import Any

from v2g_bench.ems.model.actions import Action
from v2g_bench.ems.model.limits import SocLimits
from v2g_bench.ems.model.plans import Departure, V2gWindow
from v2g_bench.ems.model.thermal_policy import ThermalPolicy


@dataclass(frozen=True, slots=True)
class SetPower:
    """Ask for AC power in W, positive into the battery."""

    power_w: float


@dataclass(frozen=True, slots=True)
class ResetTrip:
    """Authorised release of the emergency trip and of the latches after signal noise and disagreeing meters."""


@dataclass(frozen=True, slots=True)
class ResetSocOffset:
    """SoC_Offset back to zero after a calibration charge."""


@dataclass(frozen=True, slots=True)
class Reload:
    """New limits and policy, both checked already."""

    limits: SocLimits
    policy: ThermalPolicy


@dataclass(frozen=True, slots=True)
class ForceLimit:
    """Override the SoC window: `low_pct` and `high_pct` in percent, None leaves that bound; both None end it."""

    low_pct: float | None = None
    high_pct: float | None = None


@dataclass(frozen=True, slots=True)
class SetDeparture:
    """The vehicle is wanted then; None: it is not known when."""

    departure: Departure | None


@dataclass(frozen=True, slots=True)
class SetV2gWindow:
    """Grid service is planned then; None: it is not."""

    window: V2gWindow | None


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Zero power, inverter stopped, contactors open; nothing moves afterwards."""


Command = SetPower | ResetTrip | ResetSocOffset | Reload | ForceLimit | SetDeparture | SetV2gWindow | Shutdown


@dataclass(frozen=True, slots=True)
class Reply:
    """ok: carried out; text: for the operator; actions: for the shell, at once."""

    ok: bool
    text: str
    actions: list[Action]
    data: dict[str, Any] = field(default_factory=dict)
