"""Strict JSON for plain dataclasses: every key must be there, no other key may be, and every type must fit.

Supported field types: str, int, float, bool, None, Literal, unions of these, list[T], dict[str, str] and nested dataclasses.
JSON knows no infinity: a float that is not finite is written as the string "inf", "-inf" or "nan", and read back so.

>>> from dataclasses import dataclass
>>> @dataclass(frozen=True)
... class Point:
...     x: float
>>> plain(Point(float("inf")))
{'x': 'inf'}
>>> build(Point, {"x": 1, "y": 2}, "points.json")
Traceback (most recent call last):
v2g_bench.errors.BenchError: points.json: y: unknown key
  known keys: x
"""

import dataclasses
import math
import types
import typing
from collections.abc import Hashable
from functools import cache
from typing import Any

from v2g_bench.errors import BenchError
from v2g_bench.inputs.ranges import ANYTHING, Within, shown

_NOT_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
T = typing.TypeVar("T")


def plain(value: Any) -> Any:
    """The JSON-ready form of a dataclass, list, dict or scalar; BenchError for a type that JSON cannot carry."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        hints = _hints(type(value))
        return {name: _number(hint, plain(getattr(value, name))) for name, hint in hints.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        return str(value)  # a StrEnum member becomes its text
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    raise BenchError("results", f"a {type(value).__name__} cannot be written as JSON: {value!r}")


def build(kind: type[T], data: Any, where: str, path: str = "") -> T:
    """The dataclass `kind` from its JSON form; BenchError names the first key that does not fit.

    where: the file, for the message; path: the key that `data` was found under.
    """
    if not isinstance(data, dict):
        raise BenchError(_at(where, path), f"expected an object, found {type(data).__name__}")
    hints = _ranged_hints(typing.cast(Hashable, kind))
    for key in data:
        if key not in hints:
            raise BenchError(_at(where, _join(path, str(key))), "unknown key", f"known keys: {', '.join(hints)}")
    for key in hints:
        if key not in data:
            raise BenchError(_at(where, _join(path, key)), "missing key", "was the file written by another version?")
    values = {key: _value(hint, data[key], where, _join(path, key)) for key, hint in hints.items()}
    return kind(**values)


def _number(hint: Any, value: Any) -> Any:
    """A whole number in a float field as float, so that reading and writing again gives the same bytes."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if whole and hint in (float, float | None) else value


@cache
def _hints(kind: Hashable) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(typing.cast(Any, kind))}


@cache
def _ranged_hints(kind: Hashable) -> dict[str, Any]:
    hints = typing.get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(typing.cast(Any, kind))}


def _value(hint: Any, data: Any, where: str, path: str) -> Any:
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        kind, *more = typing.get_args(hint)
        return _number_within(kind, next(one for one in more if isinstance(one, Within)), data, _at(where, path))
    if origin is list and isinstance(data, list):
        (item,) = typing.get_args(hint)
        return [_value(item, each, where, f"{path}[{index}]") for index, each in enumerate(data)]
    if origin is dict and isinstance(data, dict):
        (_, item) = typing.get_args(hint)
        return {key: _value(item, each, where, _join(path, key)) for key, each in data.items()}
    if origin in (types.UnionType, typing.Union):
        if data is None and type(None) in typing.get_args(hint):
            return None
        (rest,) = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        return _value(rest, data, where, path)
    if origin is typing.Literal and data in typing.get_args(hint):
        return data
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type, hint), data, where, path)
    return _scalar(hint, data, where, path)


def _number_within(kind: Any, limits: Within, data: Any, at: str) -> Any:
    """A number in its range. What is not finite is text, and only where the range reaches so far."""
    if kind is float and isinstance(data, str) and data in _NOT_FINITE:
        value = _NOT_FINITE[data]
        if value in limits or (math.isnan(value) and limits == ANYTHING):
            return value
    try:
        if isinstance(data, float) and not math.isfinite(data):
            raise ValueError(f"{data} is not a number of JSON")
        return limits.of(kind, data)
    except ValueError as error:
        raise BenchError(at, str(error)) from None


def _scalar(hint: Any, data: Any, where: str, path: str) -> Any:
    if hint in (float, int):
        return _number_within(hint, ANYTHING, data, _at(where, path))
    if hint in (str, bool) and isinstance(data, hint):
        return data
    name = getattr(hint, "__name__", str(hint))
    raise BenchError(_at(where, path), f"expected {name}, found {type(data).__name__} {shown(data)}")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _at(where: str, path: str) -> str:
    return f"{where}: {path}" if path else where
