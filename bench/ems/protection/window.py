"""The floating window of state of charge (SoC): what a planned departure, or an override, makes of MIN_SOC and MAX_SOC.

    plain --(departure within its reach)--> narrowed --(it has passed, or was cleared)--> plain
    any --(override)--> forced --(its time is up, or ended)--> plain | narrowed

Narrowing, for a departure at D with the SoC T wanted: MIN_SOC rises to the highest of

- a straight line from MIN_SOC at D - 2 h to T at D (the manual: a vehicle wanted in two hours keeps its energy);
- T minus what can still be charged until D at `margin` times the present charging power. This one bites before the two
  hours when the pack is large or the charger small: otherwise the departure could not be kept.

Once narrowed, MAX_SOC is at least T, so that there is room to charge to it. No charge is started by it: the window only
limits what a request may do.

>>> floating = FloatingWindow()
>>> floating.departure = Departure(at_s=7200.0, soc_pct=80.0)
>>> floating.at(SocLimits(25, 75), now_s=3600.0, charge_pct_per_s=None).limits
SocLimits(min_soc_pct=52.5, max_soc_pct=80.0)
"""

from v2g_bench.ems.model.limits import InForce, SocLimits
from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.model.plans import Departure, Override

_GRACE_S = 1800.0  # a vehicle may leave late: the plan holds this long after the departure
_ROOM_PCT = 0.5  # MIN_SOC stays this far below MAX_SOC


class FloatingWindow:
    """horizon_s: when the straight line begins before a departure; margin: share of the charging power relied on."""

    def __init__(self, horizon_s: float = 7200.0, margin: float = 0.8) -> None:
        self._horizon_s, self._margin = horizon_s, margin
        self.departure: Departure | None = None
        self.override: Override | None = None

    def tick(self, now_s: float) -> None:
        """Drop what is over."""
        if self.departure is not None and now_s > self.departure.at_s + _GRACE_S:
            self.departure = None
        if self.override is not None and now_s >= self.override.until_s:
            self.override = None

    def at(self, limits: SocLimits, now_s: float, charge_pct_per_s: float | None) -> InForce:
        """The window at this time. charge_pct_per_s: SoC per second at full charging power, None if not known."""
        self.tick(now_s)
        if self.override is not None:
            return InForce(self.override.limits, ", forced by an operator")
        if self.departure is None:
            return InForce(limits)
        left_s, wanted = self.departure.at_s - now_s, self.departure.soc_pct
        low = limits.min_soc_pct
        if left_s < self._horizon_s:
            low += max(0.0, wanted - low) * (1.0 - max(0.0, left_s) / self._horizon_s)
        if charge_pct_per_s is not None:
            low = max(low, wanted - self._margin * charge_pct_per_s * max(0.0, left_s))
        if low <= limits.min_soc_pct:
            return InForce(limits)
        high = max(limits.max_soc_pct, wanted)
        return InForce(SocLimits(min(low, high - _ROOM_PCT), high), f", narrowed for {self.departure.label}".rstrip())


def parse_override(text: str, limits: SocLimits) -> tuple[float | None, float | None]:
    """What `--force-limit VALUE` means: (lower, upper) bound in percent, None where it stays; both None for "off".

    "15:90" is both bounds; one number replaces the bound on its side of the middle of the configured window: "15" lets
    the discharge go on to 15 %, "90" the charge to 90 %. Raises: ValueError.
    """
    if text.strip().lower() == "off":
        return None, None
    try:
        numbers = [float(part.strip().removesuffix("%")) for part in text.split(":")]
    except ValueError:
        numbers = []
    if len(numbers) == 2:
        return numbers[0], numbers[1]
    if len(numbers) != 1 or numbers[0] != numbers[0]:
        raise ValueError(f"not a limit: {text!r}; give percent as 15, 90, 15:90, or off")
    if numbers[0] < (limits.min_soc_pct + limits.max_soc_pct) / 2:
        return numbers[0], None
    return None, numbers[0]


def charging_pace(pack: PackState, rated_w: float) -> float | None:
    """SoC in percent per second at the most power that rating and BMS allow; None while the pack's values are missing."""
    capacity_ah, pack_v, limit_w = pack.get("capacity"), pack.get("pack_voltage"), pack.get("charge_power_limit")
    if not capacity_ah or not pack_v or limit_w is None:
        return None
    return 100.0 * min(rated_w, limit_w) / (capacity_ah * pack_v * 3600.0)
