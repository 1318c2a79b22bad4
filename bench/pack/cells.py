"""The cells of a series chain: charge, voltage, resistance, heat, passive balancing. No clock: `dt_s` comes in.

Electrical model: OCV(SoC) + R0(T, SoC) + two RC pairs. All cells of the chain carry one current and share the two time
constants, so a pair's state is one *filtered current* u per chain: u relaxes towards the current exactly with
exp(-dt/tau), and cell i shows R_i * u. Steps of any length therefore agree.

Resistances: 0.9 mOhm DC in total at 25 °C, an assumption for a 156 Ah prismatic NMC cell (makers quote <= 0.6 mOhm at
1 kHz); its split, the Arrhenius factor of 20 kJ/mol and the 1.2-fold rise at both ends of the SoC follow the default
parameters of PyBaMM's equivalent-circuit example. Charge is counted without loss (coulombic efficiency 1),
also past full and empty: a chain does not protect itself, its BMS and its controller do.

>>> cells = CellChain(cells=4, capacity_ah=156.0, soc=0.5, seed=1)
>>> cells.step(dt_s=3600.0, charge_c=15.6 * 3600.0, charge_sq=15.6**2 * 3600.0, temperatures_c=np.full(4, 25.0))
>>> round(cells.mean_soc, 3)
0.6
"""

from math import exp

import numpy as np
from numpy.typing import NDArray

from v2g_bench.pack.ocv import OCV_POINTS_V, SOC_POINTS, ocv_v

Floats = NDArray[np.float64]

_sum = np.add.reduce  # the method of an array is Python around it

R0_OHM, R1_OHM, R2_OHM = 0.5e-3, 0.25e-3, 0.15e-3
TAU1_S, TAU2_S = 30.0, 600.0
ACTIVATION_OVER_GAS_K = 20_000.0 / 8.314
CAPACITY_SPREAD, RESISTANCE_SPREAD, SOC_SPREAD = 0.005, 0.01, 0.001
BLEED_A, BLEED_ABOVE_V = 0.1, 0.005


class CellChain:
    """Cells in series, alike but for a seeded spread of capacity (0.5 %), resistance (1 %) and SoC.

    strings and string_delta_v: the healthy difference between the highest and the lowest string at rest is set to
    string_delta_v at 50 % SoC. balancing: when True, cells more than 5 mV above the lowest one are bled at 0.1 A.
    """

    def __init__(
        self, cells: int, capacity_ah: float, soc: float, seed: int, *, strings: int = 1, string_delta_v: float = 0.0
    ) -> None:
        rng = np.random.default_rng([seed, 0xCE11])
        self._hold(capacity_ah * (1.0 + CAPACITY_SPREAD * _bounded(rng, cells)))
        self._of_mean: Floats = self.capacity_ah / capacity_ah
        self._scale: Floats = 1.0 + RESISTANCE_SPREAD * _bounded(rng, cells)
        self._soc_offset = _string_offsets(rng, SOC_SPREAD * _bounded(rng, cells), strings, string_delta_v)
        self.balancing = False
        self.rest(soc)

    def resize(self, capacity_ah: float) -> None:
        """Another capacity, with the same spread, voltages and resistances: a pack that is emptied in less time."""
        self._hold(capacity_ah * self._of_mean)

    def rest(self, soc: float) -> None:
        """A chain at rest at a mean SoC of `soc` (0..1), with its seeded spread."""
        self.soc: Floats = soc + self._soc_offset
        self._u1_a = self._u2_a = 0.0
        self._losses = [0.0, 0.0, 0.0]  # A²s through R0, R1 and R2 since the heat was last taken
        self._decays_for_s, self._decays = -1.0, (1.0, 1.0)
        self._refresh_ocv()
        self.refresh_resistance(np.full(self.soc.size, 25.0))

    @property
    def mean_soc(self) -> float:
        """Mean SoC of the cells, 0..1."""
        return float(_sum(self.soc)) / self.soc.size

    def step(self, dt_s: float, charge_c: float, charge_sq: float, temperatures_c: Floats | None = None) -> None:
        """Advance by dt_s, in which charge_c coulombs (the integral of the current) went into the chain.

        charge_sq is the integral of the squared current, A²s: with it, `take_heat_j` knows the losses exactly.
        temperatures_c, when given, refreshes the resistances (they change slowly: not every step needs it).
        """
        mean_a = charge_c / dt_s
        u1, u2 = self._u1_a, self._u2_a
        if dt_s != self._decays_for_s:
            self._decays_for_s, self._decays = dt_s, (exp(-dt_s / TAU1_S), exp(-dt_s / TAU2_S))
        self._u1_a = mean_a + (u1 - mean_a) * self._decays[0]
        self._u2_a = mean_a + (u2 - mean_a) * self._decays[1]
        self._losses[0] += charge_sq
        self._losses[1] += 0.5 * dt_s * (u1 * u1 + self._u1_a * self._u1_a)
        self._losses[2] += 0.5 * dt_s * (u2 * u2 + self._u2_a * self._u2_a)
        if self.balancing:
            self._bleed(dt_s)
        self.soc += charge_c * self._per_coulomb
        self._refresh_ocv()
        if temperatures_c is not None:
            self.refresh_resistance(temperatures_c)

    def emf_v(self) -> float:
        """Sum of OCV and RC voltages: the chain's voltage were the current to stop now, V."""
        return self._ocv_sum_v + self._u1_a * self._r1_sum + self._u2_a * self._r2_sum

    def resistance_ohm(self) -> float:
        """Sum of the ohmic resistances R0, Ohm."""
        return self._r0_sum

    def voltages_v(self, current_a: float) -> Floats:
        """Cell voltages at `current_a`, V."""
        ratio = current_a * R0_OHM + self._u1_a * R1_OHM + self._u2_a * R2_OHM
        return self.ocv_v + ratio * (self._r0 / R0_OHM)

    def take_heat_j(self) -> Floats:
        """Heat (J) set free in each cell since the last call."""
        joule_per_ohm = (self._losses[0] * R0_OHM + self._losses[1] * R1_OHM + self._losses[2] * R2_OHM) / R0_OHM
        self._losses = [0.0, 0.0, 0.0]
        return self._r0 * joule_per_ohm

    def refresh_resistance(self, temperatures_c: Floats) -> None:
        """Recompute the resistances for the present SoC and the given cell temperatures."""
        arrhenius = np.exp(ACTIVATION_OVER_GAS_K * (1.0 / (temperatures_c + 273.15) - 1.0 / 298.15))
        self._r0: Floats = R0_OHM * self._scale * arrhenius * (1.0 + 0.8 * (self.soc - 0.5) ** 2)
        self._r0_sum = float(self._r0.sum())
        self._r1_sum, self._r2_sum = self._r0_sum * R1_OHM / R0_OHM, self._r0_sum * R2_OHM / R0_OHM

    def _refresh_ocv(self) -> None:
        self.ocv_v: Floats = np.interp(self.soc, SOC_POINTS, OCV_POINTS_V)
        self._ocv_sum_v = float(_sum(self.ocv_v))

    def _hold(self, capacity_ah: Floats) -> None:
        """Cells of these capacities."""
        self.capacity_ah: Floats = capacity_ah
        self.mean_capacity_ah = float(capacity_ah.mean())
        self._per_coulomb: Floats = 1.0 / (3600.0 * capacity_ah)

    def _bleed(self, dt_s: float) -> None:
        high = self.ocv_v > self.ocv_v.min() + BLEED_ABOVE_V
        self.soc -= high * (BLEED_A * dt_s) * self._per_coulomb


def _bounded(rng: np.random.Generator, count: int) -> Floats:
    """Normal deviates kept within two standard deviations, as sorted cells are."""
    return np.clip(rng.standard_normal(count), -2.0, 2.0)


def _string_offsets(rng: np.random.Generator, within: Floats, strings: int, delta_v: float) -> Floats:
    """SoC offsets (mean 0) of all cells: `within` each string, plus string means that are delta_v apart at 50 % SoC."""
    per_string = within.size // strings
    rows = within.reshape(strings, per_string)
    rows = rows - rows.mean(axis=1, keepdims=True)
    low, high = ocv_v(np.array([0.49, 0.51]))
    slope_v = float(high - low) / 0.02
    steps = np.linspace(-0.5, 0.5, strings) if strings > 1 else np.zeros(1)
    rows = rows + (rng.permutation(steps) * delta_v / (per_string * slope_v))[:, np.newaxis]
    return np.asarray(rows.reshape(-1))
