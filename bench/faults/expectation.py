"""What must be seen on the bus before a fault counts as injected: an expectation, and whether it was met.

`Expectation` is about a value that a signal role carries, `BusExpectation` about the traffic itself. Both are judged by
pure functions over what the bench captured, never over what the injector reports about itself. An empty capture never
meets an expectation.

>>> Expectation("cell_temperature_max", ">=", 45.5, tolerance=0.1).met_by({"cell_temperature_max": 45.5})
True
>>> Expectation("cell_temperature_max", ">=", 45.5, tolerance=0.1).met_by({})
False
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Op = Literal["==", ">=", "<="]
# Source: the V2G manual, Admin Desk, emergency shutdown; exactly at them is no danger yet.
DANGEROUS_ABOVE: Mapping[str, float] = {"cell_temperature_max": 45.0, "string_voltage_difference": 0.3}


@dataclass(frozen=True)
class Expectation:
    """The role's value compared with `value`, in the role's canonical unit, within `tolerance`.

    minus: subtract this role first (a difference of two roles). change: judge the change since before the fault.
    """

    role: str
    op: Op
    value: float
    tolerance: float = 0.0
    minus: str = ""
    change: bool = False

    def met_by(self, seen: Mapping[str, float], before: Mapping[str, float] | None = None) -> bool:
        """Whether the decoded roles `seen` (and those from before the fault) show it; False if a role is missing."""
        now = self.quantity(seen, before)
        if now is None:
            return False
        if self.op == "==":
            return abs(now - self.value) <= self.tolerance
        if self.op == ">=":
            return now >= self.value - self.tolerance
        return now <= self.value + self.tolerance

    def at_resolution(self, step: float) -> "Expectation":
        """The same, for a signal whose counts are `step` apart: no tighter than what a rounded value can show."""
        return replace(self, tolerance=max(self.tolerance, (1.0 if self.minus or self.change else 0.5) * step))

    def roles(self) -> list[str]:
        """The roles that must be seen."""
        return [self.role] + ([self.minus] if self.minus else [])

    @property
    def what(self) -> str:
        """What is compared, in words."""
        what = f"{self.role} - {self.minus}" if self.minus else self.role
        return f"change of {what}" if self.change else what

    def quantity(self, seen: Mapping[str, float], before: Mapping[str, float] | None = None) -> float | None:
        """What is compared with `value`, from the decoded roles; None if a role is missing."""
        now, then = self._of(seen), self._of(before or {}) if self.change else 0.0
        return None if now is None or then is None else now - then

    def _of(self, values: Mapping[str, float]) -> float | None:
        if self.role not in values or (self.minus and self.minus not in values):
            return None
        return values[self.role] - (values[self.minus] if self.minus else 0.0)

    def __str__(self) -> str:
        return f"{self.what} {self.op} {self.value:g} (± {self.tolerance:g})"


@dataclass(frozen=True)
class BusWindow:
    """What was captured of the BMS's cyclic frames during `window_s` seconds.

    expected: by the cycle times; received: all that arrived, bad: those whose end-to-end check failed, repeated: those
    that repeated a counter; spread_ms: how far frames are from their message's even cycle, from the 10th to the 90th
    percentile (a single stalled frame is no jitter), for the worst message. out_of_step: those whose counter is neither
    the next one nor repeated; short: those with fewer bytes than the database has.
    """

    window_s: float
    expected: int
    received: int
    bad: int = 0
    repeated: int = 0
    spread_ms: float = 0.0
    out_of_step: int = 0
    short: int = 0

    def lost_pct(self) -> float:
        """Frames that did not arrive, in percent of those expected; 0 if none was expected."""
        if self.expected <= 0:
            return 0.0
        return 100.0 * max(0, self.expected - (self.received - self.repeated)) / self.expected

    def share_pct(self, count: int) -> float:
        """`count` in percent of the frames expected; 0 if none was expected."""
        return 100.0 * count / self.expected if self.expected > 0 else 0.0


def spread_ms(timestamps_s: NDArray[np.float64], cycle_s: float) -> float:
    """How far one message's frames lie from an even cycle, from the 10th to the 90th percentile, in ms.

    Distances are taken around the circle of one cycle, so that a frame just before its slot is not a cycle late. Fewer
    than 10 frames show no spread (0).
    """
    if len(timestamps_s) < 10 or cycle_s <= 0:
        return 0.0
    turns = np.exp(2j * np.pi * (timestamps_s - timestamps_s[0]) / cycle_s)
    offsets_s = np.angle(turns / np.mean(turns)) * cycle_s / (2 * np.pi)
    low_s, high_s = np.percentile(offsets_s, (10, 90))
    return float(high_s - low_s) * 1e3


_MEASURES: dict[str, Callable[[BusWindow], float]] = {
    "lost_pct": BusWindow.lost_pct,
    "bad_pct": lambda window: window.share_pct(window.bad),
    "repeated_pct": lambda window: window.share_pct(window.repeated),
    "received": operator.attrgetter("received"),
    "spread_ms": operator.attrgetter("spread_ms"),
    "received_pct": lambda window: window.share_pct(window.received),
    "out_of_step": operator.attrgetter("out_of_step"),
    "out_of_step_pct": lambda window: window.share_pct(window.out_of_step),
    "short_pct": lambda window: window.share_pct(window.short),
}


@dataclass(frozen=True)
class BusExpectation:
    """Measures of the traffic over at least `window_s` seconds, each within its (low, high), both included.

    bounds: measure name -> (low, high); measures: lost_pct, bad_pct, repeated_pct, received, received_pct, spread_ms,
    out_of_step, out_of_step_pct, short_pct. scope: of which messages (`bms.tampering.Scope`).
    """

    window_s: float
    bounds: Mapping[str, tuple[float, float]]
    min_expected: int = 1
    scope: str = "all"

    def met_by(self, window: BusWindow) -> bool:
        """Whether the captured window shows it; False if it is too short or nothing was expected in it."""
        if window.window_s < self.window_s or window.expected < self.min_expected:
            return False
        return all(low <= _MEASURES[name](window) <= high for name, (low, high) in self.bounds.items())

    def __str__(self) -> str:
        bounds = ", ".join(f"{name} in {low:g}..{high:g}" for name, (low, high) in self.bounds.items())
        return f"over {self.window_s:g} s of frames: {bounds}"


@dataclass(frozen=True)
class CountExpectation:
    """A frame in which the signal of this role has this count."""

    role: str
    raw: int

    def __str__(self) -> str:
        return f"the count {self.raw:#x} of {self.role}"


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

    def next_before(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the status after `now` is compared with, where `now` has not shown it: a window that is over began before
        the fault was in force, and its traffic would stand against the fault for ever."""
        return now if 0 < self.window_s <= now["time_s"] - before["time_s"] else before

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
