"""What every fault has: a kind, a form as data, checks of its values, what it shows on the bus, and its readback."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from v2g_bench.bms.disturbance import DisturbanceSettings
from v2g_bench.can.physics.condition import Condition
from v2g_bench.can.roles import close_to
from v2g_bench.errors import BenchError
from v2g_bench.faults.expectation import BusExpectation, Expectation
from v2g_bench.inputs.packages import PAGE
from v2g_bench.inputs.ranges import MOST_PARTS, Within

if TYPE_CHECKING:
    from v2g_bench.faults.expectation import CountExpectation, WireExpectation

Seen = Mapping[str, float]
"""Roles as decoded from the bus, canonical units."""
Overrides = dict[tuple[str, int | None], float]
"""(name, index from 1 or None) -> value; the names are those of `v2g_bench.plant.sensors.SensorOverrides`.

None where there is nothing to count, and for every cell or module: how many there are the pack alone knows.
"""

HEALTHY: Seen = MappingProxyType({"cell_temperature_max": 25.0, "cell_temperature_min": 25.0, "soc": 50.0})
"""What a quiet pack shows, for a fault that is described before any frame was seen."""


class Level(NamedTuple):
    """A field of a fault that is the value of one role: so many canonical units per unit of the field."""

    role: str
    field: str
    per: float = 1.0


@dataclasses.dataclass(frozen=True)
class Fault:
    """A thing wrong with the world, as data. Subclasses are frozen dataclasses whose fields are numbers.

    A fault changes what the BMS senses (`senses`), the path of its frames (`transmit`), or the wires (`wire`).
    """

    kind: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """The fault as JSON-ready data: its kind and its fields."""
        return {"kind": self.kind, **dataclasses.asdict(self)}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> "Fault":
        """The fault from its fields (without the kind); BenchError naming an unknown or a missing one."""
        names = {field.name: field for field in dataclasses.fields(cls)}
        for key in fields:
            if key not in names:
                raise BenchError(
                    f"fault {cls.kind}",
                    f"unknown field {key!r}",
                    close_to(key, names) or f"its fields: {', '.join(names)}",
                )
        for name, field in names.items():
            if name not in fields and field.default is dataclasses.MISSING:
                raise BenchError(f"fault {cls.kind}", f"field {name!r} is missing", f"its fields: {', '.join(names)}")
        return cls(**fields)

    def senses(self, elapsed_s: float, seen: Seen) -> Overrides:
        """What the BMS is made to sense `elapsed_s` after the injection, given the roles just before it."""
        return {}

    def transmit(self) -> DisturbanceSettings | None:
        """What it does to the frames that the BMS sends; None if nothing."""
        return None

    def wire(self) -> Condition | None:
        """What it does to the wires of a bus with physics; None if nothing."""
        return None

    def signals(self, seen: Seen = HEALTHY) -> dict[str, float]:
        """Role -> value that the full fault shows on the bus, in canonical units.

        seen: the roles that the BMS sends without the fault, for faults that are relative to them. This is what a
        gateway in front of a real BMS has to write.
        """
        return {}

    def level(self) -> Level | None:
        """The field that is the value of one signal, so that the database's steps decide on it; None if there is none."""
        return None

    def on_the_bus(self) -> bool:
        """False for a fault of the battery itself that none of its frames carries."""
        return bool(self.signals()) or self.transmit() is not None

    def readback(self) -> "Expectation | BusExpectation | CountExpectation | WireExpectation":
        """What must be seen on the bus before the fault counts as injected."""
        raise lacks(type(self), "readback()")

    def full_after_s(self, seen: Seen = HEALTHY) -> float:
        """How long after the injection the fault is at its full value (ramps); 0 for a step."""
        return 0.0

    def check_index(self, field: str) -> None:
        """BenchError unless the field counts a part; whether this pack has it is known where the fault is injected."""
        self.check(field, 1, MOST_PARTS, whole=True)

    def check(self, field: str, low: float, high: float, *, whole: bool = False) -> None:
        """BenchError unless the field is a number within low..high (and whole, if asked for)."""
        limits = Within(low, high)
        try:
            limits.of(int if whole else float, getattr(self, field))
        except ValueError as error:
            raise BenchError(f"fault {self.kind}: {field}", str(error)) from None


def require_whole(kind: type[Fault]) -> None:
    """BenchError unless a class of faults is a dataclass, changes something, and states how the bus proves it."""
    if not dataclasses.is_dataclass(kind) or "__dataclass_fields__" not in vars(kind):
        raise lacks(kind, "@dataclass(frozen=True)")
    if kind.readback is Fault.readback:
        raise lacks(kind, "readback()")
    effects = ("senses", "transmit", "wire")
    if all(getattr(kind, name) is getattr(Fault, name) for name in effects):
        raise lacks(kind, f"what it changes, one of {', '.join(f'{name}()' for name in effects)}")


def lacks(kind: type[Fault], what: str) -> BenchError:
    """The error of a class of faults without this."""
    return BenchError(
        f"fault {getattr(kind, 'kind', kind.__name__)}",
        f"class {kind.__module__}:{kind.__qualname__} lacks {what}",
        f"write what is missing, as {PAGE} shows it",
    )


def ramp_s(full: float, start: float, rate_per_s: float) -> float:
    """How long `ramped` takes from `start` to `full`, in s."""
    return abs(full - start) / rate_per_s if rate_per_s > 0 else 0.0


def ramped(full: float, start: float, rate_per_s: float, elapsed_s: float) -> float:
    """`start` moving towards `full` at `rate_per_s` (a magnitude); a rate of 0 means a step."""
    if rate_per_s <= 0:
        return full
    moved = rate_per_s * max(0.0, elapsed_s)
    return min(full, start + moved) if full >= start else max(full, start - moved)
