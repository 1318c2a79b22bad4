"""KIT's model as a law of the ensemble: its equations over a Stress, a fortnight at a time, in place of the true order.

Over a Stress each step has the mean of the whole; over a Series `kit.stepped` keeps the true order. Draws scale the
parts of the nominal path: exactly so for the factors, to first order for weather and activation energy.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace

import numpy as np

from v2g_bench.pack.ageing.kit import (
    CELL_AH,
    LOW_V,
    REFERENCE_V,
    Block,
    KitState,
    advance,
    ocv_v,
    resistance_ohm,
    sei_rate,
    wear_rate,
)
from v2g_bench.pack.ageing.law import (
    GAS_J_MOL_K,
    NOMINAL,
    YEAR_S,
    Bounds,
    Draws,
    Facts,
    Fade,
    Fitted,
    InRange,
    Spread,
    inside,
    kelvin,
    occupied,
)
from v2g_bench.pack.ageing.power import share_of, tilted
from v2g_bench.pack.ageing.series import Floats
from v2g_bench.pack.ageing.stress import Stress

STEP_S = 14 * 86400.0
_ACTIVATION = 2375.0 * GAS_J_MOL_K


@dataclass(frozen=True)
class KitLaw:
    """The law; calendar is the SEI, cyclic the wear, the low voltage and the plating together."""

    facts: Facts

    @property
    def name(self) -> str:
        return self.facts.name

    @property
    def chemistry(self) -> str:
        return self.facts.chemistry

    @property
    def blind_to(self) -> frozenset[str]:
        return self.facts.blind_to

    @property
    def order_matters(self) -> bool:
        return self.facts.order_matters

    def draws(self, n: int, rng: np.random.Generator) -> Draws:
        return Spread().draws(n, rng)

    def fade(self, stress: Stress, years: float | Floats, draws: Draws = NOMINAL) -> Fade:
        times = np.atleast_1d(np.asarray(years, dtype=float)) * YEAR_S
        sei, wear, low, plating = path(stress, times)
        soc, warm, hours = occupied(stress)
        amount = sei_rate(ocv_v(soc), kelvin(warm)) * hours
        warmer = tilted(amount, warm, _ACTIVATION, draws) / amount.sum()
        calendar = np.minimum((draws.calendar * warmer)[:, None] * sei, 1.0)
        cyclic = np.minimum(draws.cyclic[:, None] * (wear + low + plating), 1.0 - calendar)
        capacity = calendar + cyclic
        fade = Fade(calendar, cyclic, capacity, 2.0 * capacity)  # R = 0.05 + 0.1 q ohm
        if np.ndim(years):
            return fade
        return replace(
            fade, **{name: getattr(fade, name)[:, 0] for name in ("calendar", "cyclic", "capacity", "resistance")}
        )

    def in_range(self, stress: Stress) -> InRange:
        fitted, (soc, warm, hours), flow = self.facts.fitted, occupied(stress), stress.flow
        still = sei_rate(ocv_v(soc), kelvin(warm)) * hours
        moved = wear_rate(ocv_v(flow.soc), 0.0) * np.abs(flow.c_rate) * flow.hours
        calendar = share_of(still, inside(((fitted.calendar_c, warm), (fitted.calendar_soc, soc))))
        there = inside(((fitted.cycling_c, flow.temperature_c), (fitted.c_rate, np.abs(flow.c_rate))))
        cyclic = share_of(moved, there)
        year = self.fade(stress, 1.0)
        parts = float(year.calendar[0]), float(year.cyclic[0])
        total = (calendar * parts[0] + cyclic * parts[1]) / sum(parts) if sum(parts) > 0 else 1.0
        still_s, moved_s = (float(part.sum()) / stress.known_s for part in (still, moved))
        return InRange(calendar, cyclic, total, still_s, moved_s)

    def clamps(self, stress: Stress) -> Mapping[str, float]:
        flow = stress.flow
        voltage = ocv_v(flow.soc) + CELL_AH * flow.c_rate * resistance_ohm(0.0)
        moved = np.abs(flow.c_rate) * flow.hours
        low = float(moved[voltage < LOW_V].sum() / moved.sum()) if len(moved) else 0.0
        return {"current below 3.2 V, where the loss hangs on order and sampling": low}


def path(stress: Stress, times_s: Floats) -> Floats:
    """(4, m): the four losses of a new cell at these times of a life that repeats the stress."""
    block = _block(stress, STEP_S)
    steps = int(np.ceil(float(times_s.max(initial=0.0)) / STEP_S))
    state, before, states = KitState(), None, [astuple(KitState())]
    for _ in range(steps):
        state, before = advance(state, before, block), state
        states.append(astuple(state))
    at = np.arange(steps + 1) * STEP_S
    return np.array([np.interp(times_s, at, part) for part in np.array(states).T])


def _block(stress: Stress, length_s: float) -> Block:
    """A stretch of this length with the mean of the stress: all its hours at OCV, and what the current adds to that."""
    if stress.known_s <= 0:
        raise ValueError("nothing in this history is known: no SoC, or no temperature")
    scale = 3600.0 * length_s / stress.known_s
    soc, warm, hours = occupied(stress)
    flow, flow_k = stress.flow, kelvin(stress.flow.temperature_c)
    rest_s, rest_sei = _grouped(hours * scale, sei_rate(ocv_v(soc), kelvin(warm)))
    return Block(
        rest_s=rest_s,
        rest_sei=rest_sei,
        dt_s=flow.hours * scale,
        ocv=ocv_v(flow.soc),
        warm_k=flow_k,
        c_rate=flow.c_rate,
        sei_warm=sei_rate(np.full_like(flow_k, REFERENCE_V), flow_k),
        corrections=True,
    )


def _grouped(weight: Floats, rate: Floats) -> tuple[Floats, Floats]:
    """The same weights at fewer rates: those within 2 % of each other as one, at their mean."""
    _, group = np.unique(np.rint(np.log(rate) / 0.02).astype(int), return_inverse=True)
    total = np.bincount(group, weight)
    return np.asarray(total), np.asarray(np.bincount(group, weight * rate) / total)


_TESTS = "the tests in use_case_model_005_cycling_experiment.py of bat-age-model (KIT)"
KIT = KitLaw(
    Facts(
        name="kit",
        title="Luh (KIT) 2024",
        chemistry="NMC",
        cell="LG HG2, NMC/C-SiO, 3 Ah",
        source="M. Luh, dissertation KIT 2024, chapters 7.2 and 7.3; github.com/energystatusdata/bat-age-model (MIT), "
        "commit 6e1869e; test data doi 10.35097/1947",
        fitted=Fitted(
            calendar_c=Bounds(0, 40, f"0, 10, 25 and 40 °C: {_TESTS}"),
            calendar_soc=Bounds(0.1, 1, f"3.3 to 4.2 V, about 10, 50, 90 and 100 %: {_TESTS}"),
            cycling_c=Bounds(0, 40, f"0, 10, 25 and 40 °C: {_TESTS}"),
            depth=Bounds(0.8, 1, f"0-100, 10-100 and 10-90 %: {_TESTS}; not asked, the law has no depth"),
            c_rate=Bounds(1 / 3, 5 / 3, f"1 to 5 A of charge, 1 to 3 A of discharge: {_TESTS}"),
        ),
        blind_to=frozenset({"cycling temperature"}),
        saturates=True,
        order_matters=True,
        notes=(
            "SEI and wear saturate: after some five years more V2G costs next to nothing by construction",
            "below C/3 are the end of each charge and discharge (to C/10) and driving alone in its tests: counts as outside",
            "100 % is the nominal 3.0 Ah and a cell without storage; its authors begin at 103 % with 30 days of storage",
            "asked with a Stress every fortnight has the mean of the whole; the true order is kept by stepping a series",
        ),
    )
)
