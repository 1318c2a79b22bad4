"""Times as people give them: HH:MM is the next such time of the local day, else ISO 8601 (local without an offset).

>>> from datetime import timezone
>>> now = datetime(2026, 11, 22, 22, 0, tzinfo=timezone.utc)
>>> parse_time("06:30", now).isoformat()
'2026-11-23T06:30:00+00:00'
"""

from datetime import datetime, timedelta

FARTHEST = timedelta(days=366)  # a plan for later than that is a slip of the pen


def parse_time(text: str, now: datetime) -> datetime:
    """The time meant, with its offset, not before `now` (aware). Raises: ValueError with what is wrong."""
    text = text.strip()
    try:
        if len(text) <= 5 and ":" in text:
            hour, minute = (int(part) for part in text.split(":"))
            when = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
            return when if when > now else when + timedelta(days=1)
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"not a time: {text!r}; give HH:MM or 2026-11-23T06:30") from None
    if when.tzinfo is None:
        when = when.replace(tzinfo=now.tzinfo)
    if when <= now:
        raise ValueError(f"{when.isoformat(timespec='minutes')} has passed")
    if when - now > FARTHEST:
        raise ValueError(f"{when.isoformat(timespec='minutes')} is more than {FARTHEST.days} days ahead")
    return when


def label_of(when: datetime) -> str:
    """The time as it is shown and kept: ISO 8601 with its offset, to the minute."""
    return when.isoformat(timespec="minutes")


def on_bench_clock(when: datetime, now: datetime, now_s: float) -> float:
    """The time in seconds on the bench clock. A later step of the wall clock does not move it."""
    return now_s + (when - now).total_seconds()
