"""The base of every pydantic model of the bench: unknown keys forbidden, numbers finite and in a stated range.

A number's range is part of its type (`within`); `tests/unit/inputs/test_models.py` walks all models and fails for a number that
has none, so none can be forgotten. `validated` makes one sentence of each error: file, key, what was found, what
is allowed.

>>> from v2g_bench.inputs.ranges import BitRate
>>> class Bus(Checked):
...     bitrate: BitRate = 500_000
>>> validated(Bus, {"bitrate": 0}, "rig.toml")
Traceback (most recent call last):
v2g_bench.errors.BenchError: rig.toml: bitrate: 0 is not a whole number from 1000 to 8000000
"""

import dataclasses
import difflib
import inspect
import re
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from v2g_bench.errors import BenchError
from v2g_bench.inputs.ranges import shown

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)
T = TypeVar("T")
_MOST = 10  # problems that are reported at once


class Checked(BaseModel):
    """A table from outside: an unknown key is an error, never ignored, and a number is one."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def validated(model: type[Model], data: Any, where: str, hint: str = "", *, root: str = "") -> Model:
    """The model of `data`; BenchError with every key that does not fit, what was found there and what is allowed.

    root: the key that an error names which is about the file as a whole.
    """
    with _named(model, where, hint, root):
        return model.model_validate(data)


def built(adapter: TypeAdapter[T], kind: type[T], data: Any, where: str, *, context: str) -> T:
    """As `validated`, for the adapter of a dataclass."""
    with _named(kind, where, "", ""):
        item: T = adapter.validate_python(data, context=context)
        return item


@contextmanager
def _named(kind: type, where: str, hint: str, root: str) -> Iterator[None]:
    try:
        yield
        return
    except ValidationError as error:
        (key, what), *more = dict.fromkeys(_problems(error, kind, root))
    except RecursionError:
        raise BenchError(where, "is nested too deeply", hint) from None
    output = "; ".join([what, *(f"{key}: {what}" if key else what for key, what in more[: _MOST - 1])])
    raise BenchError(f"{where}: {key}" if key else where, output, hint)


def _problems(error: ValidationError, kind: type, root: str) -> Iterator[tuple[str, str]]:
    """(key, what is wrong with it), each."""
    for item in error.errors(include_url=False):
        if item["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            message = f"unknown key{_close_key(item['loc'], kind)}"
        elif item["type"] == "missing":
            message = "is missing"
        else:
            message = _text_of(item)
        yield _path(item["loc"]) or root, message


def _path(location: tuple[int | str, ...]) -> str:
    """The key as a person writes it, without the names of checks that pydantic adds to it."""
    steps = (
        f"[{step}]" if isinstance(step, int) else f".{step}" for step in location if not re.search(r"[\[-]", str(step))
    )
    return "".join(steps).removeprefix(".")


def _text_of(item: "ErrorDetails") -> str:
    """One of pydantic's errors; ours name what was found themselves."""
    text = str(item["msg"]).removeprefix("Value error, ")
    return text if item["type"] == "value_error" else f"{text[0].lower()}{text[1:]}, not {shown(item['input'])}"


def _close_key(location: tuple[int | str, ...], kind: Any) -> str:
    """ ", did you mean X?" for a misspelt key, from the model that the key belongs to."""
    for step in location[:-1]:
        if field := _fields(kind).get(str(step)):
            kind = _model_in(field)
    known = _fields(kind)
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    return f", did you mean {close[0]}?" if close else f" (known: {', '.join(known)})" if known else ""


def _fields(kind: Any) -> dict[str, Any]:
    """Field -> annotation of a model or dataclass; none of anything else."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {name: field.annotation for name, field in kind.model_fields.items()}
    return typing.get_type_hints(kind) if isinstance(kind, type) and dataclasses.is_dataclass(kind) else {}


def _model_in(annotation: Any) -> Any:
    """The model inside an annotation such as `Meter | None` or `dict[str, Bus]`; the annotation itself if none."""
    found = (_model_in(part) for part in typing.get_args(annotation))
    return next((inner for inner in found if _fields(inner)), annotation)


def checked_arguments(function: Callable[..., Any], given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The keyword arguments of an operation that is called from outside, checked by its annotations. BenchError."""
    adapters = _adapters(getattr(function, "__func__", function))
    checked = {}
    for name, value in given.items():
        try:
            checked[name] = adapters[name].validate_python(value, strict=True) if name in adapters else value
        except ValidationError as error:
            raise BenchError(f"{where}.{name}", _text_of(error.errors(include_url=False)[0])) from None
    return checked


@lru_cache(maxsize=256)
def _adapters(function: Callable[..., Any]) -> dict[str, TypeAdapter[Any]]:
    hints = typing.get_type_hints(function, include_extras=True)
    names = [name for name in inspect.signature(function).parameters if name in hints]
    return {name: TypeAdapter(hints[name]) for name in names}
