"""The derating map: what share of the rating temperature and SoC leave, for charge and discharge separately.

Each taper is a line of points; between them it is linear, outside it keeps the outer value. The share is the lowest of
all tapers, so a map can only ever lower the power.

>>> DeratingMap().ceiling(11000.0, hottest_c=40.0, coldest_c=30.0, soc_pct=50.0).discharge_w
7150.0
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from v2g_bench.ems.setpoint import Ceiling

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
        return Ceiling(
            f"derating map at {coldest_c:.0f} to {hottest_c:.0f} degC and {soc_pct:.0f} % SoC",
            charge_w=rated_w * charge,
            discharge_w=rated_w * discharge,
        )
