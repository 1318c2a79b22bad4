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

import difflib
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from v2g_bench.errors import BenchError
from v2g_bench.inputs.ranges import shown

Model = TypeVar("Model", bound=BaseModel)
_MOST = 10  # problems that are reported at once


class Checked(BaseModel):
    """A table from outside: an unknown key is an error, never ignored, and a number is one."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def validated(model: type[Model], data: Any, where: str, hint: str = "", *, root: str = "") -> Model:
    """The model of `data`; BenchError with every key that does not fit, what was found there and what is allowed.

    root: the key that an error names which is about the file as a whole.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        (key, what), *more = dict.fromkeys(_problems(error, model, root))
    except RecursionError:
        raise BenchError(where, "is nested too deeply", hint) from None
    output = "; ".join([what, *(f"{key}: {what}" if key else what for key, what in more[: _MOST - 1])])
    raise BenchError(f"{where}: {key}" if key else where, output, hint)


def _problems(error: ValidationError, model: type[BaseModel], root: str) -> Iterator[tuple[str, str]]:
    """(key, what is wrong with it), each."""
    for item in error.errors(include_url=False):
        location = [str(step) for step in item["loc"]]
        if item["type"] == "extra_forbidden":
            message = f"unknown key{_close_key(location, model)}"
        elif item["type"] == "missing":
            message = "is missing"
        else:
            message = _stderr_tail(item)
        yield ".".join(step for step in location if "[" not in step and "-" not in step) or root, message


def _stderr_tail(item: Any) -> str:
    """One of pydantic's errors; ours name what was found themselves."""
    text = str(item["msg"]).removeprefix("Value error, ")
    return text if item["type"] == "value_error" else f"{text[0].lower()}{text[1:]}, not {shown(item['input'])}"


def _close_key(location: list[str], model: Any) -> str:
    """ ", did you mean X?" for a misspelt key, from the model that the key belongs to."""
    known: dict[str, Any] = {}
    for step in location[:-1]:
        field = model.model_fields.get(step) if isinstance(model, type) and issubclass(model, BaseModel) else None
        if field is not None:
            model = _model_in(field.annotation)
    if isinstance(model, type) and issubclass(model, BaseModel):
        known = dict(model.model_fields)
    close = difflib.get_close_matches(location[-1], known, n=1)
    return f", did you mean {close[0]}?" if close else f" (known: {', '.join(known)})" if known else ""


def _model_in(annotation: Any) -> Any:
    """The model inside an annotation such as `Meter | None` or `dict[str, Bus]`; the annotation itself if none."""
    for part in typing.get_args(annotation):
        inner = _model_in(part)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner
    return annotation


def checked_arguments(function: Callable[..., Any], given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The keyword arguments of an operation that is called from outside, checked by its annotations. BenchError."""
    adapters = _adapters(getattr(function, "__func__", function))
    checked = {}
    for name, value in given.items():
        try:
            checked[name] = adapters[name].validate_python(value, strict=True) if name in adapters else value
        except ValidationError as error:
            raise BenchError(f"{where}.{name}", _stderr_tail(error.errors(include_url=False)[0])) from None
    return checked


@lru_cache(maxsize=256)
def _adapters(function: Callable[..., Any]) -> dict[str, TypeAdapter[Any]]:
    hints = typing.get_type_hints(function, include_extras=True)
    names = [name for name in inspect.signature(function).parameters if name in hints]
    return {name: TypeAdapter(hints[name]) for name in names}
