"""A time as a record states it."""

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.reports.model.moment import moment_of


def test_one_without_an_offset_is_utc():
    assert moment_of("2026-11-30T12:00:00", "x") == moment_of("2026-11-30T13:00:00+01:00", "x")


@pytest.mark.parametrize("text", ["soon", "", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1969-12-31"])
def test_what_is_none_is_told_with_its_place(text):
    with pytest.raises(BenchError, match="run: started: is not a time of a run"):
        moment_of(text, "run: started")
