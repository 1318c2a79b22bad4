"""Two meters on one current: the BMS measures DC at the pack, the inverter AC at its terminals.

agreed --(they differ beyond what losses explain, for hold_s)--> disagreed (latched) --(authorised reset)--> agreed

While they disagree it is unknown which one is wrong: the pack's current counts as missing, and nothing flows.
It is a latch because at zero power any two meters agree.
"""

from v2g_bench.ems.model.pack_state import PackState

_READINGS_MIN = 5


class PowerAgreement:
    """tolerance_w and tolerance_pct (of the larger power): conversion losses, standby and the meters' own errors."""

    def __init__(self, tolerance_w: float = 400.0, tolerance_pct: float = 15.0, hold_s: float = 3.0) -> None:
        self._tolerance_w, self._tolerance_pct, self._hold_s = tolerance_w, tolerance_pct, hold_s
        self._since_s: float | None = None
        self._readings = 0
        self.disagree: str | None = None

    def update(self, pack: PackState, ac_power_w: float | None, now_s: float, *, fresh: bool) -> None:
        """Compare one reading of the inverter (W, positive into the battery). fresh: the BMS's values are."""
        volts, amperes = pack.get("pack_voltage"), pack.get("pack_current")
        if not fresh or ac_power_w is None or volts is None or amperes is None:
            self._since_s = None
            return
        dc_w = volts * amperes
        tolerance_w = max(self._tolerance_w, self._tolerance_pct / 100.0 * max(abs(dc_w), abs(ac_power_w)))
        if abs(dc_w - ac_power_w) <= tolerance_w:
            self._since_s = None
            return
        if self._since_s is None:
            self._since_s, self._readings = now_s, 0
        self._readings += 1
        if self.disagree is None and now_s - self._since_s >= self._hold_s and self._readings >= _READINGS_MIN:
            self.disagree = f"BMS and inverter disagree: {dc_w:.0f} W at the pack, {ac_power_w:.0f} W at the terminals"

    def reset(self) -> None:
        """Authorised release; the comparison restarts."""
        self.disagree, self._since_s = None, None
