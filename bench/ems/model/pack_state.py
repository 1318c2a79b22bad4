"""The BMS's latest values of the pack, in canonical units."""

import math
from collections.abc import Mapping

_EXPIRY_S = 2.0
_EXPIRE_EVERY_S = 0.25


class PackState:
    """The newest value of each role, and the extremes over all temperatures and cell voltages that the BMS sends.

    Extremes are None until the first value. A value that is not finite is ignored. A temperature or cell voltage
    that has not come for `expiry_s` no longer counts among the extremes.
    """

    def __init__(self, expiry_s: float = _EXPIRY_S) -> None:
        self._expiry_s = expiry_s
        self._expire_at_s = 0.0
        self._values: dict[str, float] = {}
        self._temperatures: dict[str, float] = {}
        self._cell_voltages: dict[str, float] = {}
        self._received_s: dict[str, float] = {}  # of both
        self._kept_in: dict[str, dict[str, float] | None] = {}  # which of both a role belongs to
        self.hottest_c: float | None = None
        self.coldest_c: float | None = None
        self.cell_v_max: float | None = None
        self.cell_v_min: float | None = None

    def update(self, values: Mapping[str, float], now_s: float = 0.0) -> None:
        """Take over the values of one good frame."""
        temperatures = voltages = False
        for role, value in values.items():
            if not math.isfinite(value):
                continue
            try:
                kept_in = self._kept_in[role]
            except KeyError:
                kept_in = self._kept_in[role] = self._place(role)
            if kept_in is not None:
                kept_in[role], self._received_s[role] = value, now_s
                temperatures = temperatures or kept_in is self._temperatures
                voltages = voltages or kept_in is self._cell_voltages
            self._values[role] = value
        if temperatures:
            self.coldest_c, self.hottest_c = _extremes(self._temperatures)
        if voltages:
            self.cell_v_min, self.cell_v_max = _extremes(self._cell_voltages)

    def _place(self, role: str) -> dict[str, float] | None:
        if role.startswith(("cell_temperature", "module_temperature")):
            return self._temperatures
        return self._cell_voltages if role.startswith("cell_voltage") else None

    def expire(self, now_s: float) -> None:
        """Forget the temperatures and cell voltages that are too old to speak of."""
        if now_s < self._expire_at_s:
            return
        self._expire_at_s = now_s + _EXPIRE_EVERY_S
        for values in (self._temperatures, self._cell_voltages):
            for role in [role for role in values if now_s - self._received_s[role] > self._expiry_s]:
                del values[role]
        self.coldest_c, self.hottest_c = _extremes(self._temperatures)
        self.cell_v_min, self.cell_v_max = _extremes(self._cell_voltages)

    def get(self, role: str) -> float | None:
        """The newest value of a role, None if the BMS has not sent it."""
        return self._values.get(role)

    def flag(self, role: str) -> bool:
        """Whether a 0/1 role is set; False if the BMS has not sent it."""
        return self._values.get(role, 0.0) >= 0.5

    @property
    def gradient_k(self) -> float | None:
        """Hottest minus coldest temperature in K; None before the first."""
        if self.hottest_c is None or self.coldest_c is None:
            return None
        return self.hottest_c - self.coldest_c


def _extremes(values: Mapping[str, float]) -> tuple[float, float] | tuple[None, None]:
    """Lowest and highest value; None without any."""
    if not values:
        return None, None
    return min(values.values()), max(values.values())
