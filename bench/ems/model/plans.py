"""What an operator has planned or overridden: departure, V2G window, forced limits. Plain data."""

from dataclasses import dataclass

from v2g_bench.ems.model.limits import SocLimits


@dataclass(frozen=True, slots=True)
class V2gWindow:
    """A planned time of grid service, in bench-clock seconds; label: the wall times, for people."""

    start_s: float
    end_s: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class Departure:
    """at_s: bench clock; soc_pct: wanted then; label: the wall time, for people."""

    at_s: float
    soc_pct: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class Override:
    """SoC limits that an operator has forced, until `until_s` on the bench clock."""

    limits: SocLimits
    until_s: float
