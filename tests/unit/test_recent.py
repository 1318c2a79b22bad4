import pytest

from v2g_bench.clock import SimClock
from v2g_bench.errors import BenchError
from v2g_bench.recent import Recent


@pytest.fixture
def lately():
    """100 things, 0.5 s apart, in a memory of ten seconds."""
    clock, made = SimClock(0.0), Recent("things", keep_s=10.0)
    for number in range(100):
        made.add(clock.now_s(), number)
        clock.advance(0.5)
        made.forget(clock.now_s())
    return made


def test_age_bounds_it(lately):
    assert len(lately) == 20
    assert list(lately.since(45.0)) == list(range(90, 100))
    assert list(lately.since(40.0)) == list(range(80, 100))
    assert list(lately.since(1e9)) == []


def test_more_in_the_same_time_push_nothing_out():
    lately = Recent("things", keep_s=10.0)
    for number in range(50_000):
        lately.add(number / 10_000, number)
        lately.forget(number / 10_000)
    assert next(lately.since(0.0)) == 0


def test_what_is_forgotten_is_said_and_not_left_out(lately):
    with pytest.raises(BenchError, match=r"things: asked for since 39.500 s, and known after 39.500 s alone"):
        lately.since(39.5)


def test_what_is_silent_is_forgotten_too(lately):
    lately.forget(1e9)
    assert len(lately) == 0
