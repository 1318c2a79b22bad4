"""Pre-cooling: the pump runs ahead of a planned V2G window, so that the pack's thermal inertia takes up the heat of it.

idle --(within lead_s of the start, and warmer than the target)--> cooling --(target reached | window begun)--> idle
"""

from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.model.plans import V2gWindow


class PreCooling:
    """target_c: cooled down to this before the window; above the 20 °C below which cold costs power."""

    def __init__(self, lead_s: float = 1800.0, target_c: float = 25.0, hysteresis_k: float = 1.0) -> None:
        self._lead_s, self._target_c, self._hysteresis_k = lead_s, target_c, hysteresis_k
        self.window: V2gWindow | None = None
        self.on = False

    def update(self, pack: PackState, now_s: float) -> None:
        """Judge the newest temperatures at this time; a window that is over is forgotten."""
        if self.window is None:
            self.on = False
            return
        if now_s >= self.window.end_s:
            self.window = None
        if self.window is None or pack.hottest_c is None or not 0 < self.window.start_s - now_s <= self._lead_s:
            self.on = False
        elif pack.hottest_c > self._target_c + self._hysteresis_k:
            self.on = True
        elif pack.hottest_c <= self._target_c:
            self.on = False
