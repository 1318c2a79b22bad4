"""The contactors follow the bridge: not under load, and not too late."""

import pytest

from v2g_bench.ems.protection.opening import Opening


@pytest.fixture
def opening() -> Opening:
    opening = Opening(open_below_a=3.0, last_moment_s=0.031)
    opening.on_stop(10.0)
    return opening


def test_nothing_opens_while_the_bridge_runs() -> None:
    opening = Opening(open_below_a=3.0, last_moment_s=0.031)
    opening.on_current(0.0, 1.0)
    assert not opening.may_open(1e6)


@pytest.mark.parametrize(("current_a", "may"), [(2.9, True), (-2.9, True), (3.0, False), (-3.0, False), (-28.0, False)])
def test_current_decides(opening: Opening, current_a: float, may: bool) -> None:
    opening.on_current(current_a, 10.01)
    assert opening.may_open(10.011) is may
    assert opening.under_load is not may


def test_a_current_from_before_the_stop_says_nothing(opening: Opening) -> None:
    opening.on_current(0.0, 10.0)
    assert not opening.may_open(10.01)
    assert opening.under_load


def test_what_is_no_current_says_nothing(opening: Opening) -> None:
    opening.update({"pack_voltage": 350.0}, 10.01)
    opening.update({"pack_current": float("nan")}, 10.02)
    assert not opening.may_open(10.02)


def test_the_last_moment_opens_whatever_flows(opening: Opening) -> None:
    opening.on_current(-28.0, 10.02)
    assert not opening.may_open(10.0309)
    assert opening.may_open(10.0311)
    assert opening.under_load
    assert "-28.0 A" in opening.describe()


def test_a_new_run_forgets_the_stop(opening: Opening) -> None:
    opening.on_current(0.0, 10.01)
    opening.on_run()
    assert not opening.may_open(11.0)
    opening.on_stop(12.0)
    assert not opening.may_open(12.01)
