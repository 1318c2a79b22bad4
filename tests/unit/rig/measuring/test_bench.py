"""The bench in a test's hand: power that comes or does not, and a controller that is ready or not."""

import math

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.rig.measuring.bench import RATED_W, NotAtPower


def test_a_release_that_shows_on_the_bus_later_is_asked_for_once(bench, parts):
    parts.latched, run, released_s = 1.0, parts.controller.run, []

    def releases_in_200_ms(name, **values):
        if name == "reset_trip":
            released_s.append(parts.clock.now_s() + 0.2)
        return run(name, **values)

    parts.controller.run = releases_in_200_ms
    pause = parts.pause
    parts.pause = lambda for_s: (pause(for_s), parts.clock.now_s() > min(released_s) and setattr(parts, "latched", 0.0))
    with bench.at_power(-3000):
        assert [ran[0] for ran in parts.controller.ran] == ["reset_trip", "set_power"]


def test_frames_that_were_left_out_count_from_the_test_s_begin(session, parts):
    session.prepare()
    assert session.omitted() == 0
    parts.slots_left_out += 3
    assert session.omitted() == 3


def test_the_power_is_there_inside_and_gone_after(bench, parts):
    with bench.at_power(-3000):
        assert parts.power_w == -3000
    assert parts.power_w == 0


def test_it_is_gone_after_an_error_as_well(bench, parts):
    with pytest.raises(ZeroDivisionError), bench.at_power(-3000):
        raise ZeroDivisionError
    assert parts.power_w == 0


def test_rated_is_what_the_rig_allows_in_either_direction(bench, parts):
    for sign in (1, -1):
        with bench.at_power(sign * RATED_W):
            assert parts.power_w == sign * 11_000


@pytest.mark.parametrize(("obeys", "refuses"), [(0.5, False), (-1.0, False), (0.0, False), (1.0, True)])
def test_a_controller_that_does_not_bring_the_power_starts_no_test(bench, parts, obeys, refuses):
    parts.obeys, parts.refuses = obeys, refuses
    with pytest.raises(NotAtPower, match="asked for -3000 W"), bench.at_power(-3000):
        pytest.fail("the test began")


def test_beyond_the_rating_nothing_is_asked_for(bench, parts):
    with pytest.raises(BenchError, match="max_power_w"), bench.at_power(-12_000):
        pass
    assert parts.controller.ran == []


@pytest.mark.parametrize(("status_s", "shown_s"), [(0.1, 0.3), (0.5, 1.5), (0.0, 0.3)])
def test_a_release_is_waited_for_as_long_as_the_database_sends_it(session, parts, status_s, shown_s):
    parts.status_s, parts.latched = status_s, 1.0
    assert session.bench.controller.latches.shown_s() == shown_s
    before_s = parts.clock.now_s()
    assert not session._latches.released()
    assert parts.clock.now_s() - before_s == pytest.approx(shown_s, abs=0.03)


def test_a_power_that_is_no_number_is_not_asked_for(bench, parts):
    with pytest.raises(BenchError, match="max_power_w"), bench.at_power(math.nan):
        pass
    assert parts.controller.ran == []


def test_the_current_of_a_power_is_judged_by_the_pack_s_true_voltage(bench, parts):
    """8,000 W are 22.9 A at the 350 V that the bus shows, and 53 A at 150 V: the rig states 45 A."""
    parts.true = {"pack_voltage": 150.0}
    with pytest.raises(BenchError, match="max_current_a"), bench.at_power(-8000):
        pass
    assert parts.controller.ran == []


def test_a_welded_contactor_and_a_dead_controller_end_no_test_well(session, parts):
    session.require_good()
    parts.contactors = 3.0
    with pytest.raises(BenchError, match="welded"):
        session.require_good()
    parts.contactors, parts.dead = 0.0, True
    with pytest.raises(BenchError, match="is not running"):
        session.require_good()


def test_a_controller_that_takes_no_command_is_not_ready(session, parts):
    parts.refuses = True
    with pytest.raises(BenchError, match="takes no power command within 10 s\n  no"):
        session.prepare()


@pytest.mark.parametrize("late", ["trip_latched", "charge_only"])
def test_a_controller_of_which_a_latch_was_not_heard_yet_is_waited_for(session, parts, late):
    received, received_from_s = parts.latest_all, parts.clock.now_s() + 0.5
    parts.latest_all = lambda: {
        role: value for role, value in received().items() if role != late or parts.clock.now_s() >= received_from_s
    }
    session.prepare()
    assert parts.clock.now_s() == pytest.approx(received_from_s, abs=0.03)
    assert {words[0] for words in parts.controller.ran} == {"set_power"}


def test_latches_are_released_before_a_test_begins(session, parts):
    parts.latched = 1.0
    with pytest.raises(BenchError):
        session.prepare()
    assert ("reset_trip",) in parts.controller.ran
    assert not [words for words in parts.controller.ran[:5] if words[0] == "set_power"]


def test_a_controller_that_says_charge_only_and_takes_a_discharge_is_left_to_the_test(session, parts):
    received = parts.latest_all
    parts.latest_all = lambda: {**received(), "charge_only": 1.0}
    session.prepare()
    assert ("set_power", "-200") in parts.controller.ran
    assert parts.controller.ran[-1] == ("set_power", "0")
    parts.refuses = True
    with pytest.raises(BenchError, match="takes no power command"):
        session.prepare()


def test_a_power_that_must_not_come_is_watched_from_the_moment_it_is_asked_for(bench, parts):
    asked = []
    with bench.power.watch.once(-3000, 1.0) as trace:
        asked = [words for words in parts.controller.ran if words[0] == "set_power"]
        assert parts.armed == 1, "the record runs before anything is asked for"
    assert asked == [("set_power", "-3000")]
    assert parts.controller.ran[-1] == ("set_power", "0")
    assert parts.span_s[1] == 3.0, "as long as a busy machine may take to begin"
    assert trace is not None


def test_what_the_rig_grants_is_waited_for_and_no_longer(bench, parts):
    before_s = parts.clock.now_s()
    bench.power.granted()
    assert parts.clock.now_s() - before_s == pytest.approx(parts.loaded.rig.judging.fallback_s)
