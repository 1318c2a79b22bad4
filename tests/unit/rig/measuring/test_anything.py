"""Values past a limit: counts of the signal alone, on the side that is meant, and none that is no value."""

import pytest

from v2g_bench.can.codec import SignalCodec
from v2g_bench.faults import OverTemperature
from v2g_bench.rig.measuring.anything import nearly, past


def codec(role="cell_temperature_max", *, length=16, numerator=1, offset=-400, denominator=10, top=1900, **more):
    return SignalCodec(role, "degC", 0, length, False, False, 0, numerator, offset, denominator, 0, top, **more)


def test_the_first_count_above_and_the_last_below_the_end():
    found = past(codec(), 45.0, 125.0)
    assert (found.first, found.step) == (45.1, pytest.approx(0.1))
    assert found.at(0.999999) == pytest.approx(125.0)


def test_counts_that_miss_the_limit():
    """45.0 °C itself lies between two counts."""
    found = past(codec(numerator=2, offset=-801, denominator=20), 45.0, 60.0)
    assert found.first == pytest.approx(45.05)


def test_downwards():
    found = past(codec(), 45.0, 30.0)
    assert found.first == 44.9
    assert found.step == pytest.approx(-0.1)


def test_a_signal_that_falls_when_its_counts_rise():
    found = past(codec(numerator=-1, offset=1000), 45.0, 60.0)
    assert found.first == 45.1
    assert found.step == pytest.approx(0.1)


def test_a_labelled_count_ends_it():
    known = codec(labelled=frozenset({900}))
    assert past(known, 45.0, 125.0).far == pytest.approx(49.9)


def test_no_count_there():
    assert past(codec(top=850), 45.0, 125.0) is None
    assert past(codec(), 45.0, 45.05) is None


def test_a_slow_ramp_begins_near_its_end_and_a_step_nowhere():
    assert nearly(OverTemperature(3, 45.1, ramp_k_per_s=10.0)) == OverTemperature(3, 42.1)
    assert nearly(OverTemperature(3, 45.1)) is None
    assert nearly(None) is None
