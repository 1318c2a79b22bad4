"""A second opinion on the state of charge: the controller counts the coulombs itself.

agreed --(|BMS - own| > 5 %)--> diverged --(charged to 100 %)--> calibrated --(SoC_Offset reset)--> agreed

While diverged or calibrated there is no V2G. SoC_Offset is the BMS's SoC minus the own count, in percent.
"""

from v2g_bench.ems.model.pack_state import PackState

FULL_SOC_PCT = 99.95
_ROUNDING = 1e-6  # see trip.py


def is_full(pack: PackState, full_v: float) -> bool:
    """Whether a calibration or balancing charge has reached its end: 100 % by SoC, or by the voltage of a cell.

    The voltage counts too because a diverged BMS may never show 100 %.
    """
    soc_pct = pack.get("soc")
    by_voltage = pack.cell_v_max is not None and pack.cell_v_max >= full_v - 0.005
    return by_voltage or (soc_pct is not None and soc_pct >= FULL_SOC_PCT - _ROUNDING)


class SocDivergence:
    """Coulomb counter and its comparison with the BMS. It starts from the first SoC that the BMS reports."""

    def __init__(self, limit_pct: float = 5.0, capacity_ah: float | None = None, full_v: float = 4.2) -> None:
        self._limit_pct, self._capacity_ah, self._full_v = limit_pct, capacity_ah, full_v
        self.own_pct: float | None = None
        self.offset_pct = 0.0
        self.diverged: str | None = None
        self.calibrated = False
        self._counted_s: float | None = None

    def update(self, pack: PackState, now_s: float, *, gap_s: float = 0.2) -> None:
        """Count on from the newest current and compare; a gap longer than `gap_s` is not filled with a guess."""
        soc_pct, current_a = pack.get("soc"), pack.get("pack_current")
        capacity_ah = pack.get("capacity") or self._capacity_ah
        if self._counted_s is not None and self.own_pct is not None and current_a is not None and capacity_ah:
            elapsed_s = min(now_s - self._counted_s, gap_s)
            self.own_pct = min(100.0, max(0.0, self.own_pct + current_a * elapsed_s / 36.0 / capacity_ah))
        self._counted_s = now_s
        if soc_pct is None:
            return
        if self.own_pct is None:
            self.own_pct = soc_pct
        self.offset_pct = soc_pct - self.own_pct
        if self.diverged is None and self.deviates(self.offset_pct):
            self.diverged = f"BMS {soc_pct:.1f} %, own count {self.own_pct:.1f} %, limit {self._limit_pct:g} %"
        elif self.diverged is not None and is_full(pack, self._full_v):
            self.calibrated = True

    def deviates(self, offset_pct: float) -> bool:
        """Whether this difference in percent is a divergence; exactly the limit is not."""
        return abs(offset_pct) > self._limit_pct + _ROUNDING

    def reset_offset(self) -> str | None:
        """SoC_Offset back to zero; the reason if it is refused because the calibration charge is still due."""
        if self.diverged is not None and not self.calibrated:
            return "the calibration charge to 100 % is not complete"
        self.own_pct, self.offset_pct = None, 0.0
        self.diverged, self.calibrated = None, False
        return None

    def restore(self, diverged: str, calibrated: bool) -> None:
        """Take up a divergence that was latched before a restart."""
        self.diverged, self.calibrated = diverged, calibrated
