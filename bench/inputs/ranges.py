"""What a number that comes from outside may be: finite, inside a stated range, and a number at all.

A field is annotated with its range, and each reader of it (a pydantic model, a dataclass below `Ranged`, an operation of a
control socket, a command line) refuses everything else with one sentence:

>>> Within(1, 65_535).whole(70_000)
Traceback (most recent call last):
ValueError: 70000 is not a whole number from 1 to 65535
>>> Within(0, 100, over=True).real(float("nan"))
Traceback (most recent call last):
ValueError: nan is not a number above 0, up to 100

Not a number is also: true and false, which Python counts as 1 and 0, and text, so that "nan" is none by another door.
The ranges below are wider than any rig that can be built: they find what cannot be meant (a unit that was mixed up, a sign,
a digit too many), they are no ratings.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from v2g_bench.errors import BenchError

if TYPE_CHECKING:
    from pydantic import ValidationInfo
    from pydantic_core import CoreSchema

_SHOWN = 60  # characters of a value in a message


def shown(value: object) -> str:
    """A value as a message quotes it: short, and without an exception for an integer of a million digits."""
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write more than 4300 digits
        text = f"an integer of {value.bit_length()} bits" if isinstance(value, int) else f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _figure(bound: float) -> str:
    """All digits of a whole bound, as far as a float has them."""
    return str(int(bound)) if math.isfinite(bound) and bound == int(bound) and abs(bound) < 1e19 else f"{bound:.15g}"


@dataclass(frozen=True)
class Within:
    """A range, in the unit that the field's name carries. over, under: that bound itself is not allowed."""

    low: float
    high: float
    over: bool = False
    under: bool = False

    def __str__(self) -> str:
        """The text for a message."""
        if (self.low, self.high) == (-math.inf, math.inf):
            return "of any size"
        low, high = _figure(self.low), _figure(self.high)
        if self.under:
            return f"{'above' if self.over else 'from'} {low}, below {high}"
        return f"above {low}, up to {high}" if self.over else f"from {low} to {high}"

    def __contains__(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        low = value > self.low if self.over else value >= self.low
        return low and (value < self.high if self.under else value <= self.high)

    def real(self, value: object) -> float:
        """The value as a float. ValueError with what was found and what is allowed."""
        if value not in self:
            raise ValueError(f"{shown(value)} is not a number {self}")
        try:
            return float(typing.cast(float, value))
        except OverflowError:  # an integer below a bound that is infinite
            raise ValueError(f"{shown(value)} is not a number {self}") from None

    def whole(self, value: object) -> int:
        """The value as an int, also where it was written 5e5. ValueError as for `real`."""
        if value not in self or value != int(typing.cast(float, value)):
            raise ValueError(f"{shown(value)} is not a whole number {self}")
        return int(typing.cast(float, value))

    def of(self, kind: Any, value: object) -> float:
        """`whole` for a field of type int, else `real`."""
        return self.whole(value) if kind is int else self.real(value)

    def real_text(self, text: str) -> float:
        """The `type` of an option on a command line: argparse and pytest print its ArgumentTypeError unchanged."""
        return self._text(float, text)

    def whole_text(self, text: str) -> int:
        """As `real_text`, for a whole number."""
        return int(self._text(int, text))

    def _text(self, kind: type, text: str) -> float:
        try:
            return self.of(kind, int(text) if text.strip().lstrip("+-").isdecimal() else float(text))
        except ValueError:
            from argparse import ArgumentTypeError

            whole = "whole " if kind is int else ""
            raise ArgumentTypeError(f"{shown(text)} is not a {whole}number {self}") from None

    def stored(self, kind: Any, value: object) -> float:
        """`of` for a value in a file of results, where a float that is not finite is text, as JSON knows none."""
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{value} is not a number of JSON")
        if kind is float and isinstance(value, str) and value in NOT_FINITE:
            number = NOT_FINITE[value]
            if self._reaches(number):
                return number
        return self.of(kind, value)

    def _reaches(self, number: float) -> bool:
        """Whether this, which is not finite, may be stored; nan only where all may."""
        return self == ANYTHING if math.isnan(number) else number in self

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> "CoreSchema":
        """The check as pydantic calls it, and how the number is written as JSON; `source` is the annotated type."""
        from pydantic_core import core_schema

        if source not in (int, float):
            raise TypeError(f"a range is for an int or a float, not for {source!r}")

        def read(value: object, info: "ValidationInfo") -> float:
            return (self.stored if info.context == STORED else self.of)(source, value)

        def written(value: float) -> float | str:
            return source(value) if math.isfinite(value) else str(float(value))

        number = core_schema.int_schema() if source is int else core_schema.float_schema()
        texts = [text for text in NOT_FINITE if source is float and self._reaches(NOT_FINITE[text])]
        kinds = core_schema.union_schema([number, core_schema.literal_schema(texts)]) if texts else number
        return core_schema.with_info_plain_validator_function(
            read,
            serialization=core_schema.plain_serializer_function_ser_schema(
                written, when_used="json", return_schema=kinds
            ),
        )


NOT_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
STORED = "results"
"""The context of a pydantic validation that reads results (`Within.stored`)."""
ANY = Within(-1e15, 1e15)
"""Where nothing is known of what a number means but that it is one."""
ANYTHING = Within(-math.inf, math.inf)
"""Of a stored result: also what is infinite, and what could not be told ("nan"), as a value that a meter did not have."""

# Electrical. Packs of vehicles end at 1500 V DC (low voltage, IEC 60038), chargers at 3.75 MW (MCS): an order above.
PowerFromZeroW = Annotated[float, Within(0, 1e8)]
PowerW = Annotated[float, Within(0, 1e8, over=True)]
SignedPowerW = Annotated[float, Within(-1e8, 1e8)]
CurrentA = Annotated[float, Within(0, 1e5, over=True)]
CurrentFromZeroA = Annotated[float, Within(0, 1e5)]
SignedCurrentA = Annotated[float, Within(-1e5, 1e5)]
VoltageV = Annotated[float, Within(0, 1e5, over=True)]
CellVoltageV = Annotated[float, Within(0, 10, over=True)]  # of one cell: no chemistry has half of it
FrequencyHz = Annotated[float, Within(0, 1e7, over=True)]
CapacityAh = Annotated[float, Within(0.1, 10_000)]
ShuntOhm = Annotated[float, Within(1e-8, 1e4)]
"""A shunt (some µΩ to some Ω), or the V/A of a current probe (mV/A to some hundred V/A)."""
SignedV = Annotated[float, Within(-1e5, 1e5)]
Ratio = Annotated[float, Within(0, 1e6, over=True)]

LatencyS = Annotated[float, Within(-0.5, 0.5)]
"""Of a trigger; negative where the record begins before the edge."""

# Heat. -40 °C is where vehicles' cells and their sensors' scales end, 60 °C beyond where they may be used.
PackTemperatureC = Annotated[float, Within(-40, 60)]
CellLimitC = Annotated[float, Within(0, 150, over=True)]
"""A limit that a cell must not pass. Above 150 °C no lithium cell is left to protect (thermal runaway begins at 130 to
200 °C), and no fault of the bench shows more; at 0 °C and below it may not be charged at all."""
DifferenceK = Annotated[float, Within(0, 200, over=True)]

# Time
TimeS = Annotated[float, Within(0, 86_400, over=True)]
PauseS = Annotated[float, Within(0, 86_400)]
"""A time that may be none."""
LongTimeS = Annotated[float, Within(0, 31 * 86_400, over=True)]
TimeMs = Annotated[float, Within(0, 86_400_000, over=True)]
ClockS = Annotated[float, Within(-1e10, 1e10)]
"""A moment on the bench clock."""

# Shares
Percent = Annotated[float, Within(0, 100)]
SharePct = Annotated[float, Within(0, 100, over=True)]
Share = Annotated[float, Within(0, 1, over=True)]
AccuracyPct = Annotated[float, Within(0, 100, over=True, under=True)]
"""Nothing measures without error, and an error of 100 % is no measurement."""

ErrorPct = Annotated[float, Within(0, 100, under=True)]
"""Of a part that may as well be exact, such as one of two that add up."""

# Wires and addresses
BitRate = Annotated[int, Within(1000, 8_000_000)]
"""CAN: from the slowest that a controller can be set to, to CAN FD's fastest (CiA 601-1)."""
BaudRate = Annotated[int, Within(300, 4_000_000)]
CableM = Annotated[float, Within(0, 10_000, over=True)]
Port = Annotated[int, Within(1, 65_535)]
AnswerS = Annotated[float, Within(0.05, 30)]
UnitId = Annotated[int, Within(1, 247)]
Word = Annotated[int, Within(0, 0xFFFF)]
CanId = Annotated[int, Within(0, 0x1FFF_FFFF)]

# Counts
Memory = Annotated[int, Within(1, 10**9)]
"""Readings that an instrument holds."""
SEED = Within(0, 2**63 - 1)
TRIALS = Within(1, 1_000_000)
SCENARIOS = Within(0, 100_000)
WORKERS = Within(1, 10_000)
"""Processes, of one machine or of many."""
Seed = Annotated[int, SEED]
Trials = Annotated[int, TRIALS]
MOST_PARTS = 1000  # cells, modules or strings of one pack
Count = Annotated[int, Within(0, 2**63 - 1)]


@cache
def ranges_of(kind: Hashable) -> dict[str, tuple[Any, Within]]:
    """Field -> (int or float, its range) of a dataclass, for the fields that have one; None may mean "not given"."""
    hints = typing.get_type_hints(kind, include_extras=True)
    found = ((field.name, ranged(hints[field.name])) for field in dataclasses.fields(typing.cast(Any, kind)))
    return {name: pair for name, pair in found if pair is not None}


def ranged(hint: Any) -> tuple[Any, Within] | None:
    """(int or float, range) of an annotation such as `Port` or `Port | None`; None where it states no range."""
    parts = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    for part in parts:
        if typing.get_origin(part) is Annotated:
            kind, *more = typing.get_args(part)
            if limits := next((one for one in more if isinstance(one, Within)), None):
                return kind, limits
    return None


def numbers_in(hint: Any) -> Iterator[tuple[Any, Within | None]]:
    """Every int and float inside an annotation, with its range if it has one."""
    if hint in (int, float):
        yield hint, None
    elif typing.get_origin(hint) is Annotated:
        kind, *more = typing.get_args(hint)
        limits = next((one for one in more if isinstance(one, Within)), None)
        if limits is None:
            yield from numbers_in(kind)
        else:
            yield kind, limits
    elif typing.get_origin(hint) is not typing.Literal:
        for part in typing.get_args(hint):
            yield from numbers_in(part)


def require_ranges(record: Any, where: str) -> None:
    """BenchError for a field of this dataclass that is not a number in its range; a whole one written 5.0 becomes 5."""
    made = typing.cast(Hashable, type(record))
    for name, (kind, limits) in ranges_of(made).items():
        value = getattr(record, name)
        if value is None and name in _optional(made):
            continue
        try:
            checked = limits.of(kind, value)
        except ValueError as error:
            raise BenchError(f"{where}: {name}", str(error)) from None
        if kind is int and not isinstance(value, int):
            object.__setattr__(record, name, checked)


class Ranged:
    """Base of dataclasses whose values come from outside: every number is checked when one is made. BenchError."""

    WHERE: typing.ClassVar[str] = ""  # what an error names before the field; the class's name without it

    def __post_init__(self) -> None:
        require_ranges(self, self.WHERE or type(self).__name__)


@cache
def _optional(kind: Hashable) -> frozenset[str]:
    hints = typing.get_type_hints(kind)
    return frozenset(name for name, hint in hints.items() if type(None) in typing.get_args(hint))
