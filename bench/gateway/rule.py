"""What the gateway does to frames of the BMS, as data; and how a fault becomes that.

A rule acts on whole messages (`drop`, `delay_ms`, `repeats`) or on signals (`write`, `invert`). Where a message is
protected end to end, `crc` and `counter` decide whether the receiver can detect the change:

    crc       mended    right for the new content: the receiver accepts it
              stale     as the BMS computed it: wrong, unless nothing was changed
    counter   kept      as the BMS counted: a dropped frame is a gap, a repeated one repeats
              continued counts what leaves: drops and repeats cannot be detected by it
              frozen    stays at its value of the first frame

A frame that arrives with a wrong CRC leaves with a wrong one: the gateway never repairs damage.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

from v2g_bench.can.roles import close_to
from v2g_bench.errors import BenchError
from v2g_bench.faults.base import Fault, Seen
from v2g_bench.inputs.ranges import ANY, Ranged, Within
from v2g_bench.inputs.ranges import shown as quoted

Crc = Literal["mended", "stale"]
Counter = Literal["kept", "continued", "frozen"]


@dataclass(frozen=True)
class Rule(Ranged):
    """messages: names in the database that drop, delay_ms and repeats act on. write: role -> value in its canonical unit.
    invert: roles whose bits are all inverted. crc and counter hold for every message that the rule touches.
    """

    WHERE = "gateway rule"

    messages: tuple[str, ...] = ()
    drop: bool = False
    delay_ms: Annotated[float, Within(0, 10_000)] = 0.0
    repeats: Annotated[int, Within(0, 100)] = 0
    write: Mapping[str, Annotated[float, ANY]] = field(default_factory=dict)
    invert: tuple[str, ...] = ()
    crc: Crc = "mended"
    counter: Counter = "kept"

    def __post_init__(self) -> None:
        Ranged.__post_init__(self)
        if (self.drop or self.delay_ms or self.repeats or self.counter != "kept") and not (
            self.messages or self.write or self.invert
        ):
            raise BenchError("gateway rule", "names no message", 'for instance messages = ["BMS_Safety"]')
        for role, value in self.write.items():
            if value not in ANY:
                raise BenchError(f"gateway rule: write.{role}", f"{quoted(value)} is not a number {ANY}")
        if self.crc not in ("mended", "stale") or self.counter not in ("kept", "continued", "frozen"):
            raise BenchError(
                "gateway rule",
                f"crc={self.crc!r}, counter={self.counter!r}",
                "crc is mended or stale, counter is kept, continued or frozen",
            )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, all fields."""
        return asdict(self)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Rule":
        """From `to_dict`; BenchError for a key that a rule has not."""
        known = cls.__dataclass_fields__
        for key in data:
            if key not in known:
                hint = close_to(key, list(known)) or f"its keys: {', '.join(known)}"
                raise BenchError("gateway rule", f"unknown key {key!r}", hint)
        tuples = {key: tuple(data[key]) for key in ("messages", "invert") if key in data}
        return cls(**{**data, **tuples})


def shown(fault: Fault, full_s: float, elapsed_s: float, live: Seen) -> dict[str, float]:
    """Role -> value that the fault shows `elapsed_s` after it began, over what the BMS itself sends now (`live`).

    full_s: when it is at its full value. A ramp moves each role from the BMS's own value towards the full one, so that a
    gateway and an emulated BMS arrive at the same time.
    """
    full = fault.signals(live)
    if elapsed_s >= full_s:
        return full
    share = max(0.0, elapsed_s) / full_s
    return {role: (now := live.get(role, value)) + share * (value - now) for role, value in full.items()}
