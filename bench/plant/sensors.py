"""What the BMS senses: a `PackReading`, and the `SensorOverrides` that change what it senses and nothing else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from v2g_bench.bms.diagnostics import ACTIVE, CELL_IMBALANCE, OVER_CURRENT, STORED
from v2g_bench.errors import BenchError
from v2g_bench.pack.cells import CellChain
from v2g_bench.pack.limits import PowerLimits, power_limits
from v2g_bench.pack.thermal import PackThermal
from v2g_bench.plant.config import PlantConfig

Floats = NDArray[np.float64]

# The ufuncs themselves: the methods of arrays are Python around them, three times as slow for a hundred cells.
_highest, _lowest, _sum = np.maximum.reduce, np.minimum.reduce, np.add.reduce


@dataclass(slots=True, eq=False)
class PackReading:
    """One reading of the pack by the BMS. V, A, W, °C; current positive into the battery; limits are positive magnitudes.

    Nobody changes one; freezing it would triple what it takes to make the hundred of each second. Arrays count from 0 here
    (cell 17 is index 16); `roles()` counts from 1 as the CAN signals do.
    """

    time_s: float
    cell_voltages_v: Floats
    cell_voltage_max_v: float
    cell_voltage_min_v: float
    cell_temperatures_c: Floats
    cell_temperature_max_c: float
    cell_temperature_min_c: float
    module_temps_c: Floats
    string_voltages_v: Floats
    string_voltage_difference_v: float
    pack_voltage_v: float
    pack_current_a: float
    soc_pct: float
    soh_pct: float
    capacity_ah: float
    cycle_count: int
    energy_throughput_kwh: float
    charge_power_limit_w: float
    discharge_power_limit_w: float
    discharge_power_continuous_w: float
    over_current: bool
    cell_imbalance: bool
    dtc_count: int
    contactor_state: int
    trouble_codes: tuple[tuple[int, int], ...] = ()

    def roles(self) -> dict[str, float]:
        """Every signal role that a BMS sends, in its canonical unit; indexed roles as "cell_voltage[17]"."""
        values = {
            "cell_temperature_max": self.cell_temperature_max_c,
            "cell_temperature_min": self.cell_temperature_min_c,
            "cell_voltage_max": self.cell_voltage_max_v,
            "cell_voltage_min": self.cell_voltage_min_v,
            "string_voltage_difference": self.string_voltage_difference_v,
            "pack_voltage": self.pack_voltage_v,
            "pack_current": self.pack_current_a,
            "soc": self.soc_pct,
            "soh": self.soh_pct,
            "cycle_count": float(self.cycle_count),
            "energy_throughput": self.energy_throughput_kwh,
            "capacity": self.capacity_ah,
            "charge_power_limit": self.charge_power_limit_w,
            "discharge_power_limit": self.discharge_power_limit_w,
            "discharge_power_continuous": self.discharge_power_continuous_w,
            "over_current": float(self.over_current),
            "cell_imbalance": float(self.cell_imbalance),
            "dtc_count": float(self.dtc_count),
            "contactor_state": float(self.contactor_state),
        }
        for role, array in (
            ("module_temperature", self.module_temps_c),
            ("cell_voltage", self.cell_voltages_v),
            ("string_voltage", self.string_voltages_v),
        ):
            values.update(zip(_indexed(role, array.size), array.tolist(), strict=True))
        return values


@lru_cache
def _indexed(role: str, count: int) -> tuple[str, ...]:
    """The keys of an indexed role."""
    return tuple(f"{role}[{n}]" for n in range(1, count + 1))


PLAIN_OVERRIDES = {
    "string_voltage_difference": "V between the highest and the lowest string, exactly",
    "soc_offset": "percentage points added to the sensed SoC",
    "soc": "%, exactly",
    "soh": "%, exactly",
    "energy_throughput": "kWh, exactly",
    "capacity": "Ah, exactly",
    "cycle_count": "cycles, exactly",
    "pack_current_bias": "A added to the sensed pack current",
    "charge_power_limit": "W, exactly",
    "discharge_power_limit": "W, exactly",
    "discharge_power_continuous": "W, exactly",
    "over_current": "flag, 0 or 1",
    "cell_imbalance": "flag, 0 or 1",
    "dtc_count": "trouble codes, exactly",
    "imbalance_code": "trouble code of cell imbalance: 0 none, 1 stored, 2 active",
    "contactor_state": "0 open, 1 precharge, 2 closed, 3 welded",
}
CELL_OVERRIDES = {"cell_temperature": "°C, exactly", "cell_voltage": "V, exactly"}
MODULE_OVERRIDES = {
    "module_temperature_offset": "K added to a module and its cells",
    "module_temperature_spread": "K above the coldest other module, exactly",
}


class SensorOverrides:
    """What the BMS is made to sense, by name; several at once. The pack itself does not notice.

    Forced values appear exactly, without sensor noise. Cells and modules count from 1.

    >>> overrides = SensorOverrides(cells=96, modules=12)
    >>> overrides.set("cell_temperature", 45.5, index=17)
    >>> overrides.set("soc_offset", -7.0)
    >>> sorted(overrides)
    [('cell_temperature', 17), ('soc_offset', None)]
    >>> overrides.clear("soc_offset")
    """

    def __init__(self, cells: int, modules: int) -> None:
        self._counts = dict.fromkeys(PLAIN_OVERRIDES, 0)
        self._counts |= dict.fromkeys(CELL_OVERRIDES, cells) | dict.fromkeys(MODULE_OVERRIDES, modules)
        self._values: dict[tuple[str, int | None], float] = {}
        self.version = 0  # grows with each change, so that a reading can be kept until one happens

    def set(self, name: str, value: float, index: int | None = None) -> None:
        """Force `name` (of cell or module `index`, from 1) to `value`; BenchError: unknown name, wrong index."""
        if not isfinite(value):
            raise BenchError(
                f"sensor override {name}", f"{value} is not a value that a sensor can show", "give a number"
            )
        self._values[self._key(name, index)] = float(value)
        self.version += 1

    def clear(self, name: str, index: int | None = None) -> None:
        """Let `name` be sensed again; clearing what is not set is no error. BenchError for an unknown name."""
        if self._values.pop(self._key(name, index), None) is not None:
            self.version += 1

    def each(self, wanted: Mapping[tuple[str, int | None], float]) -> dict[tuple[str, int | None], float]:
        """These overrides with one for each cell or module of this pack where the index of such a one is None.

        BenchError: unknown name, or a cell or module that this pack does not have.
        """
        found: dict[tuple[str, int | None], float] = {}
        for (name, index), value in wanted.items():
            count = self._counts.get(name, 0) if index is None else 0
            places = range(1, count + 1) if count else (index,)
            found |= {self._key(name, place): value for place in places}
        return found

    def clear_all(self) -> None:
        """Let everything be sensed again."""
        self._values.clear()
        self.version += 1

    def get(self, name: str, sensed: float) -> float:
        """The forced value of a plain override, or what was sensed."""
        return self._values.get((name, None), sensed)

    def indexed(self, name: str) -> list[tuple[int, float]]:
        """The (array index from 0, value) pairs that are set for a cell or module override."""
        if not self._values:
            return []
        return [(index - 1, value) for (key, index), value in self._values.items() if key == name and index is not None]

    def __iter__(self) -> Iterator[tuple[str, int | None]]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def _key(self, name: str, index: int | None) -> tuple[str, int | None]:
        count = self._counts.get(name)
        if count is None:
            raise BenchError(f"sensor override {name}", "no such override", f"known: {', '.join(sorted(self._counts))}")
        if count == 0 and index is not None:
            raise BenchError(f"sensor override {name}", f"has no index, got {index}", "leave the index away")
        if count and (index is None or not 1 <= index <= count):
            raise BenchError(f"sensor override {name}", f"index {index} is outside 1..{count}", "cells count from 1")
        return name, None if index is None else int(index)


CELL_NOISE_V, TEMPERATURE_NOISE_K, CURRENT_NOISE_A = 0.000_3, 0.05, 0.02
NOISE_PERIOD_S, NOISE_ROWS = 0.010, 1024
IMBALANCE_V = 0.150  # the most common limit of production packs (Battery-Emulator's integrations: 100 to 250 mV)
OVER_CURRENT_MARGIN = 1.05


class PackSensors:
    """The BMS's view of cells and temperatures: sensor noise and offsets, then the overrides.

    The noise is a seeded table over time, so that a reading depends on when it is taken and never on how often.
    """

    def __init__(self, config: PlantConfig, seed: int, chain: CellChain, thermal: PackThermal, start_s: float) -> None:
        rng = np.random.default_rng([seed, 0x5E45])
        self.overrides = SensorOverrides(config.cells, config.modules)
        self._config, self._chain, self._thermal, self._start_s = config, chain, thermal, start_s
        self._cell_noise_v: Floats = rng.standard_normal((NOISE_ROWS, config.cells)) * CELL_NOISE_V
        self._cell_noise_k: Floats = rng.standard_normal((NOISE_ROWS, config.cells)) * TEMPERATURE_NOISE_K
        self._module_noise_k: Floats = rng.standard_normal((NOISE_ROWS, config.modules)) * TEMPERATURE_NOISE_K
        self._current_noise_a: Floats = rng.standard_normal(NOISE_ROWS) * CURRENT_NOISE_A

    def noise_tables(self) -> list[Floats]:
        """The noise, which never changes."""
        return [self._cell_noise_v, self._cell_noise_k, self._module_noise_k, self._current_noise_a]

    def read(self, now_s: float, current_a: float, contactor_state: int, energy_throughput_kwh: float) -> PackReading:
        """Sense the pack at now_s while current_a flows."""
        forced = self.overrides
        noise = int((now_s - self._start_s) / NOISE_PERIOD_S) % NOISE_ROWS
        cells_v, strings_v, difference_v = self._voltages(noise, current_a)
        cells_c, modules_c = self._temperatures(noise)
        soc_pct = self._chain.mean_soc * 100 + forced.get("soc_offset", 0.0)
        soc_pct = forced.get("soc", min(100.0, max(0.0, soc_pct)))
        pack_a = current_a + float(self._current_noise_a[noise]) + forced.get("pack_current_bias", 0.0)
        pack_v = float(_sum(strings_v))
        highest_v, lowest_v = float(_highest(cells_v)), float(_lowest(cells_v))
        hottest_c, coldest_c = float(_highest(cells_c)), float(_lowest(cells_c))
        limits = self._limits(soc_pct, coldest_c, hottest_c, highest_v)
        allowed_w = limits.charge_w if pack_a > 0 else limits.discharge_w
        over = abs(pack_a) > 1.0 and abs(pack_a) * pack_v > allowed_w * OVER_CURRENT_MARGIN
        over_current = bool(forced.get("over_current", over))
        imbalance = bool(forced.get("cell_imbalance", highest_v - lowest_v > IMBALANCE_V))
        codes = self._codes(over_current, imbalance)
        cycles = energy_throughput_kwh / (2 * self._config.nominal_energy_kwh)
        return PackReading(
            time_s=now_s,
            cell_voltages_v=cells_v,
            cell_voltage_max_v=highest_v,
            cell_voltage_min_v=lowest_v,
            cell_temperatures_c=cells_c,
            cell_temperature_max_c=hottest_c,
            cell_temperature_min_c=coldest_c,
            module_temps_c=modules_c,
            string_voltages_v=strings_v,
            string_voltage_difference_v=difference_v,
            pack_voltage_v=pack_v,
            pack_current_a=pack_a,
            soc_pct=soc_pct,
            soh_pct=forced.get("soh", self._config.soh_pct),
            capacity_ah=forced.get("capacity", self._chain.mean_capacity_ah),
            cycle_count=int(forced.get("cycle_count", cycles)),
            energy_throughput_kwh=forced.get("energy_throughput", energy_throughput_kwh),
            charge_power_limit_w=forced.get("charge_power_limit", limits.charge_w),
            discharge_power_limit_w=forced.get("discharge_power_limit", limits.discharge_w),
            discharge_power_continuous_w=forced.get("discharge_power_continuous", limits.continuous_w),
            over_current=over_current,
            cell_imbalance=imbalance,
            dtc_count=int(forced.get("dtc_count", len(codes))),
            trouble_codes=codes,
            contactor_state=int(forced.get("contactor_state", contactor_state)),
        )

    def _limits(self, soc_pct: float, coldest_c: float, hottest_c: float, highest_v: float) -> PowerLimits:
        return power_limits(
            soc_pct,
            coldest_c,
            hottest_c,
            highest_v,
            self._config.max_charge_power_w,
            self._config.max_discharge_power_w,
            self._config.continuous_discharge_power_w,
        )

    def _voltages(self, noise: int, current_a: float) -> tuple[Floats, Floats, float]:
        """Cells, strings, and how far the highest string is from the lowest, V; consistent with each other."""
        cells_v = self._chain.voltages_v(current_a) + self._cell_noise_v[noise]
        for index, value in self.overrides.indexed("cell_voltage"):
            cells_v[index] = value
        by_string = cells_v.reshape(self._config.strings, -1)
        strings_v: Floats = _sum(by_string, axis=1)
        sensed_v = float(_highest(strings_v) - _lowest(strings_v))
        difference_v = self.overrides.get("string_voltage_difference", sensed_v)
        if difference_v != sensed_v and len(strings_v) > 1:
            # Pull the strings apart around their mean, so that the pack's voltage stays, and their cells with them.
            apart = strings_v - strings_v.mean()
            if sensed_v == 0.0:
                apart, sensed_v = np.linspace(-0.5, 0.5, len(strings_v)), 1.0
            shift_v = apart * (difference_v / sensed_v - 1.0)
            strings_v = strings_v + shift_v
            by_string += (shift_v / by_string.shape[1])[:, np.newaxis]
            for index, value in self.overrides.indexed("cell_voltage"):
                cells_v[index] = value
        return cells_v, strings_v, difference_v

    def _codes(self, over_current: bool, imbalance: bool) -> tuple[tuple[int, int], ...]:
        """The trouble codes: (DTC, status)."""
        state = round(self.overrides.get("imbalance_code", 2.0 if imbalance else 0.0))
        codes = [(CELL_IMBALANCE, ACTIVE if state > 1 else STORED)] if state else []
        return tuple(codes + ([(OVER_CURRENT, ACTIVE)] if over_current else []))

    def _temperatures(self, noise: int) -> tuple[Floats, Floats]:
        """Cells and modules, °C."""
        cells_c = self._thermal.sensed_cells_c() + self._cell_noise_k[noise]
        modules_c = self._thermal.sensed_modules_c() + self._module_noise_k[noise]
        by_module = cells_c.reshape(self._config.modules, -1)
        for index, kelvin in self.overrides.indexed("module_temperature_offset"):
            modules_c[index] += kelvin
            by_module[index] += kelvin
        for index, kelvin in self.overrides.indexed("module_temperature_spread"):
            # Module sensors and cells each have their own errors: both show the spread, each against its own coldest.
            others, hot, cool = np.delete(modules_c, index), by_module[index], np.delete(by_module, index, axis=0)
            if not cool.size:  # a pack of one module is hot in one half of it
                hot, cool = hot[: max(1, hot.size // 2)], hot[max(1, hot.size // 2) :]
            to_c = (float(others.min()) if others.size else float(modules_c[index])) + kelvin
            coldest_c = float(cool.min()) if cool.size else float(hot.max())
            hot += coldest_c + kelvin - hot.max()
            modules_c[index] = to_c
        for index, value in self.overrides.indexed("cell_temperature"):
            cells_c[index] = value
        return cells_c, modules_c
