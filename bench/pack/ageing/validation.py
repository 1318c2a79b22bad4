"""The validation table: every figure that a source, or another program, gives for a law, beside what is computed here.

The figures are data; `table()` computes the second column. Each row is a test, and the report's appendix prints them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from v2g_bench.pack.ageing import kit, naumann, schmalstieg, wang, xu
from v2g_bench.pack.ageing.laws import LAWS
from v2g_bench.pack.ageing.plating import LIMIT_SOC, LIMIT_TEMPERATURE_C, kit_onset
from v2g_bench.pack.ageing.rainflow import close, halves, values_only
from v2g_bench.pack.ageing.series import Floats, Series
from v2g_bench.pack.ageing.stress import stress_of


@dataclass(frozen=True)
class Check:
    """One figure: of which law, what it is, its unit, the source's value, how close it has to be, who states it."""

    law: str
    what: str
    unit: str
    expected: float
    tolerance: float
    source: str
    compute: Callable[[], float]


@dataclass(frozen=True)
class Row:
    """A check with what is computed here."""

    check: Check
    computed: float

    @property
    def agrees(self) -> bool:
        """Whether it is as close as it has to be."""
        return abs(self.computed - self.check.expected) <= self.check.tolerance


def table() -> list[Row]:
    """All rows; takes a second or two."""
    return [Row(check, check.compute()) for check in CHECKS]


def resting(soc: float, temperature_c: float, days: float = 365.0, step_s: float = 5 * 86400.0) -> Series:
    """A cell of 3 Ah at rest, in steps that make up the days."""
    time_s = np.arange(round(days * 86400.0 / step_s) + 1, dtype=float) * step_s
    return Series(time_s, np.full_like(time_s, soc), np.full_like(time_s, temperature_c), None, 3.0, "NMC")


def daily(low: float, high: float, current_a: float, temperature_c: float) -> Series:
    """A day of a 3 Ah cell in steps of 60 s: charged from 0 h, discharged from 12 h, at rest between."""
    time_s = np.arange(1441, dtype=float) * 60.0
    length_s = (high - low) * 3.0 / current_a * 3600.0
    up = np.minimum(low + (high - low) * time_s / length_s, high)
    down = np.maximum(high - (high - low) * (time_s - 43200.0) / length_s, low)
    charging = time_s < length_s - 1e-6
    discharging = (time_s >= 43200.0) & (time_s < 43200.0 + length_s - 1e-6)
    current = np.where(charging, current_a, np.where(discharging, -current_a, 0.0))
    soc = np.where(time_s < 43200.0, up, down)
    return Series(time_s, soc, np.full_like(time_s, temperature_c), current, 3.0, "NMC")


def _one(value: float) -> Floats:
    return np.array([value])


def _rest_loss(law: str, soc: float, temperature_c: float, years: float) -> float:
    return 100.0 * float(LAWS[law].fade(stress_of(resting(soc, temperature_c)), years).capacity[0])


def _rest_resistance(law: str, soc: float, temperature_c: float) -> float:
    resistance = LAWS[law].fade(stress_of(resting(soc, temperature_c)), 1.0).resistance
    return float("nan") if resistance is None else 100.0 * float(resistance[0])


def _sqrt_cycles(factor: float, efc: float) -> float:
    return 100.0 * factor * float(np.sqrt(2.0 * schmalstieg.CELL_AH * efc))


def _b_cap(depth: float, voltage: float, efc: float) -> float:
    return _sqrt_cycles(float(schmalstieg.b_cap(_one(voltage), _one(depth))[0]), efc)


def _b_res(depth: float, voltage: float, efc: float) -> float:
    return float(100.0 * schmalstieg.b_res(_one(voltage), _one(depth))[0] * 2.0 * schmalstieg.CELL_AH * efc)


def _a_cap_1y(voltage: float, temperature_c: float, days: float = 365.0) -> float:
    return float(100.0 * schmalstieg.a_cap(_one(voltage), _one(temperature_c + 273.15))[0] * days**0.75)


def _a_res_1y(voltage: float, temperature_c: float) -> float:
    return float(100.0 * schmalstieg.a_res(_one(voltage), _one(temperature_c + 273.15))[0] * 365.0**0.75)


def _wang(c_rate: float, temperature_c: float) -> float:
    return float(100.0 * wang.k_2011(_one(c_rate), _one(temperature_c + 273.15))[0] * 2300.0**0.55)


def _wang_efc(c_rate: float, temperature_c: float) -> float:
    k = float(wang.k_2011(_one(c_rate), _one(temperature_c + 273.15))[0])
    return float((0.2 / k) ** (1.0 / 0.55) / wang.CELL_2011_AH)


def _naumann(c_rate: float, depth: float, fec: float) -> float:
    return 100.0 * float(naumann.k_cycling(_one(c_rate), _one(depth))[0]) * float(np.sqrt(fec))


def _xu_cycles(hours: float) -> float:
    """Full cycles to 20 % loss at 25 °C and 50 % mean SoC, each with so many hours of calendar ageing."""
    damage = np.linspace(0.0, 0.4, 400_001)
    end = float(damage[np.searchsorted(xu.loss(damage), 0.2)])
    return end / (float(xu.depth_stress(_one(1.0))[0]) + 4.14e-10 * 3600.0 * hours)


@cache
def _kit_rest(soc: float, temperature_c: float, days: float) -> kit.KitState:
    return kit.stepped(resting(soc, temperature_c, days))


@cache
def _kit_year(low: float, high: float, current_a: float, temperature_c: float) -> kit.KitState:
    return kit.stepped(daily(low, high, current_a, temperature_c), repeats=365)


def _part(state: Callable[[], kit.KitState], part: str) -> float:
    return float(getattr(state(), part))


def _wang14_ratio(temperature_c: float) -> float:
    warm, mild = _one(temperature_c + 273.15), _one(24.0 + 273.15)
    return float((wang.k_2014(warm, _one(0.2)) / wang.k_2014(mild, _one(0.2)))[0])


def _astm(size: float) -> float:
    closed, turns = close(values_only(np.array([-2.0, 1, -3, 5, -1, 3, -4, 4, -2])))
    cycles = closed + halves(turns)
    return float(cycles.count[cycles.depth == size].sum())


def _root(function: Callable[[Floats], Floats], low: float, high: float) -> float:
    """The last value at which the clamped function is still 0."""
    values = np.linspace(low, high, 200_001)
    return float(values[np.nonzero(function(values) <= 0)[0][-1]])


_F = "the published formula, computed independently"
_BLAST = "BLAST-Lite 1.1.1"
_KIT = "bat-age-model 6e1869e, run"
_SCHM = [
    Check("schmalstieg", "calendar factor, 25 °C, 3.699 V", "1e-4", 2.8626, 5e-5, _F, lambda: _a_cap_1y(3.699, 25, 1) * 100),
    Check("schmalstieg", "1 year, 25 °C, 3.699 V", "%", 2.39, 0.005, _F, partial(_a_cap_1y, 3.699, 25)),
    Check("schmalstieg", "10 years, 25 °C, 3.699 V", "%", 13.44, 0.005, _F, partial(_a_cap_1y, 3.699, 25, 3650)),
    Check("schmalstieg", "1 year, 35 °C, 3.699 V", "%", 5.11, 0.005, _F, partial(_a_cap_1y, 3.699, 35)),
    Check("schmalstieg", "1 year, 50 °C, 3.699 V", "%", 14.61, 0.005, _F, partial(_a_cap_1y, 3.699, 50)),
    Check("schmalstieg", "1 year, 50 °C, 3.699 V, resistance", "%", 23.9, 0.05, _F, partial(_a_res_1y, 3.699, 50)),
    Check("schmalstieg", "1 year, 50 °C, 4.162 V", "%", 26.9, 0.05, _F, partial(_a_cap_1y, 4.162, 50)),
    Check("schmalstieg", "1 year, 50 °C, 3.35 V", "%", 5.35, 0.005, _F, partial(_a_cap_1y, 3.35, 50)),
    Check("schmalstieg", "1000 EFC, depth 0.1", "%", 7.53, 0.005, _F, partial(_b_cap, 0.1, 3.699, 1000)),
    Check("schmalstieg", "1000 EFC, depth 0.5", "%", 17.98, 0.005, _F, partial(_b_cap, 0.5, 3.699, 1000)),
    Check("schmalstieg", "1000 EFC, depth 0.8", "%", 25.82, 0.005, _F, partial(_b_cap, 0.8, 3.699, 1000)),
    Check("schmalstieg", "1000 EFC, depth 0.8, resistance", "%", 85.6, 0.05, _F, partial(_b_res, 0.8, 3.699, 1000)),
    Check("schmalstieg", "500 EFC, depth 1 at 3.75 V", "%", 22.15, 0.005, _F, partial(_b_cap, 1.0, 3.75, 500)),
    Check("schmalstieg", "1 year, 25 °C, 50 %", "%", 2.3895, 0.1, _BLAST, partial(_rest_loss, "schmalstieg", 0.5, 25, 1)),
    Check("schmalstieg", "1 year, 40 °C, 90 %", "%", 12.345, 0.1, _BLAST, partial(_rest_loss, "schmalstieg", 0.9, 40, 1)),
    Check(
        "schmalstieg", "voltage of no calendar loss", "V", 3.1486, 5e-5, _F,
        lambda: _root(lambda v: schmalstieg.a_cap(v, np.full_like(v, 298.15)), 3.0, 3.3),
    ),
    Check(
        "schmalstieg", "voltage of no calendar resistance", "V", 3.0968, 5e-5, _F,
        lambda: _root(lambda v: schmalstieg.a_res(v, np.full_like(v, 298.15)), 3.0, 3.3),
    ),
    Check(
        "schmalstieg", "depth of no resistance at 3.725 V", "", 0.0544, 5e-5, _F,
        lambda: _root(lambda d: schmalstieg.b_res(np.full_like(d, 3.725), d), 0.0, 1.0),
    ),
]  # fmt: skip
_WANG = [
    Check("wang2011", f"2300 Ah, {rate} C, {warm} °C", "%", loss, 0.005, _F, partial(_wang, rate, warm))
    for rate, warm, loss in (
        (0.5, 15, 4.32), (0.5, 25, 6.72), (0.5, 45, 14.95), (0.5, 60, 25.57), (2.0, 25, 5.77), (2.0, 45, 12.64)
    )
] + [
    Check("wang2011", f"EFC to 20 %, {rate} C, {warm} °C", "EFC", efc, 1.0, _F, partial(_wang_efc, rate, warm))
    for rate, warm, efc in ((0.5, 25, 7258), (0.5, 45, 1697), (2.0, 25, 9596))
] + [
    Check("wang2014", f"cycling at C/5, {warm} °C over 24 °C", "", ratio, 0.05, _F, partial(_wang14_ratio, warm))
    for warm, ratio in ((0, 14.8), (10, 5.7), (40, 6.4))
]  # fmt: skip
_NAUMANN = [
    Check("naumann", f"{years} years, {warm} °C, {soc:.0%}", "%", loss, 0.05 if loss == 14.0 else 0.005, _F,
          partial(_rest_loss, "naumann", soc, warm, years))
    for soc, warm, years, loss in (
        (0.5, 25, 1, 4.25), (1.0, 25, 1, 6.77), (0.5, 40, 1, 5.92), (1.0, 60, 1, 14.0), (0.5, 25, 10, 13.44)
    )
] + [
    Check("naumann", f"{fec} FEC, {rate} C, depth {depth}", "%", loss, 0.005, _F, partial(_naumann, rate, depth, fec))
    for rate, depth, fec, loss in ((1, 1.0, 1000, 6.83), (1, 0.8, 1000, 5.69), (1, 0.8, 5000, 12.73), (0.5, 0.2, 1000, 3.39))
]  # fmt: skip
_XU = [
    Check("xu", f"full cycles to 20 %, 25 °C, {hours} h each", "cycles", cycles, 0.6, _F, partial(_xu_cycles, hours))
    for hours, cycles in ((0, 2787), (1, 2718), (2, 2652), (4, 2530))
] + [
    Check("xu", f"{years} years, 25 °C, 50 %", "%", loss, 0.006, _F, partial(_rest_loss, "xu", 0.5, 25, years))
    for years, loss in ((1, 5.79), (10, 17.29))
]  # fmt: skip


def _kit_rows() -> list[Check]:
    rows = []
    for charge, mild, days, full in (
        (0.5, 25, 365, 2.889505), (0.9, 25, 365, 2.834097), (0.9, 40, 365, 2.757023), (1.0, 40, 365, 2.722303),
        (0.9, 40, 3650, 2.436429),
    ):  # fmt: skip
        what = f"capacity after {days} days at rest, {charge:.0%}, {mild} °C"
        rows.append(
            Check(
                "kit",
                what,
                "Ah",
                full,
                1e-4,
                _KIT,
                partial(_part, partial(_kit_rest, charge, mild, days), "capacity_ah"),
            )
        )
    cases: tuple[tuple[float, float, float, float, float, dict[str, float]], ...] = (
        (0.2, 0.8, 0.45, 25, 2.783458, {"sei": 0.0383544, "wear": 0.0338263, "low": 0.0, "plating": 0.0}),
        (0.2, 0.8, 0.45, 0, 2.840494, {"sei": 0.0185005, "wear": 0.0336014, "low": 0.0, "plating": 0.0010668}),
        (0.2, 0.8, 3.0, 0, 2.439967, {"sei": 0.0187004, "wear": 0.0544533, "low": 0.0, "plating": 0.1135241}),
        (0.25, 0.75, 0.45, 25, 2.809960, {"sei": 0.0379385, "wear": 0.025408}),
        (0.1, 0.95, 0.45, 25, 2.707909, {"sei": 0.0397983, "wear": 0.0575653}),
    )
    for low, high, current, warm, left, parts in cases:
        state = partial(_kit_year, low, high, current, warm)
        what = f"a year of {low:.0%} to {high:.0%} a day, {current} A, {warm} °C"
        rows.append(Check("kit", f"{what}: capacity", "Ah", left, 1e-4, _KIT, partial(_part, state, "capacity_ah")))
        rows += [
            Check("kit", f"{what}: {part}", "", lost, 5e-5, _KIT, partial(_part, state, part))
            for part, lost in parts.items()
        ]
    return rows


_ONSETS = (
    (0.02, 0.02, 0.02), (0.05, 0.04, 0.04), (0.07, 0.06, 0.06), (0.12, 0.10, 0.10), (0.20, 0.18, 0.15), (0.56, 0.54, 0.37),
    (1.12, 0.78, 0.53),
)  # fmt: skip
_PLATING = [
    Check("kit", f"onset of plating, {warm:.0f} °C, {soc:.0%}", "C", onset, 0.0051, "bat-age-model, solved for 0 V",
          partial(kit_onset, soc, warm))
    for warm, row in zip(LIMIT_TEMPERATURE_C.tolist(), _ONSETS, strict=True)
    for soc, onset in zip(LIMIT_SOC.tolist(), row, strict=True)
]  # fmt: skip
_RAINFLOW = [
    Check("rainflow", f"ASTM E1049-85 example, cycles of range {size}", "", count, 0.0, "ASTM E1049-85, figure 6",
          partial(_astm, float(size)))
    for size, count in ((3, 0.5), (4, 1.5), (6, 0.5), (8, 1.0), (9, 0.5))
]  # fmt: skip

CHECKS: tuple[Check, ...] = (*_RAINFLOW, *_SCHM, *_WANG, *_NAUMANN, *_XU, *_kit_rows(), *_PLATING)
