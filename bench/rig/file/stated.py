"""What a rig file states of every run on it: a run writes this into its results, and `v2g-bench verify` compares the two.

>>> from v2g_bench.rig.file.load import load_rig
>>> rig = load_rig("virtual").rig
>>> clock_of(rig, "Linux 6.1"), thresholds_of(rig)["judging.isolation_fraction"], not_claimed(rig.dut, "SAF-01", "")
('real', '0.05', '')
"""

import json

from v2g_bench.rig.file.model import Dut, Rig


def clock_of(rig: Rig, kernel: str) -> str:
    """Whose time it is: real or virtual. kernel: how `v2g-bench kernel` describes the one that it booted, or any other."""
    return "virtual" if rig.simulated or "virtual clock" in kernel else "real"


def thresholds_of(rig: Rig) -> dict[str, str]:
    """Every figure that a run is judged by, as text: those of [dut.thresholds], and those of [judging] after `judging.`."""
    judging = {f"judging.{key}": value for key, value in rig.judging.model_dump().items()}
    return {key: str(value) for key, value in (rig.dut.thresholds.model_dump() | judging).items()}


def moved_keys(rig: Rig) -> list[str]:
    """`[table] key` of every figure that the rig file moves away from the suite's own value; `trials` has a rule of its own."""
    tables = {"judging": rig.judging, "dut.thresholds": rig.dut.thresholds}
    return [
        f"[{name}] {key}"
        for name, table in tables.items()
        for key, value in table.model_dump().items()
        if value != getattr(type(table)(), key) and key != "trials"
    ]


def not_claimed(dut: Dut, requirement: str, needs: str) -> str:
    """The entry of the rig file that excludes this requirement, quoted; "" where it is claimed. needs: what it needs, or ""."""
    if dut.claims is not None and requirement not in dut.claims:
        return f"[dut] claims = {json.dumps(dut.claims)}"
    claim = dut.supports.get(needs, False) if needs else True
    return "" if claim else f"[dut.supports] {needs} = {json.dumps(claim)}"
