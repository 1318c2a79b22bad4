"""States x dangers, and what else the world is like meanwhile: the rows of a covering array, in the order of what they add.

Each state meets each danger, and each power, direction, state of charge and temperature meets each state, danger and each
other, as far as they can stand together. A prefix of the rows is the best use of a time that does not suffice for all.

>>> rows = matrix(seed=1)
>>> len({(row.state, row.danger) for row in rows}) == len(SHOWN_TOGETHER)
True
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from v2g_bench.draws.covering import covering, share_covered
from v2g_bench.draws.dimensions import LogUniform, Uniform
from v2g_bench.draws.sequence import even
from v2g_bench.rig.measuring.dangers import DANGERS
from v2g_bench.rig.measuring.states import STATES, Setting

OWN = "the state's own"
POWERS = {  # W; the most that a rig allows caps them
    "low": LogUniform(600, 1500),
    "3 kW": LogUniform(1500, 3100),
    "middle": LogUniform(3100, 8000),
    "high": LogUniform(8000, 11_000, at_high=0.5),
}
SOCS = {"low": Uniform(34, 42), "middle": Uniform(45, 55), "high": Uniform(60, 70)}  # %, inside the manual's 25 to 75
TEMPERATURES = {"cool": Uniform(14, 19), "mild": Uniform(22, 28), "warm": Uniform(33, 38)}  # °C
FACTORS = {
    "state": tuple(STATES),
    "danger": tuple(DANGERS),
    "direction": ("charge", "discharge"),
    "power": (*POWERS, OWN),
    "soc": tuple(SOCS),
    "temperature": (*TEMPERATURES, OWN),
}
APART = {  # what cannot be shown together, with the reason
    ("over-current flagged", "over-current"): "it is there already",
    ("SoC diverged", "SoC diverges"): "it is there already",
    ("noise latched", "noise"): "it is there already",
    ("imbalance latched", "imbalance"): "it is there already",
    ("starting", "SoC diverges"): "a controller without a past has nothing to compare with",
    ("starting", "inverter silent"): "an inverter that was never there does not fall silent",
}
SHOWN_TOGETHER = [(state, danger) for state in STATES for danger in DANGERS if (state, danger) not in APART]


@dataclass(frozen=True)
class Row:
    """One state with one danger in it, and the levels of the rest; setting: the values that were drawn for them."""

    state: str
    danger: str
    levels: Mapping[str, str]
    setting: Setting

    def __str__(self) -> str:
        setting = STATES[self.state].fits(self.setting)
        power = "as much as the rig allows" if STATES[self.state].rated else f"{abs(setting.power_w):.0f} W"
        way = "charging" if setting.power_w > 0 else "discharging"
        return f"{power} {way}, {setting.soc_pct:g} % SoC, {setting.temperature_c:g} °C"


def allowed(row: Mapping[str, Any]) -> bool:
    """Whether these levels can stand together, as far as they are there."""
    if (row.get("state"), row.get("danger")) in APART:
        return False
    if "state" not in row:
        return True
    state = STATES[row["state"]]
    if state.direction != "any" and row.get("direction", state.direction) != state.direction:
        return False
    fixed = {"power": state.rated, "temperature": state.temperature_c is not None}
    return all(name not in row or (row[name] == OWN) == own for name, own in fixed.items())


@lru_cache(maxsize=4)
def matrix(seed: int) -> tuple[Row, ...]:
    """All rows for this seed, each with its own values; one SoC for each level: no pack is charged in a second."""
    socs = {level: span.at(even(f"{seed}/soc/{level}", 0)) for level, span in SOCS.items()}
    rows = _trips_first(covering(FACTORS, 2, seed, allowed))
    return tuple(_row(levels, socs, seed, place) for place, levels in enumerate(rows))


def _trips_first(rows: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Two of three rows bring a trip into a state that has had none, as long as there is one: what few rows must not miss."""
    first = {row["state"]: row for row in reversed(rows) if DANGERS[row["danger"]].trips}
    ahead = [row for row in rows if row in first.values()]
    behind = iter([row for row in rows if row not in ahead])
    found = []
    for place, row in enumerate(ahead):
        found += [row, next(behind)] if place % 2 else [row]
    return [*found, *behind]


def shares(rows: Sequence[Row]) -> tuple[float, float]:
    """The share (0 to 1) of the pairs of states and dangers that these rows show, and that of all pairs of levels."""
    pairs = {(row.state, row.danger) for row in rows}
    return len(pairs) / len(SHOWN_TOGETHER), share_covered([row.levels for row in rows], FACTORS, 2, allowed)


def _row(levels: Mapping[str, str], socs: Mapping[str, float], seed: int, place: int) -> Row:
    sign = 1.0 if levels["direction"] == "charge" else -1.0
    power, temperature = levels["power"], levels["temperature"]
    power_w = POWERS[power].at(even(f"{seed}/power/{power}", place)) if power != OWN else 0.0
    warm = TEMPERATURES.get(temperature)
    temperature_c = round(warm.at(even(f"{seed}/temperature/{temperature}", place)), 1) if warm else None
    setting = Setting(power_w=sign * power_w, temperature_c=temperature_c, soc_pct=round(socs[levels["soc"]], 1))
    return Row(levels["state"], levels["danger"], levels, setting)
