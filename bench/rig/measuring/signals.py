"""`bench.bus.signals`: what the battery's database lets each signal role say, so that a stimulus is what the bus can carry.

bench.bus.signals.above("cell_temperature_max", 45.0)   the first value above 45 °C that the signal can carry
bench.bus.signals.silences("soc")                       the counts that mean: no value
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from v2g_bench.can.codec import SignalCodec
from v2g_bench.can.database import BusDatabase
from v2g_bench.errors import BenchError, NotTested
from v2g_bench.rig.parts.protocol import Parts

Value = TypeVar("Value", int, float)


def require(db: BusDatabase, *roles: str) -> None:
    """NotTested where a database has not all of these signal roles."""
    if missing := [role for role in roles if not db.has(role)]:
        raise NotTested(f"{db.path.name} has no signal for {', '.join(missing)}")


class Signals:
    """The signals of a rig's bus, by role; each method raises NotTested where the database lacks the role."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def has(self, role: str) -> bool:
        """Whether the database has this signal role, for what a test looks at beside its subject."""
        return self._db.has(role)

    def resolution(self, role: str) -> float:
        """How far apart two values of a signal role are at least."""
        require(self._db, role)
        return self._db.resolution(role)

    def above(self, role: str, limit: float, counts: int = 1) -> float:
        """The value of the role (canonical unit) that is `counts` counts of its signal beyond `limit`, upwards.

        1: the first value above it; 0: the highest that is not above it. So a test states on which side of a limit its
        stimulus is, and the database does not round it to the other one. NotTested where no such count is left.
        """
        return self._beside(role, lambda codec: codec.above(limit, counts))

    def below(self, role: str, limit: float, counts: int = 1) -> float:
        """As `above`, downwards: 1 is the first value below the limit, 0 the lowest that is not below it."""
        return self._beside(role, lambda codec: codec.below(limit, counts))

    def silences(self, role: str) -> tuple[int, ...]:
        """The counts by which the BMS states that it has no value of a role; NotTested where its database has none."""
        require(self._db, role)
        if found := self._db.codec(role).silences():
            return found
        raise NotTested(f"{self._db.path.name} has no count that means: no value of {role}")

    def count(self, role: str, value: float) -> int:
        """The count of the role's signal for a value that it can carry; NotTested where it cannot."""
        return self._beside(role, lambda codec: codec.count(value))

    def cycle_s(self, role: str) -> float:
        """The cycle of the message that carries a role, by the database (s); NotTested where it states none."""
        require(self._db, role)
        if cycle_s := self._db.message_of(role).cycle_s:
            return cycle_s
        raise NotTested(f"{self._db.path.name} states no cycle of the message with {role}")

    def longest_gap_s(self, role: str, from_s: float, to_s: float) -> float:
        """The longest time between two frames with this role in that time (bench clock), in s; BenchError with fewer."""
        require(self._db, role)
        spec = self._db.message_of(role)
        frames = self._parts.bus.capture.frames(since_s=from_s).carrying(spec)
        times_s = frames.timestamp_s[frames.timestamp_s <= to_s]
        if len(times_s) < 2:
            raise BenchError("bus", f"fewer than two frames with {role} in {to_s - from_s:g} s", "is its sender alive?")
        return float(np.max(np.diff(times_s)))

    def _beside(self, role: str, value: Callable[[SignalCodec], Value]) -> Value:
        require(self._db, role)
        try:
            return value(self._db.codec(role))
        except ValueError as error:
            raise NotTested(f"{self._db.path.name}: {error}") from None

    @property
    def _db(self) -> BusDatabase:
        return self._parts.bus.db
