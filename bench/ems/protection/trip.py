"""The emergency trip: it judges every good frame of the BMS the moment it arrives.

armed --(a temperature > 45 °C | strings differ > 300 mV)--> tripped --(authorised reset, and the pack is safe)--> armed

>>> trip = EmergencyTrip(TripLimits())
>>> trip.on_frame({"cell_temperature_max": 45.0}), trip.on_frame({"cell_temperature_max": 45.5})
(False, True)
>>> trip.reset()
'cell_temperature_max is 45.5 degC, limit 45 degC'
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

# Scaling a raw CAN value to V or degC costs rounding; this is far above that and far below any DBC's resolution.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class TripLimits:
    """Exactly at a limit is still safe. Source: the V2G manual, Admin Desk, emergency shutdown."""

    temperature_c: float = 45.0
    string_difference_v: float = 0.3


class EmergencyTrip:
    """Latches on a hot cell or diverging strings; released only by an authorised reset, once all is safe again."""

    def __init__(self, limits: TripLimits) -> None:
        self.limits = limits
        self.cause: str | None = None
        self._unsafe: dict[str, str] = {}

    @property
    def latched(self) -> bool:
        """Whether the trip holds."""
        return self.cause is not None

    def update(self, values: Mapping[str, float], now_s: float = 0.0) -> bool:
        """Judge the values of one good frame; True if this frame causes the trip."""
        for role, value in values.items():
            unsafe = self.judge(role, value)
            if unsafe:
                self._unsafe[role] = unsafe
            elif self._unsafe:
                self._unsafe.pop(role, None)
        if self._unsafe and self.cause is None:
            self.cause = self.unsafe()
            return True
        return False

    def judge(self, role: str, value: float) -> str | None:
        """Why this value of this role is dangerous, None if it is not."""
        if role.startswith(("cell_temperature", "module_temperature")):
            return _above(role, value, self.limits.temperature_c, "degC")
        if role == "string_voltage_difference":
            return _above(role, value, self.limits.string_difference_v, "V")
        return None

    def reset(self) -> str | None:
        """Authorised release; the reason if it is refused because the pack still reports a dangerous value."""
        refusal = self.unsafe()
        if refusal is None:
            self.cause = None
        return refusal

    def unsafe(self) -> str | None:
        """The first dangerous value that the pack still reports, None if all are safe."""
        return next(iter(self._unsafe.values()), None)

    def restore(self, cause: str) -> None:
        """Take up a trip that was latched before a restart."""
        self.cause = cause


def _above(role: str, value: float, limit: float, unit: str) -> str | None:
    if math.isfinite(value) and value <= limit + _ROUNDING:
        return None
    return f"{role} is {value:g} {unit}, limit {limit:g} {unit}"
