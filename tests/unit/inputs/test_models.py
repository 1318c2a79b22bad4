"""Every model of the bench, and every dataclass that is made of what comes from outside, states a range for each number."""

import dataclasses
import importlib
import inspect
import pkgutil
import typing

import pytest
from pydantic import BaseModel, Field, RootModel, ValidationError

import v2g_bench
from v2g_bench.campaign.span import SpanWithin
from v2g_bench.errors import BenchError
from v2g_bench.faults import FAULTS
from v2g_bench.gateway.shell import GatewayShell
from v2g_bench.inputs.models import Checked, checked_arguments, validated
from v2g_bench.inputs.ranges import Port, Ranged, numbers_in
from v2g_bench.instruments import DRIVERS
from v2g_bench.instruments.registry import EMULATED
from v2g_bench.plant.operations import Operations
from v2g_bench.qualification.result import QualificationResult
from v2g_bench.qualification.score import Outcome
from v2g_bench.reports.model.run import Run

# Started as programs, or collected by pytest: to import them is to run them.
PROGRAMS = ("__main__", ".test_", "conftest", ".plugin", "defects.controllers")


def _import_all():
    for module in pkgutil.walk_packages(v2g_bench.__path__, "v2g_bench."):
        if not any(word in module.name for word in PROGRAMS):
            importlib.import_module(module.name)


def _below(kind):
    for sub in kind.__subclasses__():
        yield sub
        yield from _below(sub)


def _ours(kind):
    _import_all()
    found = {sub for sub in _below(kind) if sub.__module__.startswith("v2g_bench")}
    return sorted(found, key=lambda sub: (sub.__module__, sub.__qualname__))


def _bare(hints):
    """The names whose annotation holds a number without a range."""
    return sorted(name for name, hint in hints.items() for _, limits in numbers_in(hint) if limits is None)


# Meters and faults have keys of their own, which are checked elsewhere; a lock of the former version says more than is read.
OPEN = ("MeterSettings", "FaultSpans", "Record", "Process", "_Manifest")


def test_every_model_stands_on_the_one_base():
    # A table of tables, by any name, has no keys of its own: what it holds is checked.
    models = [model for model in _ours(BaseModel) if not issubclass(model, RootModel)]
    assert len(models) > 40
    assert [model for model in models if not issubclass(model, Checked)] == []
    for model in models:
        config = model.model_config
        assert (config["allow_inf_nan"], config["frozen"]) == (False, True), model
        assert config["extra"] == "forbid" or model.__name__ in OPEN, model


def test_every_number_of_every_model_has_a_range():
    numbers = 0
    for model in _ours(Checked):
        hints = typing.get_type_hints(model, include_extras=True)
        fields = {name: hint for name, hint in hints.items() if name in model.model_fields}
        assert _bare(fields) == [], model
        numbers += sum(len(list(numbers_in(hint))) for hint in fields.values())
    assert numbers > 150


def test_every_default_lies_in_its_range():
    checked = 0
    for model in _ours(Checked):
        hints = typing.get_type_hints(model, include_extras=True)
        for name, field in model.model_fields.items():
            default = field.get_default()
            for _, limits in numbers_in(hints[name]):
                if isinstance(default, int | float) and not isinstance(default, bool):
                    assert default in limits, f"{model.__name__}.{name}"
                    checked += 1
                elif isinstance(limits, SpanWithin) and isinstance(default, list):
                    assert limits.span(default) == default
    assert checked > 100


def _nested(kind, seen):
    """A dataclass and those in its fields."""
    if dataclasses.is_dataclass(kind) and kind not in seen:
        seen.add(kind)
        for hint in typing.get_type_hints(kind).values():
            for part in (hint, *typing.get_args(hint)):
                _nested(part, seen)
    return seen


@pytest.mark.parametrize("root", [Run, Outcome, QualificationResult])
def test_every_number_of_a_stored_result_has_a_range(root):
    for kind in _nested(root, set()):
        assert _bare(typing.get_type_hints(kind, include_extras=True)) == [], kind


def test_every_dataclass_from_outside_has_ranges():
    kinds = _ours(Ranged)
    assert len(kinds) >= 8
    for kind in kinds:
        assert _bare(typing.get_type_hints(kind, include_extras=True)) == [], kind


def test_who_can_be_made_of_plain_data_is_checked():
    """A dataclass with `from_dict` is made of what somebody else wrote."""
    _import_all()
    made = [
        kind
        for module in [module for name, module in importlib.sys.modules.items() if name.startswith("v2g_bench.")]
        for kind in vars(module).values()
        if inspect.isclass(kind) and dataclasses.is_dataclass(kind) and hasattr(kind, "from_dict")
    ]
    assert made
    assert {kind for kind in made if not issubclass(kind, Ranged)} == set()


@pytest.mark.parametrize("part", [*DRIVERS.values(), *EMULATED.values()], ids=lambda part: part.__qualname__)
def test_every_number_that_a_meter_can_be_given_has_a_range(part):
    if part.__module__.startswith("v2g_bench"):  # others registered theirs for their own tests
        hints = typing.get_type_hints(part.__init__, include_extras=True)
        assert _bare({name: hint for name, hint in hints.items() if name in inspect.signature(part).parameters}) == []


OPERATIONS = Operations.__new__(Operations).table() | GatewayShell.__new__(GatewayShell)._operations()


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda one: one.__qualname__)
def test_every_number_that_an_operation_takes_has_a_range(operation):
    hints = typing.get_type_hints(operation, include_extras=True)
    taken = inspect.signature(operation).parameters
    assert set(taken) <= set(hints)
    assert _bare({name: hint for name, hint in hints.items() if name in taken}) == []


NO_NUMBERS = [float("nan"), float("inf"), -float("inf"), 1e308, 10**400, True, "nan", "1", None, []]


def _numbers_of_faults():
    for kind in FAULTS:
        for name, hint in typing.get_type_hints(kind).items():
            if hint in (int, float):
                yield pytest.param(kind, name, id=f"{kind.kind}.{name}")


@pytest.mark.parametrize(("kind", "name"), list(_numbers_of_faults()))
def test_every_number_of_every_fault_is_checked(kind, name):
    needed = {field.name: 1 for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING}
    for value in NO_NUMBERS:
        with pytest.raises(BenchError, match=rf"fault {kind.kind}: {name}: .* is not a (whole )?number"):
            kind.from_fields(needed | {name: value})


class Inner(Checked):
    port: Port = 502


class Outer(Checked):
    inner: Inner = Inner()
    many: dict[str, list[Inner]] = Field(default_factory=dict)
    maybe: Port | None = None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"inner": {"port": 0}}, "a.toml: inner.port: 0 is not a whole number from 1 to 65535"),
        ({"inner": {"prot": 1}}, "a.toml: inner.prot: unknown key, did you mean port?"),
        ({"maybe": 10**400}, "a.toml: maybe: 1000"),
        ({"maybe": True}, "a.toml: maybe: true is not a whole number"),
        ({"many": {"a": [{}, {"port": float("nan")}]}}, "a.toml: many.a[1].port: nan is not a whole number"),
        ({"inner": 5}, "a.toml: inner: input should be a valid dictionary or instance of Inner, not 5"),
        ({"inner": {"port": -1}, "maybe": -2}, "65535; maybe: -2 is not"),
        (
            {"inner": 1 << 100_000},
            "a.toml: inner: input should be a valid dictionary or instance of Inner, not an integer of 100001 bits",
        ),
    ],
)
def test_an_error_says_file_key_what_was_found_and_what_is_allowed(data, message):
    with pytest.raises(BenchError) as reported:
        validated(Outer, data, "a.toml", "mend it")
    assert message in str(reported.value)
    assert str(reported.value).count("\n") == 1  # the mend
    assert len(str(reported.value)) < 400


def test_what_fits_is_taken():
    assert validated(Outer, {"maybe": 8.0}, "a.toml").maybe == 8
    with pytest.raises(ValidationError):
        Inner(port=0)


def test_arguments_of_an_operation_are_checked_by_its_annotations():
    def operation(part: str, port: Port | None = None, more: dict[str, int] | None = None, free=0):
        """Does nothing."""

    given = {"part": "a", "port": 7, "free": "whatever"}
    assert checked_arguments(operation, given, "op") == given
    for wrong, message in (
        ({"part": []}, "op.part: input should be a valid string, not []"),
        ({"port": 1e400}, "op.port: inf is not a whole number from 1 to 65535"),
        ({"more": []}, "op.more: input should be a valid dictionary, not []"),
    ):
        with pytest.raises(BenchError) as reported:
            checked_arguments(operation, wrong, "op")
        assert message in str(reported.value)
