"""`bench.bus`: what is on the controller's bus, as the bench's own node received it.

bench.bus.signal("soc")                     the latest value of a signal role
bench.bus.traffic(from_s, to_s).lost_pct()  what came of the BMS's cyclic frames
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from v2g_bench.can.codec import SignalCodec
from v2g_bench.errors import BenchError, NotTested
from v2g_bench.faults import BusWindow
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
    """The controller's bus, for a test."""

    def __init__(self, parts: Parts, read: SignalsRead) -> None:
        self._parts, self._read = parts, read

    def signal(self, role: str) -> float:
        """The latest value of a signal role; NotTested where the database lacks it, BenchError where the bus is silent."""
        self.needs(role)
        value = self._parts.bus.latest(role)
        self._read.add(role, value, self.now_s())
        return value

    def resolution(self, role: str) -> float:
        """How far apart two values of a signal role are at least; NotTested where the database lacks it."""
        self.needs(role)
        return self._parts.bus.db.resolution(role)

    def above(self, role: str, limit: float, counts: int = 1) -> float:
        """The value of the role (canonical unit) that is `counts` counts of its signal beyond `limit`, upwards.

        1: the first value above it; 0: the highest that is not above it. So a test states on which side of a limit its
        stimulus is, and the database does not round it to the other one. NotTested where no such count is left.
        """
        return self._beside(role, lambda codec: codec.above(limit, counts))

    def below(self, role: str, limit: float, counts: int = 1) -> float:
        """As `above`, downwards: 1 is the first value below the limit, 0 the lowest that is not below it."""
        return self._beside(role, lambda codec: codec.below(limit, counts))

    def _beside(self, role: str, value: Callable[[SignalCodec], float]) -> float:
        self.needs(role)
        try:
            return value(self._parts.bus.db.codec(role))
        except ValueError as error:
            raise NotTested(f"{self._parts.bus.db.path.name}: {error}") from None

    def silences(self, role: str) -> tuple[int, ...]:
        """The counts by which the BMS states that it has no value of a role; NotTested where its database has none."""
        self.needs(role)
        if found := self._parts.bus.db.codec(role).silences():
            return found
        raise NotTested(f"{self._parts.bus.db.path.name} has no count that means: no value of {role}")

    def count(self, role: str, value: float) -> int:
        """The count of the role's signal for a value that it can carry; NotTested where it cannot."""
        self.needs(role)
        try:
            return self._parts.bus.db.codec(role).count(value)
        except ValueError as error:
            raise NotTested(f"{self._parts.bus.db.path.name}: {error}") from None

    def cycle_s(self, role: str) -> float:
        """The cycle of the message that carries a role, by the database (s); NotTested where it states none."""
        self.needs(role)
        if cycle_s := self._parts.bus.db.message_of(role).cycle_s:
            return cycle_s
        raise NotTested(f"{self._parts.bus.db.path.name} states no cycle of the message with {role}")

    def longest_gap_s(self, role: str, from_s: float, to_s: float) -> float:
        """The longest time between two frames with this role in that time (bench clock), in s; BenchError with fewer."""
        spec = self._parts.bus.db.message_of(role)
        frames = self._parts.bus.capture.frames(spec.frame_id, from_s, is_extended=spec.is_extended)
        times_s = frames.timestamp_s[frames.timestamp_s <= to_s]
        if len(times_s) < 2:
            raise BenchError("bus", f"fewer than two frames with {role} in {to_s - from_s:g} s", "is its sender alive?")
        return float(np.max(np.diff(times_s)))

    def carries(self, role: str) -> bool:
        """Whether the database has this signal role, for what a test looks at beside its subject."""
        return self._parts.bus.db.has(role)

    def needs(self, *roles: str) -> None:
        """NotTested where the BMS's database has not all of these signal roles."""
        if missing := [role for role in roles if not self._parts.bus.db.has(role)]:
            raise NotTested(f"{self._parts.bus.db.path.name} has no signal for {', '.join(missing)}")

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
