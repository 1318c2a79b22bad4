"""The battery for a year of minutes: `v2g_bench.pack` with one cell for all of them and an exact step of its heat.

Same open-circuit voltage, resistance, conductances and heat capacities as the pack of the rig (`pack.cells`, `pack.ocv`,
`pack.thermal`, `pack.limits`), but 96 equal cells: the pack is one node, the coolant another, and a minute is one
exact step of their linear exchange where `PackThermal` takes twelve per cell.
"""

from dataclasses import dataclass
from math import exp, sqrt

import numpy as np

from v2g_bench.pack import thermal
from v2g_bench.pack.cells import ACTIVATION_OVER_GAS_K, R0_OHM, R1_OHM, R2_OHM
from v2g_bench.pack.ocv import OCV_POINTS_V

STEP_S = 60.0
SENSOR_SPREAD_K = 0.5  # PackThermal's sensors: cells +-0.2 K, modules +-0.4 K
CELL_SPREAD_V = 0.003
HEATER_W, HEATS_BELOW_C = 3000.0, 5.0  # the vehicle's own, from the grid, while it waits for a charge: assumed
VEHICLE_COOLS_ABOVE_C = 35.0  # the vehicle's own cooling while it is driven: assumed
COOLING_COP = 2.5  # heat carried away per electrical energy: assumed
EFFICIENCY, STANDBY_W = 0.95, 50.0  # of the inverter, as the controller reckons with at worst

# LFP: our own drawing of its two plateaus (3.2 V at 10 %, 0.1 V from 20 to 80 %), every 5 %; no cell's data sheet
_LFP_V = (
    *(2.60, 3.10, 3.20, 3.225, 3.245, 3.26, 3.275, 3.285, 3.288, 3.29, 3.292),
    *(3.294, 3.297, 3.302, 3.318, 3.332, 3.335, 3.337, 3.34, 3.345, 3.42),
)
CHEMISTRIES: dict[str, tuple[float, ...]] = {"NMC": tuple(OCV_POINTS_V.tolist()), "LFP": _LFP_V}
"""Open-circuit voltages of a cell over its SoC, equally spaced from 0 to 1."""
NEW_WH = 57_600.0


@dataclass(frozen=True)
class Battery:
    """cells in series; left: the share of its capacity; resistance: times that of the new one. New it has 57.6 kWh."""

    cells: int = 96
    chemistry: str = "NMC"
    left: float = 1.0
    resistance: float = 1.0

    @property
    def nominal_v(self) -> float:
        """At 50 % SoC, V."""
        return self.cells * ocv_v(0.5, CHEMISTRIES[self.chemistry])

    @property
    def new_ah(self) -> float:
        """Its capacity when it was new."""
        return NEW_WH / self.nominal_v

    @property
    def capacity_ah(self) -> float:
        """As it is now."""
        return self.new_ah * self.left

    @property
    def energy_kwh(self) -> float:
        """Capacity at the nominal voltage."""
        return self.capacity_ah * self.nominal_v / 1000.0

    def aged(self, capacity: float, resistance: float) -> "Battery":
        """With this share of its capacity left, and this share of resistance more."""
        return Battery(self.cells, self.chemistry, self.left * capacity, self.resistance * (1.0 + resistance))


def ocv_v(soc: float, points: tuple[float, ...]) -> float:
    """Of one cell at SoC 0..1, V, in a table of equal steps; held at the ends."""
    last = len(points) - 1
    at = min(max(soc, 0.0), 1.0) * last
    place = min(int(at), last - 1)
    low = points[place]
    return low + (at - place) * (points[place + 1] - low)


class Car:
    """State of one pack. Power and current are positive into the battery; W at its terminals (DC)."""

    def __init__(self, battery: Battery, soc: float, temperature_c: float) -> None:
        self.battery, self._ocv_v, self._cells = battery, CHEMISTRIES[battery.chemistry], battery.cells
        self.capacity_ah = battery.capacity_ah
        self.soc, self.pack_c, self.coolant_c = soc, temperature_c, temperature_c
        self.current_a, self.terminal_v = 0.0, battery.cells * ocv_v(soc, self._ocv_v)
        self.clipped_ah = 0.0
        self._ohm = battery.cells * (R0_OHM + R1_OHM + R2_OHM) * battery.resistance
        self._per_as = 1.0 / (3600.0 * battery.capacity_ah)
        size = battery.cells / thermal.REFERENCE_CELLS
        self._off, self._on, self._chilled = (_Exchange(size, *how) for how in _HOW)
        self._heat_j = 0.0

    @property
    def cell_v(self) -> float:
        """Terminal voltage of a cell, V."""
        return self.terminal_v / self._cells

    def move(self, power_w: float) -> float:
        """A minute at this DC power; returns the current in A. Charge that the battery does not have is clipped."""
        soc = self.soc
        emf = self._cells * ocv_v(soc, self._ocv_v)
        if power_w == 0.0:
            self.current_a, self.terminal_v, self._heat_j = 0.0, emf, 0.0
            return 0.0
        arrhenius = exp(ACTIVATION_OVER_GAS_K * (1.0 / (self.pack_c + 273.15) - 1.0 / 298.15))
        ohm = self._ohm * arrhenius * (1.0 + 0.8 * (soc - 0.5) ** 2)
        current = (sqrt(max(0.0, emf * emf + 4.0 * ohm * power_w)) - emf) / (2.0 * ohm)
        wanted = soc + current * STEP_S * self._per_as
        self.soc = min(max(wanted, 0.0), 1.0)
        self.clipped_ah += abs(wanted - self.soc) * self.capacity_ah
        self.current_a, self.terminal_v = current, emf + ohm * current
        self._heat_j = ohm * current * current * STEP_S
        return current

    def exchange(self, outside_c: float, cooling: bool, heater_w: float = 0.0) -> float:
        """The heat of the minute; returns the electrical energy of cooling and heating in J."""
        how = self._off if not cooling else self._chilled if self.coolant_c > thermal.CHILLER_C else self._on
        before = self.coolant_c
        heat_w = self._heat_j / STEP_S + heater_w
        self.pack_c, self.coolant_c = how.step(self.pack_c, self.coolant_c, heat_w, outside_c)
        if how is not self._chilled:
            return heater_w * STEP_S
        over_k = max(0.0, 0.5 * (before + self.coolant_c) - thermal.CHILLER_C)
        return heater_w * STEP_S + how.chiller_w_per_k * over_k * STEP_S / COOLING_COP


# W/K across the plates, and from the coolant to the chiller
_HOW = (
    (thermal.PLATES_OFF_W_PER_K, 0.0),
    (thermal.PLATES_ON_W_PER_K, 0.0),
    (thermal.PLATES_ON_W_PER_K, thermal.CHILLER_W_PER_K),
)


class _Exchange:
    """One minute of pack and coolant: T' = A T + b, solved exactly for constant heat and surroundings."""

    def __init__(self, size: float, plates_w_per_k: float, chiller_w_per_k: float) -> None:
        pack_j, coolant_j = thermal.REFERENCE_CELLS * thermal.CELL_J_PER_K * size, thermal.COOLANT_J_PER_K * size
        plates, ambient = plates_w_per_k * size, thermal.PACK_TO_AMBIENT_W_PER_K * size
        self.chiller_w_per_k = chiller_w_per_k * size
        a = np.array(
            [
                [-(plates + ambient) / pack_j, plates / pack_j],
                [plates / coolant_j, -(plates + self.chiller_w_per_k) / coolant_j],
            ]
        )
        rates, modes = np.linalg.eig(a)  # real and distinct: two nodes that exchange heat
        keep = (modes * np.exp(rates * STEP_S)) @ np.linalg.inv(modes)
        gain = np.linalg.solve(a, keep - np.eye(2))
        self._keep: list[float] = keep.reshape(-1).tolist()
        self._gain: list[float] = gain.reshape(-1).tolist()
        self._per_pack, self._ambient = 1.0 / pack_j, ambient
        self._chiller = self.chiller_w_per_k * thermal.CHILLER_C / coolant_j

    def step(self, pack_c: float, coolant_c: float, heat_w: float, outside_c: float) -> tuple[float, float]:
        b0, b1 = (heat_w + self._ambient * outside_c) * self._per_pack, self._chiller
        k, g = self._keep, self._gain
        return (
            k[0] * pack_c + k[1] * coolant_c + g[0] * b0 + g[1] * b1,
            k[2] * pack_c + k[3] * coolant_c + g[2] * b0 + g[3] * b1,
        )


def dc_w(ac_w: float) -> float:
    """DC power at the battery for AC power at the terminals, both positive into the battery."""
    if ac_w > 0:
        return max(0.0, ac_w - STANDBY_W) * EFFICIENCY
    return ac_w / EFFICIENCY - STANDBY_W if ac_w < 0 else 0.0
