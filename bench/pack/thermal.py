"""Heat in the pack: cells, their modules, one coolant loop with pump and chiller, and what the sensors show of it.

    cell --(module)-- cells beside it        cell --(cold plate)-- coolant --(chiller, hoses)-- ambient

Each cell is one node (2.86 kJ/K: 2.75 kg of NMC cell at 1040 J/kgK). With the pump on the cold plates carry 1000 W/K in
total and the chiller draws the coolant to 20 °C with 354 W/K (the active cooling of Wang et al. 2016); with the pump
off 30 W/K remain across the plates and 12 W/K from the pack to ambient, which gives a parked pack a time constant of
about six hours. The 20 kJ/K of the coolant are an assumption. Sensors lag with a time constant of 3 s.

>>> pack = PackThermal(cells=96, modules=12, temperature_c=25.0, ambient_c=25.0, seed=1)
>>> pack.step(dt_s=1.0, heat_j=np.zeros(96), cooling=False)
>>> round(float(pack.cells_c.mean()), 3)
25.0
"""

from math import ceil, exp

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CELL_J_PER_K = 2_860.0
COOLANT_J_PER_K = 20_000.0
PLATES_ON_W_PER_K, PLATES_OFF_W_PER_K = 1_000.0, 30.0
CHILLER_W_PER_K, CHILLER_C = 354.0, 20.0
PACK_TO_AMBIENT_W_PER_K = 12.0
CELL_TO_MODULE_W_PER_K = 5.0
SENSOR_LAG_S = 3.0
REFERENCE_CELLS = 96  # the conductances above are those of a pack of 96 cells
LONGEST_STEP_S = 5.0  # explicit Euler: the fastest node, the coolant, has a time constant of 15 s


class PackThermal:
    """Temperatures of the cells and the coolant, °C; heat comes in as joules per cell and step.

    Seeded: each cell's and each module's sensor sits a little warmer or colder (cells ±0.2 K, modules ±0.4 K).
    """

    def __init__(self, cells: int, modules: int, temperature_c: float, ambient_c: float, seed: int) -> None:
        rng = np.random.default_rng([seed, 0x7E4D])
        self.ambient_c = ambient_c
        self._modules = modules
        self._cell_sensor_k: Floats = rng.uniform(-0.2, 0.2, cells)
        self._module_sensor_k: Floats = rng.uniform(-0.4, 0.4, modules)
        # Coolant reaches the modules one after the other and warms up on its way: the last cold plates do less.
        self._plate_share: Floats = np.linspace(1.1, 0.9, cells) / REFERENCE_CELLS
        self._size = cells / REFERENCE_CELLS
        self.rest(temperature_c)

    def rest(self, temperature_c: float) -> None:
        """Cells, coolant and sensors all at one temperature."""
        self.cells_c: Floats = np.full(self._plate_share.size, temperature_c)
        self.coolant_c = temperature_c
        self._lagged_c: Floats = self.cells_c.copy()

    def step(self, dt_s: float, heat_j: Floats, cooling: bool) -> None:
        """Advance by dt_s in which heat_j (J, one per cell) was set free; cooling: coolant flows and is chilled."""
        parts = max(1, ceil(dt_s / LONGEST_STEP_S))
        for _ in range(parts):
            self._euler(dt_s / parts, heat_j / parts, cooling)
        self._lagged_c += (self.cells_c - self._lagged_c) * (1.0 - exp(-dt_s / SENSOR_LAG_S))

    def _euler(self, dt_s: float, heat_j: Floats, cooling: bool) -> None:
        to_coolant_w = (PLATES_ON_W_PER_K if cooling else PLATES_OFF_W_PER_K) * self._plate_share
        to_coolant_w *= self.cells_c - self.coolant_c
        to_ambient_w = PACK_TO_AMBIENT_W_PER_K / REFERENCE_CELLS * (self.cells_c - self.ambient_c)
        by_module = self.cells_c.reshape(self._modules, -1)
        to_module_w = (CELL_TO_MODULE_W_PER_K * (by_module - by_module.mean(axis=1, keepdims=True))).reshape(-1)
        coolant_gain_w = float(to_coolant_w.sum())
        if cooling:
            coolant_gain_w -= self._size * CHILLER_W_PER_K * max(0.0, self.coolant_c - CHILLER_C)
        self.cells_c = self.cells_c + (heat_j - dt_s * (to_coolant_w + to_ambient_w + to_module_w)) / CELL_J_PER_K
        self.coolant_c += dt_s * coolant_gain_w / (self._size * COOLANT_J_PER_K)

    def sensed_cells_c(self) -> Floats:
        """What the cell sensors show, °C: lagging, each with its own small offset."""
        return self._lagged_c + self._cell_sensor_k

    def sensed_modules_c(self) -> Floats:
        """What the module sensors show, °C."""
        by_module = self._lagged_c.reshape(self._modules, -1)
        return np.asarray(np.add.reduce(by_module, axis=1) / by_module.shape[1] + self._module_sensor_k)
