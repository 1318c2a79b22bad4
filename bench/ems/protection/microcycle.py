"""Micro-cycles: the depth of discharge of one cycle stays small for any request of the grid.

resting --(the pack is discharged)--> descending --(depth >= limit)--> held --(half of it charged back)--> descending

The depth is the charge that the pack has given since the last top, in percent of its capacity; the top moves up with
every charge. Reason: the manual's first principle is a small depth of discharge per cycle, and cycles of a tenth of the
capacity cost a small part of the life that deep ones do. The current is counted, not the BMS's SoC compared: a correction
of the SoC is not a discharge.
"""

from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.model.setpoint import Ceiling

_RELEASE = 0.5  # share of the limit at which a held discharge is free again
_GAP_S = 0.2  # a longer silence is not filled with a guess


class MicroCycle:
    """limit_pct: deepest discharge of one micro-cycle in percent of the capacity; 100 switches the rule off."""

    def __init__(self, limit_pct: float = 10.0, capacity_ah: float | None = None) -> None:
        self._limit_pct, self._capacity_ah = limit_pct, capacity_ah
        self.depth_pct = 0.0
        self.held = False
        self._counted_s: float | None = None

    def update(self, pack: PackState, now_s: float, *, gap_s: float = _GAP_S) -> None:
        """Count on from the newest current (A, positive into the battery); a longer gap than `gap_s` is not filled."""
        current_a, capacity_ah = pack.get("pack_current"), pack.get("capacity") or self._capacity_ah
        elapsed_s = 0.0 if self._counted_s is None else min(now_s - self._counted_s, gap_s)
        self._counted_s = now_s
        if current_a is None or not capacity_ah:
            return
        self.depth_pct = max(0.0, self.depth_pct - current_a * elapsed_s / 36.0 / capacity_ah)
        if self._limit_pct >= 100.0:
            return
        if self.depth_pct >= self._limit_pct:
            self.held = True
        elif self.depth_pct <= _RELEASE * self._limit_pct:
            self.held = False

    def ceiling(self) -> Ceiling | None:
        """No discharge while held."""
        if not self.held:
            return None
        return Ceiling(
            f"micro-cycle {self.depth_pct:.1f} % deep, limit {self._limit_pct:g} %: charge first", discharge_w=0.0
        )
