"""What a rig file states of every run on it: a run writes this into its results, and `v2g-bench verify` compares the two.

>>> from v2g_bench.rig.file.load import load_rig
>>> rig = load_rig("virtual").rig
>>> clock_of(rig, "Linux 6.1"), thresholds_of(rig)["judging.isolation_fraction"], not_claimed(rig.dut, "SAF-01", "")
('real', '0.05', '')
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import NamedTuple

from v2g_bench.plant.config import PlantConfig, PlantDefects
from v2g_bench.rig.file.model import Dut, Judging, Rig, Thresholds

# Of [plant]: how large the emulated battery, power stage and grid are, which another controller's may be.
SIZES = {
    "cells",
    "strings",
    "modules",
    "capacity_ah",
    "soh_pct",
    "cycle_count",
    "rated_power_w",
    "efficiency",
    "ripple_hz",
    "grid_hz",
    "grid_v",
}


def clock_of(rig: Rig, kernel: str) -> str:
    """Whose time it is: real or virtual. kernel: how `v2g-bench kernel` describes the one that it booted, or any other."""
    return "virtual" if rig.simulated or "virtual clock" in kernel else "real"


def thresholds_of(rig: Rig) -> dict[str, str]:
    """Every figure that a run is judged by, as text: those of [dut.thresholds], and those of [judging] after `judging.`."""
    judging = {f"judging.{key}": value for key, value in rig.judging.model_dump().items()}
    return {key: str(value) for key, value in (rig.dut.thresholds.model_dump() | judging).items()}


class Moved(NamedTuple):
    """One figure that the rig file states otherwise: `[table] key`, its value there, whose the usual value is, and that."""

    key: str
    value: object
    whose: str
    usual: object


def moved_figures(rig: Rig) -> list[Moved]:
    """Every figure that is judged by, or that shapes what is judged, and that the rig file moves from where it usually is.

    `trials` has a rule of its own. An emulated world may be of another size; its times and its state are the suite's. A power
    limit below the rating leaves what is above it untested.
    """
    tables: dict[str, Mapping[str, object]] = {
        "judging": rig.judging.model_dump(exclude={"trials"}),
        "dut.thresholds": rig.dut.thresholds.model_dump(),
    }
    if rig.needs_plant():
        tables["plant"] = rig.plant.model_dump(exclude=SIZES | {"defects"})
        tables["plant.defects"] = asdict(rig.plant.defects)
    usual = {
        "judging": Judging(),
        "dut.thresholds": Thresholds(),
        "plant": PlantConfig(),
        "plant.defects": PlantDefects(),
    }
    found = [
        Moved(f"[{name}] {key}", value, "the suite's own value", getattr(usual[name], key))
        for name, table in tables.items()
        for key, value in table.items()
        if value != getattr(usual[name], key)
    ]
    most_w, rated_w = rig.safety.max_power_w, rig.inverter.rated_power_w
    return (
        [*found, Moved("[safety] max_power_w", most_w, "the inverter's rating", rated_w)] if most_w < rated_w else found
    )


def not_claimed(dut: Dut, requirement: str, needs: str) -> str:
    """The entry of the rig file that excludes this requirement, quoted; "" where it is claimed. needs: what it needs, or ""."""
    if dut.claims is not None and requirement not in dut.claims:
        return f"[dut] claims = {json.dumps(dut.claims)}"
    claim = dut.supports.get(needs, False) if needs else True
    return "" if claim else f"[dut.supports] {needs} = {json.dumps(claim)}"
