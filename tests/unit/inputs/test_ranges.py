import argparse
import math
from dataclasses import dataclass
from typing import Annotated

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.inputs.ranges import Port, Ranged, Within, ranged, shown

NO_NUMBERS = [math.nan, math.inf, -math.inf, 10**400, -(10**400), 1 << 100_000, True, False, "nan", "5", None, [5], {}]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: shown(value)[:20])
def test_what_is_no_number_is_refused_in_one_short_line(value):
    for check in (Within(-1e9, 1e9).real, Within(-1e9, 1e9).whole):
        with pytest.raises(ValueError, match="is not a (whole )?number from -1000000000 to 1000000000") as reported:
            check(value)
        assert len(str(reported.value)) < 150
        assert "\n" not in str(reported.value)


@pytest.mark.parametrize(
    ("limits", "inside", "outside", "text"),
    [
        (Within(0, 1), [0, 1], [-1e-9, 1.0000001], "from 0 to 1"),
        (Within(0, 1, over=True), [1e-9, 1], [0, -1], "above 0, up to 1"),
        (Within(0, 1, under=True), [0, 0.999], [1], "from 0, below 1"),
        (Within(0, 1, over=True, under=True), [0.5], [0, 1], "above 0, below 1"),
    ],
)
def test_each_bound_is_in_or_out_as_stated(limits, inside, outside, text):
    assert [limits.real(value) for value in inside] == inside
    for value in outside:
        with pytest.raises(ValueError, match=f"is not a number {text}$"):
            limits.real(value)


def test_a_whole_number_may_be_written_as_a_power_of_ten_and_has_no_fraction():
    assert Within(0, 1e6).whole(5e5) == 500_000
    assert isinstance(Within(0, 1e6).whole(5e5), int)
    with pytest.raises(ValueError, match="1.5 is not a whole number"):
        Within(0, 1e6).whole(1.5)


@pytest.mark.parametrize("text", ["nan", "inf", "1e400", "9" * 5000, "", "true", "0"])
def test_an_option_says_what_was_found_and_what_is_allowed(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is not a whole number from 1 to 9"):
        Within(1, 9).whole_text(text)
    with pytest.raises(argparse.ArgumentTypeError, match="is not a number from 1 to 9"):
        Within(1, 9).real_text(text)
    assert (Within(1, 9).whole_text(" 7"), Within(1, 9).real_text("2.5")) == (7, 2.5)


@dataclass(frozen=True, slots=True)
class Line(Ranged):
    WHERE = "line"

    port: Port = 502
    length_m: Annotated[float, Within(0, 10)] | None = None


def test_a_dataclass_from_outside_checks_its_numbers():
    assert Line(port=5.0).port == 5
    assert isinstance(Line(port=5.0).port, int)
    for values, message in (({"port": 0}, "line: port: 0"), ({"length_m": math.nan}, "line: length_m: nan")):
        with pytest.raises(BenchError, match=f"{message} is not a"):
            Line(**values)
    with pytest.raises(BenchError, match="line: port: None is not a whole number"):
        Line(port=None)


def test_a_range_is_found_where_none_may_stand():
    assert ranged(Port | None) == (int, Within(1, 65_535))
    assert ranged(list[Port]) is None
    assert ranged(float) is None
