from datetime import UTC, datetime, timedelta, timezone

import pytest

from v2g_bench.ems.model.schedule import label_of, on_bench_clock, parse_time

NOW = datetime(2026, 11, 22, 22, 0, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("22:01", "2026-11-22T22:01+01:00"),
        ("22:00", "2026-11-23T22:00+01:00"),
        ("6:30", "2026-11-23T06:30+01:00"),
        ("2026-11-24T07:00", "2026-11-24T07:00+01:00"),
        ("2026-11-24T07:00+00:00", "2026-11-24T07:00+00:00"),
        ("2026-11-24T07:00:30Z", "2026-11-24T07:00+00:00"),
    ],
)
def test_times(text: str, when: str) -> None:
    assert label_of(parse_time(text, NOW)) == when


@pytest.mark.parametrize(
    "text", ["", "soon", "25:00", "12:60", "1:2:3", "2026-13-01T00:00", "2026-11-22T21:59", "9999-01-01T00:00"]
)
def test_no_such_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a time|has passed|more than 366 days ahead"):
        parse_time(text, NOW)


def test_on_the_bench_clock() -> None:
    assert on_bench_clock(NOW.astimezone(UTC) + timedelta(minutes=2), NOW, 50.0) == 170.0
