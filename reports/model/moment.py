"""A time as a record states it.

>>> moment_of("2026-11-30T12:00:00+01:00", "results.json: started").isoformat()
'2026-11-30T11:00:00+00:00'
>>> moment_of("0001-01-01T00:00:00+14:00", "results.json: started")
Traceback (most recent call last):
v2g_bench.errors.BenchError: results.json: started: is not a time of a run: '0001-01-01T00:00:00+14:00'
  an ISO 8601 time, from year 1970 to 9998
"""

from datetime import UTC, datetime

from v2g_bench.errors import BenchError

_YEARS = range(1970, 9999)  # an offset leads over the edge of year 1 and 9999, and nothing was measured before 1970


def moment_of(text: str, where: str) -> datetime:
    """The time in UTC; one without an offset is UTC. BenchError for what is none, and for a year that cannot be meant."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.year in _YEARS:
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    hint = f"an ISO 8601 time, from year {_YEARS[0]} to {_YEARS[-1]}"
    raise BenchError(where, f"is not a time of a run: {text!r}", hint)
