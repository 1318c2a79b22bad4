from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g_bench.pack.contactors import Contactors, ContactorState

OPEN, PRECHARGE, CLOSED, WELDED = ContactorState


def contactors():
    return Contactors(open_s=0.012, close_s=0.020, precharge_s=0.100)


def closed():
    one = contactors()
    one.request(True, 0.0)
    one.advance(one.next_event_s)
    return one


def test_closing_goes_through_precharge():
    one = contactors()
    one.request(True, 5.0)
    assert one.state is PRECHARGE
    assert not one.conducting
    assert one.next_event_s == pytest.approx(5.120)
    assert one.advance(5.119) is None
    assert one.advance(5.120) is CLOSED
    assert one.conducting
    assert one.next_event_s == inf


def test_opening_takes_its_time_and_conducts_until_then():
    one = closed()
    one.request(False, 1.0)
    assert one.conducting
    assert one.next_event_s == pytest.approx(1.012)
    assert one.advance(1.012) is OPEN
    assert not one.conducting


def test_the_same_request_again_does_not_restart_anything():
    one = contactors()
    one.request(True, 0.0)
    one.request(True, 0.05)
    assert one.next_event_s == pytest.approx(0.120)


def test_precharge_is_given_up_when_asked_to_open():
    one = contactors()
    one.request(True, 0.0)
    one.request(False, 0.05)
    assert one.advance(0.062) is OPEN
    assert one.next_event_s == inf


def test_a_request_to_close_while_opening_waits_and_precharges():
    one = closed()
    one.request(False, 1.0)
    one.request(True, 1.005)
    assert one.advance(1.012) is OPEN
    assert one.state is PRECHARGE
    assert one.next_event_s == pytest.approx(1.132)


def test_a_wavering_request_does_not_postpone_the_opening():
    one = closed()
    one.request(False, 1.0)
    one.request(True, 1.004)
    one.request(False, 1.008)
    assert one.next_event_s == pytest.approx(1.012)
    assert one.advance(1.012) is OPEN
    assert one.next_event_s == inf


def test_welded_contactor_is_seen_and_still_conducts():
    one = closed()
    one.weld(True, 0.5)
    assert one.state is CLOSED
    one.request(False, 1.0)
    assert one.advance(1.012) is WELDED
    assert one.conducting


def test_freed_weld_opens_if_still_asked_to():
    one = closed()
    one.weld(True, 0.5)
    one.request(False, 1.0)
    one.advance(1.012)
    one.weld(False, 2.0)
    assert one.advance(2.012) is OPEN


def test_welded_and_asked_to_close_looks_closed():
    one = closed()
    one.weld(True, 0.5)
    one.request(False, 1.0)
    one.advance(1.012)
    one.request(True, 2.0)
    assert one.state is CLOSED
    one.weld(False, 3.0)
    assert one.state is CLOSED
    assert one.next_event_s == inf


def test_an_open_contactor_cannot_weld_itself_closed():
    one = contactors()
    one.weld(True, 0.0)
    assert one.state is OPEN
    assert not one.conducting


@given(st.lists(st.tuples(st.sampled_from(["close", "open", "weld", "free"]), st.floats(0, 0.2)), max_size=30))
def test_always_ends_as_asked_unless_welded(orders):
    one, now_s = contactors(), 0.0
    for order, wait_s in [*orders, ("", 1.0), ("", 1.0), ("", 1.0)]:
        if order in ("close", "open"):
            one.request(order == "close", now_s)
        elif order:
            one.weld(order == "weld", now_s)
        now_s += wait_s
        while one.next_event_s <= now_s:
            one.advance(now_s)
    if one.requested:
        assert one.state is CLOSED
    else:
        assert one.state in ((OPEN, WELDED) if one.welded else (OPEN,))
