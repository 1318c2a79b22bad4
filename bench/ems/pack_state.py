"""What the BMS last said about the pack, in canonical units."""

import math
from collections.abc import Mapping


class PackState:
    """The newest value of each role, and the extremes over all temperatures and cell voltages that the BMS sends.

    Extremes are None until the first value. A value that is not finite is not taken over.
    """

    def __init__(self) -> None:
        self._values: dict[str, float] = {}
        self._temperatures: dict[str, float] = {}
        self._cell_voltages: dict[str, float] = {}
        self.hottest_c: float | None = None
        self.coldest_c: float | None = None
        self.cell_v_max: float | None = None
        self.cell_v_min: float | None = None

    def update(self, values: Mapping[str, float]) -> None:
        """Take over the values of one good frame."""
        temperatures = voltages = False
        for role, value in values.items():
            if not math.isfinite(value):
                continue
            if role.startswith(("cell_temperature", "module_temperature")):
                self._temperatures[role] = value
                temperatures = True
            elif role.startswith("cell_voltage"):
                self._cell_voltages[role] = value
                voltages = True
            self._values[role] = value
        if temperatures:
            self.hottest_c, self.coldest_c = max(self._temperatures.values()), min(self._temperatures.values())
        if voltages:
            self.cell_v_max, self.cell_v_min = max(self._cell_voltages.values()), min(self._cell_voltages.values())

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
