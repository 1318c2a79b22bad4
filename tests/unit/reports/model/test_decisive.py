import math

import pytest

from v2g_bench.reports.model.decisive import deciding, share_of_limit
from v2g_bench.reports.model.run import Measurement


def measured(value, low=None, high=None, *, name="m", verdict="PASS", expanded=0.1):
    return Measurement(name=name, value=value, limit_low=low, limit_high=high, verdict=verdict, expanded=expanded)


@pytest.mark.parametrize(
    ("value", "low", "high", "share"),
    [
        (40.0, None, 50.0, 0.8),
        (60.0, None, 50.0, 1.2),
        (-0.05, None, 0.14, 0.0),
        (1998.0, 1600.0, 2400.0, 0.005),
        (30.0, 10.0, None, 1 / 3),
        (-5000.0, -10_000.0, None, 0.5),
        (-50.0, None, -40.0, 0.8),
        (-30.0, None, -40.0, 40 / 30),
        (0.0, None, 0.0, 0.0),
        (1.0, None, 0.0, math.inf),
        (None, None, 50.0, math.inf),
        (7.0, None, None, 0.0),
    ],
)
def test_the_share_of_the_room_up_to_the_limit(value, low, high, share):
    assert share_of_limit(measured(value, low, high)) == pytest.approx(share)


def test_the_one_nearest_to_its_own_limit_and_not_the_largest_value():
    silence, hot = measured(106.0, high=500.0, name="silence"), measured(40.0, high=50.0, name="hot")
    assert deciding([silence, hot], "PASS") is hot


def test_only_what_shows_the_verdict_and_measurements_first():
    failed = measured(1.0, low=2.0, verdict="FAIL")
    observed = measured(0.0, high=1e-9, expanded=None)
    sources = measured(0.99, high=1.0, name="sources of SoC")
    passed = measured(1.0, high=50.0)
    assert deciding([passed, failed], "FAIL") is failed
    assert deciding([sources, observed, passed], "PASS") is passed
    assert deciding([sources, observed], "PASS") is observed
    assert deciding([passed], "FAIL") is None


def test_no_current_comes_before_a_power_as_asked_where_both_are_far_from_their_limits():
    none, asked = measured(-0.05, high=0.14), measured(1998.0, 1600.0, 2400.0)
    assert deciding([asked, none], "PASS") is none
    assert deciding([measured(2390.0, 1600.0, 2400.0, name="nearly"), none], "PASS").name == "nearly"


def test_of_two_that_are_both_far_from_their_limits_the_worse_one_is_shown():
    better, worse = measured(8.43, high=50.0, name="first test"), measured(8.78, high=50.0, name="second test")
    assert deciding([better, worse], "PASS") is worse
    assert deciding([worse, better], "PASS") is worse
