"""The model as plain data and back: pydantic reads and writes the dataclasses, and a file is what the model would write.

A key that is unknown or missing, a value of another type and a number out of its range are refused, and so is whatever
the model does not take over as it stands (a verdict that was softened). JSON knows no infinity: a float that is not finite
is the text "inf", "-inf" or "nan".
"""

from collections.abc import Collection, Hashable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from v2g_bench.errors import BenchError

if TYPE_CHECKING:  # where no results are read or written, nobody waits for pydantic
    from pydantic import TypeAdapter

T = TypeVar("T")


def plain(item: object, without: Collection[str] = ()) -> dict[str, Any]:
    """The JSON-ready form of a dataclass, except these fields; BenchError for what JSON cannot carry."""
    try:
        made = _adapter(cast(Hashable, type(item))).dump_python(
            item, mode="json", exclude=set(without), warnings="none"
        )
    except ValueError as error:  # pydantic's own, or text that is not UTF-8
        raise BenchError("results", f"cannot be written as JSON: {error}") from None
    return dict(made)


def build(kind: type[T], data: dict[str, Any], where: str) -> T:
    """The dataclass `kind` from its JSON form; BenchError names the first keys that do not fit. where: the file."""
    from v2g_bench.inputs.models import built
    from v2g_bench.inputs.ranges import STORED

    item: T = built(_adapter(cast(Hashable, kind)), kind, data, where, context=STORED)
    for key, what, hint in _differences(data, plain(item), ""):
        raise BenchError(f"{where}: {key}", what, hint)
    return item


@cache
def _adapter(kind: Hashable) -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter

    return TypeAdapter(cast(Any, kind))


def _differences(found: object, made: object, path: str) -> Iterator[tuple[str, str, str]]:
    """(key, what, hint) of each value that is not what the model makes of it; a whole number may stand for a float."""
    if isinstance(made, dict) and isinstance(found, dict):
        for key, value in made.items():
            at = f"{path}.{key}" if path else key
            if key in found:
                yield from _differences(found[key], value, at)
            else:
                yield at, "is missing", "was the file written by another version?"
    elif isinstance(made, list) and isinstance(found, list):
        for index, (one, value) in enumerate(zip(found, made, strict=True)):
            yield from _differences(one, value, f"{path}[{index}]")
    elif found != made or isinstance(found, bool) != isinstance(made, bool):
        yield path, f"says {found!r}, its content says {made!r}", "was the file edited by hand?"
