from dataclasses import dataclass

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.reports.model.strict import build, plain


@dataclass(frozen=True)
class Inner:
    size: float
    label: str | None


@dataclass(frozen=True)
class Outer:
    inner: Inner
    many: list[Inner]
    words: dict[str, str]


GOOD = {"inner": {"size": 1, "label": None}, "many": [{"size": "-inf", "label": "x"}], "words": {"a": "b"}}


def test_nested_data_come_back():
    built = build(Outer, GOOD, "file")
    assert built == Outer(Inner(1.0, None), [Inner(float("-inf"), "x")], {"a": "b"})
    assert build(Outer, plain(built), "file") == built


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ([], "file: expected an object, found list"),
        (GOOD | {"inner": None}, "file: inner: expected an object"),
        (GOOD | {"many": {}}, "file: many: expected"),
        (GOOD | {"inner": {"size": True, "label": None}}, "file: inner.size: true is not a number of any size"),
        (GOOD | {"inner": {"size": 10**400, "label": None}}, r"file: inner.size: 10+… is not a number"),
        (GOOD | {"inner": {"size": 1e999, "label": None}}, "file: inner.size: inf is not a number of JSON"),
        (GOOD | {"inner": {"size": float("nan"), "label": None}}, "file: inner.size: nan is not a number of JSON"),
        (GOOD | {"inner": {"size": "1", "label": None}}, "file: inner.size: '1' is not a number"),
        (GOOD | {"inner": {"size": 1, "label": 3}}, "file: inner.label: expected str, found int"),
    ],
)
def test_the_key_is_named(bad, named):
    with pytest.raises(BenchError, match=named):
        build(Outer, bad, "file")


def test_what_json_cannot_carry_is_refused():
    with pytest.raises(BenchError, match="a object cannot be written"):
        plain({"a": object()})
