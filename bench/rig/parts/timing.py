"""Times on an open rig, each with its half-width: a frame on the bus, an edge of the sync line."""

from dataclasses import dataclass
from typing import Protocol

from v2g_bench.evidence.record import Shown


@dataclass(frozen=True)
class Timestamp:
    """When something was on the bus (bench clock, s). half_width_s: of a rectangle around it; source: what stamped it;
    shown: what the bus had to show then, for whoever looks for it in the capture; None where no single frame shows it.
    """

    time_s: float
    half_width_s: float
    source: str
    shown: Shown | None = None


@dataclass(frozen=True)
class Edge:
    """When the sync line rose, within ± half_width_s."""

    time_s: float
    half_width_s: float


class SyncLine(Protocol):
    """Makes the edge that starts the digitizer, and knows when. seen: it shows in the samples as well, where it `marks`."""

    @property
    def marks(self) -> bool: ...

    def pulse(self, seen: bool = False) -> Edge: ...
