"""A SunSpec register image: the marker, the models one after another, the end model. No I/O, no clock, no behaviour.

Values are reached by the point's key and in engineering units (the scale factors are applied here and nowhere else);
what Modbus reads and writes are plain registers. A write is checked as a whole before any of it is stored.

>>> image = RegisterImage(40000, {704: 1})
>>> image.put("704.WSet_SF", 0); image.put("704.WSet", -3000)
>>> image.number("704.WSet"), image.address("704.WSet")
(-3000.0, 40026)
>>> image.read(40026, 2)
[65535, 62536]
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from v2g_bench.inverter.codes import ExceptionCode, ModbusException
from v2g_bench.inverter.points import Point, from_registers, model_points, to_registers

SUNS = (0x5375, 0x6E53)  # "SunS"
END_MODEL = 0xFFFF
HEADER_REGISTERS = 2  # ID and L precede the L registers of a model


class RegisterImage:
    """The registers of one device from `base` on, all "not implemented" but for identifiers and lengths.

    models: model number -> how often its counted group is repeated.
    """

    def __init__(self, base: int, models: Mapping[int, int]) -> None:
        self.base = base
        self._registers = list(SUNS)
        self._at: dict[str, tuple[int, Point]] = {}  # key -> index of its first register, point
        self._owner: list[tuple[int, Point] | None] = [None, None]
        self.model_ranges: dict[int, range] = {}  # addresses that a model occupies, header included
        for model_id, repeats in models.items():
            self._append(model_id, repeats)
        self._registers += [END_MODEL, 0]
        self._owner += [None, None]
        self._scales: dict[str, int] = {}

    def _append(self, model_id: int, repeats: int) -> None:
        points = model_points(model_id, repeats)
        start = len(self._registers)
        length = points[-1].offset + points[-1].size
        for point in points:
            self._at[point.key] = (start + point.offset, point)
            self._registers += to_registers(point, None)
            self._owner += [(start + point.offset, point)] * point.size
        self._registers[start : start + HEADER_REGISTERS] = [model_id, length - HEADER_REGISTERS]
        self.model_ranges[model_id] = range(self.base + start, self.base + start + length)

    def address(self, key: str) -> int:
        """The address of the first register of a point."""
        return self.base + self._at[key][0]

    def point(self, key: str) -> Point:
        """The layout of a point."""
        return self._at[key][1]

    def raw(self, key: str) -> int | str | None:
        """The value as stored, unscaled; None if not implemented."""
        index, point = self._at[key]
        return from_registers(point, self._registers[index : index + point.size])

    def number(self, key: str, absent: float = 0.0) -> float:
        """The value in engineering units; `absent` if it is not implemented."""
        raw = self.raw(key)
        return absent if raw is None else float(raw) * self._factor(self.point(key))

    def put(self, key: str, value: float | str | None) -> None:
        """Store a value in engineering units; None and NaN become "not implemented"."""
        index, point = self._at[key]
        if value is not None and not isinstance(value, str):
            value = value / self._factor(point)
        self._registers[index : index + point.size] = to_registers(point, value)
        if point.kind == "sunssf":
            self._scales.clear()

    def scaled(self, point: Point, registers: Sequence[int]) -> float:
        """Registers of a point in engineering units; NaN if they hold "not implemented"."""
        raw = from_registers(point, registers)
        return float("nan") if raw is None or isinstance(raw, str) else raw * self._factor(point)

    def _factor(self, point: Point) -> float:
        if point.scale is None:
            return 1.0
        if isinstance(point.scale, int):
            return power_of_ten(point.scale)
        key = f"{point.model}.{point.scale}"
        if key not in self._scales:
            self._scales[key] = int(self.raw(key) or 0)
        return power_of_ten(self._scales[key])

    def read(self, address: int, count: int) -> list[int]:
        """`count` registers from `address`; exception 2 where the map has none."""
        first = self._index(address, count)
        return self._registers[first : first + count]

    def points_written(self, address: int, values: Sequence[int]) -> list[tuple[Point, list[int]]]:
        """The points that a write would set, each with its new registers; nothing is stored.

        Exception 2: outside of the map, read-only, or not implemented (unless the write leaves it so).
        Exception 3: only a part of a point that has several registers.
        """
        first = self._index(address, len(values))
        written, index = [], first
        while index < first + len(values):
            owner = self._owner[index]
            if owner is None or not owner[1].writable:
                name = owner[1].key if owner else "the SunSpec marker or end"
                raise ModbusException(ExceptionCode.ILLEGAL_DATA_ADDRESS, f"{name} is read-only")
            start, point = owner
            registers = list(values[start - first : start - first + point.size]) if start >= first else []
            if len(registers) != point.size:
                raise ModbusException(ExceptionCode.ILLEGAL_DATA_VALUE, f"only a part of {point.key} was written")
            absent = to_registers(point, None)
            if self._registers[start : start + point.size] == absent and registers != absent:
                raise ModbusException(ExceptionCode.ILLEGAL_DATA_ADDRESS, f"{point.key} is not implemented")
            written.append((point, registers))
            index = start + point.size
        return written

    def store(self, address: int, values: Sequence[int]) -> None:
        """Set registers that `points_written` has let pass."""
        first = self._index(address, len(values))
        self._registers[first : first + len(values)] = values

    def _index(self, address: int, count: int) -> int:
        first = address - self.base
        if first < 0 or count < 1 or first + count > len(self._registers):
            wanted = f"{address} to {address + count - 1}"
            raise ModbusException(ExceptionCode.ILLEGAL_DATA_ADDRESS, f"no registers at {wanted}")
        return first


@lru_cache(maxsize=32)
def power_of_ten(exponent: int) -> float:
    """10**exponent as the nearest float: 0.1 for -1, not a product of rounded factors."""
    return float(f"1e{exponent}")
