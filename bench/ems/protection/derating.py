"""The derating map: what share of the rating temperature and SoC leave, for charge and discharge separately.

Each taper is a line of points; between them it is linear, outside it keeps the outer value. The share is the lowest of
all tapers, so a map can only ever lower the power. `SlowRise` lets a lower share act at once and a higher one slowly.

>>> DeratingMap().ceiling(11000.0, hottest_c=40.0, coldest_c=30.0, soc_pct=50.0).discharge_w
7150.0
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from v2g_bench.ems.model.setpoint import Ceiling

Taper = Sequence[tuple[float, float]]

# The operating window is 20 to 35 °C (V2G manual, technical specifications). Charging cold plates lithium, so charge
# fades out towards 0 °C while discharge is only asked to spare the pack in deep cold. Heat fades both out; at 45 °C,
# where the emergency shutdown takes over, 30 % are left so that no step of power marks the limit.
_HOT: Taper = ((35.0, 1.0), (45.0, 0.3), (50.0, 0.0))
_COLD_CHARGE: Taper = ((0.0, 0.0), (20.0, 1.0))
_COLD_DISCHARGE: Taper = ((-20.0, 0.0), (0.0, 1.0))
_EMPTY_DISCHARGE: Taper = ((15.0, 0.0), (30.0, 1.0))
_FULL_CHARGE: Taper = ((90.0, 1.0), (100.0, 0.1))


def taper_at(taper: Taper, x: float) -> float:
    """The share at x, linear between the points and constant outside."""
    place = bisect_right(taper, x, key=lambda point: point[0])
    if place == 0:
        return taper[0][1]
    if place == len(taper):
        return taper[-1][1]
    (x0, y0), (x1, y1) = taper[place - 1], taper[place]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


@dataclass(frozen=True, slots=True)
class DeratingMap:
    """The tapers; points are (°C or percent, share of the rating)."""

    hot: Taper = _HOT
    cold_charge: Taper = _COLD_CHARGE
    cold_discharge: Taper = _COLD_DISCHARGE
    empty_discharge: Taper = _EMPTY_DISCHARGE
    full_charge: Taper = _FULL_CHARGE

    def ceiling(self, rated_w: float, *, hottest_c: float, coldest_c: float, soc_pct: float) -> Ceiling:
        """The ceiling in W at these temperatures and this SoC."""
        hot = taper_at(self.hot, hottest_c)
        charge = min(hot, taper_at(self.cold_charge, coldest_c), taper_at(self.full_charge, soc_pct))
        discharge = min(hot, taper_at(self.cold_discharge, coldest_c), taper_at(self.empty_discharge, soc_pct))
        if charge == discharge == 1.0:
            return Ceiling("derating map", rated_w, rated_w)  # the usual case, fifty to a hundred times a second
        return Ceiling(
            f"derating map at {coldest_c:.0f} to {hottest_c:.0f} degC and {soc_pct:.0f} % SoC",
            charge_w=rated_w * charge,
            discharge_w=rated_w * discharge,
        )


class SlowRise:
    """Follows a ceiling down at once, and up only slowly and only when it is worth it, so that it cannot chatter.

    rated_w: the full power; pct_per_s: the slope upwards; band_pct: the ceiling begins to rise when the map allows so
    much more than is held (always when it allows everything), and then goes all the way. Both in percent of the rating.
    """

    def __init__(self, rated_w: float, pct_per_s: float = 10.0, band_pct: float = 2.0) -> None:
        self._rated_w, self._per_s_w, self._band_w = rated_w, rated_w * pct_per_s / 100, rated_w * band_pct / 100
        self._held: dict[str, float] = {}
        self._rising: set[str] = set()
        self._at_s = 0.0

    def limited(self, allowed: Ceiling, now_s: float) -> Ceiling:
        """The ceiling to go by at this time."""
        step_w, self._at_s = self._per_s_w * max(0.0, now_s - self._at_s), now_s
        return Ceiling(
            allowed.reason,
            self._follow("charge", allowed.charge_w, step_w),
            self._follow("discharge", allowed.discharge_w, step_w),
        )

    def _follow(self, direction: str, allowed_w: float, step_w: float) -> float:
        held_w = self._held.get(direction)
        if held_w is None or allowed_w <= held_w:
            self._rising.discard(direction)
            self._held[direction] = allowed_w
            return allowed_w
        if allowed_w >= held_w + self._band_w or allowed_w >= self._rated_w:
            self._rising.add(direction)
        if direction in self._rising:
            self._held[direction] = held_w = min(allowed_w, held_w + step_w)
        return held_w
