"""What the invariants are judged by: stated by the rig file, or by the campaign file's [limits] in its place.

>>> Limits(isolation_ms=40).isolation_ms
40
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from v2g_bench.inputs.ranges import CurrentFromZeroA, Percent, PowerW, Ranged, SharePct, TimeMs, VoltageV, Within
from v2g_bench.plant.config import PlantConfig

if TYPE_CHECKING:
    from v2g_bench.rig.file.model import Rig

LEAST_CELL_V = 3.4375  # at rest, in the states of charge that scenarios start from
TIMEOUTS = 2  # of the controller: what it does about a silent BMS is done by then


@dataclass(frozen=True)
class Limits(Ranged):
    """What the invariants are judged by. pack_v: what the pack shows at least; slack_ms, slack_a: of the record of the
    current (0 for the plant's own).
    """

    WHERE = "limits"

    isolation_ms: TimeMs = 50.0
    isolation_fraction: Annotated[float, Within(0, 0.5, over=True, under=True)] = 0.05
    silence_ms: TimeMs = 200.0
    fallback_ms: TimeMs = 500.0
    no_discharge_w: PowerW = 50.0
    flows_pct: Percent = 10.0
    soc_step_pct: SharePct = 5.0
    bms_timeout_ms: TimeMs = 100.0
    slack_ms: Annotated[float, Within(0, 86_400_000)] = 0.0
    slack_a: CurrentFromZeroA = 0.0
    pack_v: VoltageV = LEAST_CELL_V * PlantConfig().cells

    @classmethod
    def of_rig(cls, rig: "Rig", **stated: float) -> "Limits":
        """What this rig file states; `stated` (the campaign file's [limits]) goes first."""
        judging, thresholds = rig.judging, rig.dut.thresholds
        timeout_ms = 1e3 * thresholds.bms_timeout_s
        found = {
            "isolation_fraction": judging.isolation_fraction,
            "silence_ms": min(judging.silence_limit_ms, TIMEOUTS * timeout_ms),
            "fallback_ms": 1e3 * judging.fallback_s,
            "no_discharge_w": judging.no_discharge_w,
            "soc_step_pct": thresholds.soc_divergence_pct,
            "bms_timeout_ms": timeout_ms,
            "pack_v": LEAST_CELL_V * rig.plant.cells,
        }
        return cls(**found | stated)
