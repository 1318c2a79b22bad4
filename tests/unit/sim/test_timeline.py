import pytest

from v2g_bench.errors import BenchError
from v2g_bench.sim.timeline import Timeline


def test_events_happen_in_the_order_of_their_times_and_of_asking(timeline):
    message = []
    for name, at_s in (("c", 101.0), ("a", 100.5), ("d", 101.0), ("b", 100.7)):
        timeline.at(at_s, lambda name=name: message.append((name, timeline.now_s())))
    timeline.run_until(102.0)
    assert message == [("a", 100.5), ("b", 100.7), ("c", 101.0), ("d", 101.0)]
    assert timeline.now_s() == 102.0


def test_an_event_of_the_past_happens_now_and_time_never_runs_back(timeline):
    seen = []
    timeline.at(3.0, lambda: seen.append(timeline.now_s()))
    timeline.run_until(50.0)
    assert timeline.now_s() == 100.0
    timeline.pause(0.0)
    assert seen == [100.0]


def test_a_cancelled_event_does_not_happen(timeline):
    seen = []
    timeline.at(100.1, lambda: seen.append(1)).cancel()
    timeline.pause(1.0)
    assert seen == []


def test_waiting_ends_with_the_event_that_fulfils_it(timeline):
    seen = []
    for at_s in (100.1, 100.2, 100.3):
        timeline.at(at_s, lambda: seen.append(1))
    assert timeline.wait(lambda: len(seen) == 2, until_s=101.0)
    assert timeline.now_s() == 100.2


def test_waiting_in_vain_takes_all_its_time(timeline):
    assert not timeline.wait(lambda: False, until_s=101.0)
    assert timeline.now_s() == 101.0


def test_something_that_asks_for_itself_for_ever_is_an_error():
    timeline = Timeline(0.0)

    def again():
        timeline.at(0.0, again)

    timeline.at(0.0, again)
    with pytest.raises(BenchError, match="no end of events at 0"):
        timeline.pause(1.0)
