import subprocess
import sys
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.inputs.ranges import ANYTHING
from v2g_bench.reports.model.stored import build, plain


@dataclass(frozen=True)
class Inner:
    size: Annotated[float, ANYTHING]
    label: str | None


@dataclass(frozen=True)
class Outer:
    inner: Inner
    many: list[Inner]
    words: dict[str, str]
    void: bool = False
    more: list[str] = field(default_factory=list)

    __pydantic_config__: ClassVar = {"extra": "forbid"}


GOOD = {
    "inner": {"size": 1, "label": None},
    "many": [{"size": "-inf", "label": "x"}],
    "words": {"a": "b"},
    "void": False,
    "more": [],
}


def test_nested_data_come_back():
    built = build(Outer, GOOD, "file")
    assert built == Outer(Inner(1.0, None), [Inner(float("-inf"), "x")], {"a": "b"})
    assert build(Outer, plain(built), "file") == built


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (GOOD | {"inner": None}, "file: inner: input should be a dictionary .*, not None"),
        (GOOD | {"many": {}}, "file: many: input should be a valid list"),
        (GOOD | {"many": [GOOD["inner"], 1]}, r"file: many\[1\]: input should be a dictionary"),
        (GOOD | {"inner": GOOD["inner"] | {"lable": "x"}}, "file: inner.lable: unknown key, did you mean label"),
        (GOOD | {"void": 0}, "file: void: says 0, its content says False"),
        (GOOD | {"void": "no"}, "file: void: says 'no', its content says False"),
        ({key: GOOD[key] for key in GOOD if key != "more"}, "file: more: is missing"),
        (GOOD | {"inner": {"size": True, "label": None}}, "file: inner.size: true is not a number of any size"),
        (GOOD | {"inner": {"size": 10**400, "label": None}}, r"file: inner.size: 10+… is not a number"),
        (GOOD | {"inner": {"size": 1e999, "label": None}}, "file: inner.size: inf is not a number of JSON"),
        (GOOD | {"inner": {"size": float("nan"), "label": None}}, "file: inner.size: nan is not a number of JSON"),
        (GOOD | {"inner": {"size": "1", "label": None}}, "file: inner.size: '1' is not a number"),
        (GOOD | {"inner": {"size": 1, "label": 3}}, "file: inner.label: input should be a valid string, not 3"),
    ],
)
def test_the_key_is_named(bad, named):
    with pytest.raises(BenchError, match=named):
        build(Outer, bad, "file")


@pytest.mark.parametrize("value", [object(), b"\xff"])
def test_what_json_cannot_carry_is_refused(value):
    with pytest.raises(BenchError, match="cannot be written as JSON"):
        plain(Outer(Inner(1.0, None), [], {"a": value}))


def test_whole_numbers_and_what_numpy_gives_are_written_as_floats():
    assert [type(plain(Inner(size, None))["size"]) for size in (1, np.float64(1), np.float64("inf"))] == [
        float,
        float,
        str,
    ]


def test_the_model_itself_costs_no_pydantic():
    code = "import sys, v2g_bench.reports.model.run; print('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
