from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g_bench.inverter.stage import PowerStage, charge_current_a


def stage(**changes):
    ratings = {"rated_power_w": 11_000.0, "ramp_w_per_s": 20_000.0, "efficiency": 0.97, "stop_s": 0.004}
    return PowerStage(**(ratings | changes))


def running(power_w=-3000.0):
    one = stage()
    one.connect(True, 0.0)
    one.enable(True, 0.0)
    one.set_power(power_w, 0.0)
    while one.next_event_s < 5.0:
        one.advance(one.next_event_s)
    return one


@given(st.floats(-20_000, 20_000), st.floats(250, 450), st.floats(1e-4, 0.3))
def test_current_puts_exactly_the_power_across_the_terminals(power_w, emf_v, resistance):
    if emf_v**2 + 4 * resistance * power_w <= 0:
        return
    current = charge_current_a(power_w, emf_v, resistance)
    assert current * (emf_v + resistance * current) == pytest.approx(power_w, rel=1e-9, abs=1e-9)


def test_current_agrees_with_the_textbook_form():
    expected = ((350**2 + 4 * 0.1 * 5000) ** 0.5 - 350) / (2 * 0.1)
    assert charge_current_a(5000, 350, 0.1) == pytest.approx(expected)


def test_unreachable_power_saturates_at_the_matched_load():
    assert charge_current_a(-1e9, 350.0, 0.1) == -350.0 / 0.2


def test_ramp_and_its_end():
    one = stage()
    one.connect(True, 0.0)
    one.enable(True, 0.0)
    one.set_power(-3000, 1.0)
    assert one.next_event_s == pytest.approx(1.15)
    assert one.power_w(1.05) == pytest.approx(-1000)
    one.advance(1.15)
    assert one.next_event_s == inf
    assert one.power_w(9.0) == -3000


def test_a_ramp_through_zero_has_a_corner_there():
    one = running(-3000)
    one.set_power(3000, 10.0)
    assert one.next_event_s == pytest.approx(10.15)
    one.advance(one.next_event_s)
    assert one.power_w(10.15) == 0.0
    assert one.next_event_s == pytest.approx(10.30)


@pytest.mark.parametrize(("asked_w", "given_w"), [(50_000, 11_000), (-50_000, -11_000), (11_000, 11_000)])
def test_rated_power_is_never_exceeded(asked_w, given_w):
    assert running(asked_w).power_w(10.0) == given_w


def test_nothing_flows_with_the_contactor_open_and_the_ramp_starts_anew():
    one = running()
    one.connect(False, 10.0)
    assert one.power_w(10.0) == 0.0
    assert one.running
    one.connect(True, 20.0)
    assert one.power_w(20.05) == pytest.approx(-1000)


def test_stop_comes_after_the_stop_time():
    one = running()
    one.enable(False, 10.0)
    assert one.running
    assert one.next_event_s == pytest.approx(10.004)
    assert not one.advance(10.003)
    assert one.advance(10.004)
    assert not one.running
    assert one.power_w(10.004) == 0.0


def test_a_second_stop_does_not_postpone_the_first():
    one = running()
    one.enable(False, 10.0)
    one.enable(False, 10.003)
    assert one.next_event_s == pytest.approx(10.004)


def test_a_start_takes_a_pending_stop_back():
    one = running()
    one.enable(False, 10.0)
    one.enable(True, 10.001)
    assert one.next_event_s == inf
    assert one.power_w(11.0) == -3000


def test_defects():
    one = running()
    one.ignore_stop = one.ignore_setpoint = True
    one.enable(False, 10.0)
    one.set_power(1000.0, 10.0)
    assert one.running
    assert not one.commanded
    assert one.power_w(20.0) == -3000
    one.ignore_stop = one.ignore_setpoint = False
    one.recover(20.0)
    assert one.advance(20.0)
    assert not one.running
    late = running()
    late.stop_extra_s = 0.1
    late.enable(False, 10.0)
    assert late.next_event_s == pytest.approx(10.104)
    late.power_gain = 1.02
    assert late.power_w(10.0) == pytest.approx(-3060)


def test_losses_are_always_the_converters():
    one = stage()
    assert one.dc_power_w(1000) == pytest.approx(970)
    assert one.dc_power_w(-970) == pytest.approx(-1000)
