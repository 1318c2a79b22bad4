"""SunSpec points: where they lie in a model, and how their values become registers and back.

The layout comes from the SunSpec Alliance's own model files, which pysunspec2 ships. "Not implemented" values are those
of the SunSpec Device Information Model Specification: a point that holds one carries no value.

>>> wset = {point.name: point for point in model_points(704)}["WSet"]
>>> wset.offset, wset.size, wset.kind, wset.writable
(24, 2, 'int32', True)
>>> to_registers(wset, -3000)
[65535, 62536]
>>> from_registers(wset, [0x8000, 0]) is None
True
"""

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import sunspec2  # type: ignore[import-untyped,unused-ignore]

# kind: (struct code, value that means "not implemented", lowest and highest value that means a value)
_NUMBERS: dict[str, tuple[str, int, int, int]] = {
    "int16": ("h", -0x8000, -0x7FFF, 0x7FFF),
    "uint16": ("H", 0xFFFF, 0, 0xFFFE),
    "count": ("H", 0xFFFF, 0, 0xFFFE),
    "acc16": ("H", 0, 1, 0xFFFF),
    "enum16": ("H", 0xFFFF, 0, 0xFFFE),
    "bitfield16": ("H", 0xFFFF, 0, 0x7FFF),
    "sunssf": ("h", -0x8000, -10, 10),
    "pad": ("H", 0x8000, 0x8000, 0x8000),
    "int32": ("i", -0x80000000, -0x7FFFFFFF, 0x7FFFFFFF),
    "uint32": ("I", 0xFFFFFFFF, 0, 0xFFFFFFFE),
    "acc32": ("I", 0, 1, 0xFFFFFFFF),
    "enum32": ("I", 0xFFFFFFFF, 0, 0xFFFFFFFE),
    "bitfield32": ("I", 0xFFFFFFFF, 0, 0x7FFFFFFF),
    "int64": ("q", -(1 << 63), -(1 << 63) + 1, (1 << 63) - 1),
    "uint64": ("Q", (1 << 64) - 1, 0, (1 << 64) - 2),
    "acc64": ("Q", 0, 1, (1 << 64) - 1),
}


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a model.

    offset: registers from the model's ID register. scale: the name of its scale-factor point, or a power of ten.
    states: the names of an enumeration's values.
    """

    model: int
    name: str
    offset: int
    size: int
    kind: str
    writable: bool = False
    scale: str | int | None = None
    states: Mapping[int, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Its name across models, as in `704.WSet` or `714.Prt[0].DCV`."""
        return f"{self.model}.{self.name}"


@lru_cache(maxsize=64)
def model_points(model_id: int, repeats: int = 1) -> tuple[Point, ...]:
    """The points of a SunSpec model in register order, header included; a counted group is laid out `repeats` times.

    Raises KeyError for a model that the SunSpec files do not define.
    """
    path = Path(sunspec2.__file__).parent / "models" / "json" / f"model_{model_id}.json"
    if not path.exists():
        raise KeyError(f"SunSpec defines no model {model_id}")
    group = json.loads(path.read_text(encoding="utf-8"))["group"]
    return tuple(_group_points(model_id, group, "", 0, repeats))


def _group_points(model_id: int, group: Mapping[str, Any], prefix: str, offset: int, repeats: int) -> list[Point]:
    points = []
    for spec in group.get("points", ()):
        states = {symbol["value"]: symbol["name"] for symbol in spec.get("symbols", ())}
        writable = spec.get("access") == "RW"
        kind, size = spec["type"], int(spec["size"])
        points.append(Point(model_id, prefix + spec["name"], offset, size, kind, writable, spec.get("sf"), states))
        offset += size
    for inner in group.get("groups", ()):
        counted = inner.get("count", 1) != 1
        for index in range(repeats if counted else 1):
            name = f"{prefix}{inner['name']}[{index}]." if counted else f"{prefix}{inner['name']}."
            points += _group_points(model_id, inner, name, offset, repeats)
            offset = points[-1].offset + points[-1].size
    return points


def limits(point: Point) -> tuple[int, int]:
    """The lowest and highest raw number that the point can hold as a value."""
    return _NUMBERS[point.kind][2:]


def to_registers(point: Point, value: float | str | None) -> list[int]:
    """The registers of a raw (already scaled) value; None and NaN are written as "not implemented".

    A number outside the type is held at its end, as a saturated converter does, so that it never turns into
    "not implemented" or the other sign.
    """
    if point.kind == "string":
        text = str(value or "").encode("utf-8")[: 2 * point.size]
        data = text.ljust(2 * point.size, b"\0")
    else:
        code, absent, low, high = _NUMBERS[point.kind]
        assert not isinstance(value, str), point.key
        missing = value is None or math.isnan(value)
        data = struct.pack(">" + code, absent if missing else max(low, min(high, round(value or 0))))
    return list(struct.unpack(f">{point.size}H", data))


def from_registers(point: Point, registers: Sequence[int]) -> int | str | None:
    """The raw value of a point's registers; None where they hold "not implemented"."""
    data = struct.pack(f">{point.size}H", *registers)
    if point.kind == "string":
        return data.split(b"\0")[0].decode("utf-8", errors="replace").rstrip() or None
    code, absent, _, _ = _NUMBERS[point.kind]
    (raw,) = struct.unpack(">" + code, data)
    return None if raw == absent else int(raw)
