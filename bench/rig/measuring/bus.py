"""`bench.bus`: what is on the controller's bus, as the bench's own node received it.

bench.bus.signal("soc")                     the latest value of a signal role
bench.bus.signals.above("soc", 75.0)        the first value above 75 % that the signal can carry
bench.bus.traffic(from_s, to_s).lost_pct()  what came of the BMS's cyclic frames
"""

from collections.abc import Mapping
from typing import Any

from v2g_bench.errors import NotTested
from v2g_bench.faults import BusWindow
from v2g_bench.rig.measuring.signals import Signals, require
from v2g_bench.rig.parts.protocol import Parts
from v2g_bench.rig.parts.traffic import protection, window


class SignalsRead:
    """Which signals a test has read since its last judged value: they belong to the basis of the next one."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, float]] = {}

    def add(self, role: str, value: float, at_s: float) -> None:
        """One value, read at this time (bench clock)."""
        self._last[role] = value, at_s

    def clear(self) -> None:
        """What was read up to now is no part of what is judged."""
        self._last.clear()

    def take(self) -> list[tuple[str, float, float]]:
        """(role, value, bench clock) of every signal that was read since the last call, the last of each role."""
        last, self._last = self._last, {}
        return [(role, value, at_s) for role, (value, at_s) in last.items()]


class Bus:
    """The controller's bus, for a test. signals: what its database lets a signal say, and how often it came."""

    def __init__(self, parts: Parts, read: SignalsRead) -> None:
        self._parts, self._read = parts, read
        self.signals = Signals(parts)

    def signal(self, role: str) -> float:
        """The latest value of a signal role; NotTested where the database lacks it, BenchError where the bus is silent."""
        self.needs(role)
        value = self._parts.bus.latest(role)
        self._read.add(role, value, self.now_s())
        return value

    def needs(self, *roles: str) -> None:
        """NotTested where the BMS's database has not all of these signal roles."""
        require(self._parts.bus.db, *roles)

    def needs_protected_frames(self) -> None:
        """NotTested where the BMS's database has no end-to-end protection: nobody could tell a damaged frame there."""
        if not any(spec.e2e for spec in self._parts.bus.db.senders("BMS")):
            raise NotTested(
                f"{self._parts.bus.db.path.name} protects no frame of the BMS: damage cannot be told from data"
            )

    def traffic(self, from_s: float, to_s: float) -> BusWindow:
        """What came of the BMS's cyclic frames between these times (bench clock); BenchError where the capture's memory
        does not reach back to a second before the first.
        """
        return window(self._parts.bus.db, self._parts.bus.capture.frames(since_s=from_s - 1.0), from_s, to_s)

    def unprotected_commands(self, over_s: float) -> tuple[int, list[str]]:
        """How many protected frames the controller sent in that time from now, and what was wrong with which."""
        specs = [spec for spec in self._parts.bus.db.senders("EMS") if spec.e2e is not None]
        if not specs:
            raise NotTested(f"{self._parts.bus.db.path.name} protects no frame of the controller")
        since_s = self.now_s()
        with self._parts.bus.capture.holding(since_s):
            self._parts.clock.pause(over_s)
            return protection(self._parts.bus.capture.frames(since_s=since_s), specs)

    def wire(self) -> Mapping[str, Any]:
        """The wire of a bus with physics as it is now: load, counts, and each node's error counters."""
        if self._parts.world.plant is None or not self._parts.loaded.rig.physics:
            raise NotTested("this rig's bus has no physics")
        return self._parts.world.plant.client.wire()

    def now_s(self) -> float:
        """The time now on the bench clock, which the times of frames are on (s)."""
        return self._parts.clock.now_s()
