"""Which faults act on the plant, from when on, and how strongly now. A core without I/O.

An injection is pending until its time, then active until it is cleared:

    pending --(its time)--> active --(clear)--> gone;  pending --(clear)--> gone

All active injections act together. Where two force the same sensor, the younger one wins; clearing it brings the older
one back. Settings of the transmit path combine.

A BMS derives flags and limits from what it senses. With an injection that is to be `alone` they stay as they were: else a
cell at 55 °C ends the power by an over-current flag, and nobody sees whether the controller minds the cell.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Protocol

from v2g_bench.bms.disturbance import QUIET, DisturbanceSettings
from v2g_bench.can.physics.condition import Condition, WireControl
from v2g_bench.errors import BenchError
from v2g_bench.faults.base import Fault, Overrides

RAMP_STEP_S = 0.01
DERIVED = (
    "over_current",
    "cell_imbalance",
    "charge_power_limit",
    "discharge_power_limit",
    "discharge_power_continuous",
)


class Overridable(Protocol):
    """What the BMS can be made to sense; `v2g_bench.plant.sensors.SensorOverrides`."""

    def set(self, name: str, value: float, index: int | None = None) -> None:
        """Force a sensor."""

    def clear(self, name: str, index: int | None = None) -> None:
        """Let it be sensed again."""

    def each(self, wanted: Overrides, /) -> Overrides:
        """The same with an entry for every cell or module where one stands for all; BenchError for what is not there."""


class Path(Protocol):
    """What the frames go through; `v2g_bench.bms.disturbance.Disturbance`."""

    settings: DisturbanceSettings


@dataclass
class Injection:
    """One fault from `at_s` (bench clock) on. seen: the roles just before, known when it has begun."""

    number: int
    fault: Fault
    at_s: float
    seen: Mapping[str, float] = field(default_factory=dict)
    active: bool = False
    alone: bool = False

    def derived(self) -> Overrides:
        """What the BMS goes on deriving of its pack, where this injection is to be the only thing that changes."""
        if not self.alone:
            return {}
        kept: Overrides = {(role, None): self.seen[role] for role in DERIVED if role in self.seen}
        if not self.seen.get("cell_imbalance"):
            kept["imbalance_code", None] = 0.0  # nor does it store a code that is read by diagnostics
        return kept


class Injector:
    """Holds the injections and applies them. `seen()` gives the roles as the BMS reports them now; wire: of a bus with
    physics.
    """

    def __init__(
        self,
        overrides: Overridable,
        path: Path,
        seen: Callable[[], Mapping[str, float]],
        wire: WireControl | None = None,
    ) -> None:
        self._overrides, self._path, self._seen, self._wire = overrides, path, seen, wire
        self.wire_conditions: list[Condition] = []
        self._injections: dict[int, Injection] = {}
        self._numbers = 0
        self._applied: Overrides = {}
        self._ramps_until_s = float("-inf")
        self._updated_s = float("-inf")
        # When `update` has something to do again: an injection begins, or a ramp moves on; inf if nothing will.
        self.next_due_s = float("inf")

    def inject(self, fault: Fault, at_s: float, now_s: float, *, alone: bool = False) -> int:
        """Let `fault` begin at `at_s`, at once if that is not later than `now_s`; the injection's number.

        alone: without the flags and limits that the BMS would derive of it.
        BenchError if the pack has no such sensor (a cell that it does not have), or the bus no physics.
        """
        if fault.wire() is not None and self._wire is None:
            raise BenchError(
                f"fault {fault.kind}", "this bus has no wire that could be disturbed", "use a rig with physics = true"
            )
        try:
            self._overrides.each(fault.senses(0.0, {}))
        except BenchError as error:
            raise BenchError(f"fault {fault.kind}: {error.where}", error.what, error.hint) from None
        self._numbers += 1
        self._injections[self._numbers] = Injection(self._numbers, fault, at_s, alone=alone)
        self.next_due_s = min(self.next_due_s, at_s)
        self.update(now_s)
        return self._numbers

    def clear(self, number: int, now_s: float) -> None:
        """Take one injection back; BenchError if there is none of that number."""
        if self._injections.pop(number, None) is None:
            known = ", ".join(map(str, self._injections)) or "none"
            raise BenchError("injection", f"there is no number {number}", f"there are: {known}; was it cleared before?")
        self._apply(now_s)

    def clear_all(self, now_s: float) -> None:
        """Take all injections back."""
        self._injections.clear()
        self._apply(now_s)

    def update(self, now_s: float) -> None:
        """Begin what is due, and move ramps on."""
        if now_s < self.next_due_s and self._updated_s >= self._ramps_until_s:
            return
        begun = [one for one in self._injections.values() if not one.active and one.at_s <= now_s]
        if begun:
            seen = dict(self._seen())
            for one in begun:
                one.active, one.seen = True, seen
        if begun or self._updated_s < self._ramps_until_s:
            self._apply(now_s)

    def active(self) -> list[dict[str, Any]]:
        """The injections as data, pending ones included."""
        return [
            {"number": one.number, "at_s": one.at_s, "active": one.active, "fault": one.fault.to_dict()}
            for one in self._injections.values()
        ]

    def _apply(self, now_s: float) -> None:
        active = [one for one in self._injections.values() if one.active]
        wanted: Overrides = {}
        for one in active:
            wanted |= one.derived()
        for one in active:
            wanted |= self._overrides.each(one.fault.senses(now_s - one.at_s, one.seen))
        for name, index in self._applied.keys() - wanted.keys():
            self._overrides.clear(name, index)
        for (name, index), value in wanted.items():
            if self._applied.get((name, index)) != value:
                self._overrides.set(name, value, index)
        self._applied = wanted
        paths = [settings for one in active if (settings := one.fault.transmit()) is not None]
        conditions = [condition for one in active if (condition := one.fault.wire()) is not None]
        if self._wire is not None and conditions != self.wire_conditions:
            self._wire.set(conditions)
        self.wire_conditions = conditions
        self._path.settings = reduce(DisturbanceSettings.joined, paths) if paths else QUIET
        self._ramps_until_s = max(
            (one.at_s + one.fault.full_after_s(one.seen) for one in active), default=float("-inf")
        )
        self._updated_s = now_s
        self.next_due_s = min((one.at_s for one in self._injections.values() if not one.active), default=float("inf"))
        if now_s < self._ramps_until_s:
            self.next_due_s = min(self.next_due_s, now_s + RAMP_STEP_S)
