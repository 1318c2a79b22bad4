"""Arbitration: what of a requested power is left under all ceilings.

>>> Arbiter().arbitrate(-3000.0, [Ceiling("BMS limit", discharge_w=2000.0), Ceiling("rating", 11000.0, 11000.0)])
Setpoint(power_w=-2000.0, limited_by=('BMS limit',))
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from v2g_bench.ems.model.pack_state import PackState


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most power in W (magnitudes) that something allows in each direction, and what it is."""

    reason: str
    charge_w: float = inf
    discharge_w: float = inf


@dataclass(frozen=True, slots=True)
class Setpoint:
    """AC power in W, positive into the battery, and which ceilings cut into the request."""

    power_w: float
    limited_by: tuple[str, ...] = ()


class Arbiter:
    """The lowest ceiling of the requested direction wins. A ceiling never raises and never turns a request round."""

    def arbitrate(self, request_w: float, ceilings: Iterable[Ceiling]) -> Setpoint:
        """What is left of `request_w` (W)."""
        wanted = abs(request_w)
        allowed, reasons = wanted, []
        for ceiling in ceilings:
            limit = max(0.0, ceiling.charge_w if request_w > 0 else ceiling.discharge_w)
            # A limit that is not a number allows nothing.
            if not limit >= wanted:
                reasons.append(ceiling.reason)
                allowed = min(allowed, limit) if limit == limit else 0.0
        power_w = allowed if request_w > 0 else -allowed
        return Setpoint(power_w + 0.0, tuple(reasons))


class CellVoltageGuard:
    """Stops the charge when a cell reaches the upper voltage and the discharge when one reaches the lower.

    Source: the V2G manual, implementation logic: above 4.1 V and below 3.2 V per cell is stress. A stopped direction
    returns when the cell has come back by `hysteresis_v`. While calibrating the upper bound is `full_v`.
    """

    def __init__(
        self, upper_v: float = 4.1, lower_v: float = 3.2, full_v: float = 4.2, hysteresis_v: float = 0.05
    ) -> None:
        self._upper_v, self._lower_v, self._full_v, self._hysteresis_v = upper_v, lower_v, full_v, hysteresis_v
        self._high = self._low = False

    def ceilings(self, pack: PackState, *, calibrating: bool) -> list[Ceiling]:
        """What the cell voltages forbid."""
        upper = self._full_v if calibrating else self._upper_v
        ceilings = []
        if pack.cell_v_max is not None:
            self._high = pack.cell_v_max >= upper or (self._high and pack.cell_v_max > upper - self._hysteresis_v)
            if self._high:
                ceilings.append(Ceiling(f"a cell at {pack.cell_v_max:.3f} V, upper bound {upper:g} V", charge_w=0.0))
        if pack.cell_v_min is not None:
            lower = self._lower_v
            self._low = pack.cell_v_min <= lower or (self._low and pack.cell_v_min < lower + self._hysteresis_v)
            if self._low:
                ceilings.append(Ceiling(f"a cell at {pack.cell_v_min:.3f} V, lower bound {lower:g} V", discharge_w=0.0))
        return ceilings


class OverCurrentHold:
    """Holds the power at zero when the BMS flags over-current, until the flag is clear and a new power is requested."""

    def __init__(self) -> None:
        self.held = False

    def update(self, flag: bool) -> None:
        """Judge the BMS's flag of a good frame."""
        self.held = self.held or flag

    def new_request(self, flag: bool) -> None:
        """A new power was requested; that ends the hold unless the flag is still set."""
        self.held = flag
