"""What all faults of the wire itself have: a condition for a bus with physics, and a readback from the wire's own counters.

They need `physics = true` in the rig's [bus.main]; elsewhere an injection is refused. The faults of frames (`EmiNoise`,
`BmsSilence`) work on every bus: they change what the BMS hands over, not what happens on the wires.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from v2g_bench.can.physics.condition import Condition
from v2g_bench.errors import BenchError
from v2g_bench.faults.base import Fault

NODES = ("bms", "ems", "bench")


@dataclass(frozen=True)
class WireExpectation:
    """Measures of the wire since the injection, each within its (low, high), both included.

    Measures: destroyed, frames (counts since then), load_pct, ohm (between the wires), and of each node NODE.tec,
    NODE.errors, NODE.attempts (since then), NODE.off (1 while it is off or has been since then).
    """

    bounds: Mapping[str, tuple[float, float]]
    window_s: float = 0.0

    def met_by(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
        """Whether two statuses of the wire show it; False if one lacks a measure, or too little time is between them."""
        if now["time_s"] - before["time_s"] < self.window_s:
            return False
        measured = {name: measure(name, before, now) for name in self.bounds}
        return all(
            value is not None and low <= value <= high
            for value, (low, high) in zip(measured.values(), self.bounds.values(), strict=True)
        )

    def __str__(self) -> str:
        bounds = ", ".join(f"{name} in {low:g}..{high:g}" for name, (low, high) in self.bounds.items())
        return f"on the wire: {bounds}"


def measure(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> float | None:
    """One measure of the wire between two statuses; None if there is no such node."""
    node, dot, what = name.rpartition(".")
    if not dot:
        return float(now[name]) if name in ("load_pct", "ohm") else float(now[name] - before[name])
    if node not in now["nodes"]:
        return None
    found = now["nodes"][node]
    then = before["nodes"].get(node, {})
    if what == "off":
        return float(found["state"] == "off" or found["restarts"] > then.get("restarts", 0))
    return float(found[what]) if what == "tec" else float(found[what] - then.get(what, 0))


class WireFault(Fault):
    """A fault of the wire, described by `condition`. silences: no frame of the BMS gets through while it acts."""

    @property
    def silences(self) -> bool:
        return False

    def condition(self) -> Condition:
        """What is wrong with the wire."""
        raise NotImplementedError

    def wire(self) -> Condition | None:
        return self.condition()

    def readback(self) -> WireExpectation:
        """Frames are destroyed."""
        return WireExpectation({"destroyed": (1, math.inf)})

    def _check_node(self, field: str = "node") -> None:
        value = getattr(self, field)
        if value not in NODES:
            raise BenchError(f"fault {self.kind}", f"{field}={value!r} is no node", f"use {', '.join(NODES)}")
