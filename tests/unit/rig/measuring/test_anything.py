"""Values past a limit: counts of the signal alone, on the side that is meant, and none that is no value."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from v2g_bench.can.codec import SignalCodec
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.errors import NotTested
from v2g_bench.faults import OverTemperature
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.measuring.anything import Anything, nearly, past


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


SHARES = [place / 50 for place in range(50)]


def anything(rig="virtual", *, restarts=True):
    bus = SimpleNamespace(latest_all=lambda: {"cell_temperature_min": 24.0}, db=SimpleNamespace(count=lambda role: 3))
    dut = SimpleNamespace(controller=SimpleNamespace(restarts=restarts))
    return Anything(SimpleNamespace(loaded=load_rig(rig), bus=bus, dut=dut), SimpleNamespace())


def gradients(drawn):
    return [drawn["fault"].make(**{name: one.at(share) for name, one in drawn["fault"].of.items()}) for share in SHARES]


def test_a_gradient_stays_inside_the_operating_window_in_any_module():
    drawn = anything().gradient(above_k=8.0)
    found = gradients(drawn)
    assert min(fault.to_k for fault in found) == 8.5
    assert max(fault.to_k for fault in found) + drawn["pack_c"].high < 35.0
    assert {fault.module for fault in found} == set(range(1, load_rig("virtual").rig.plant.modules + 1))


def test_of_a_pack_that_is_as_it_is_a_gradient_is_as_large_as_the_window_allows():
    drawn = anything(restarts=False).gradient(above_k=8.0)
    assert set(drawn) == {"fault"}
    assert {fault.module for fault in gradients(drawn)} == {1, 2, 3}
    assert max(fault.to_k for fault in gradients(drawn)) <= 10.5
    assert {fault.to_k for fault in gradients(anything(restarts=False).gradient(above_k=30.0))} == {30.5}


@pytest.mark.parametrize(("rig", "alone"), [("virtual", {True, False}), ("gateway", {True})])
def test_a_danger_comes_alone_or_not_where_the_bms_derives_flags_of_it(rig, alone):
    assert set(anything(rig).alone().values) == alone


def test_the_last_values_are_those_of_the_signal_short_of_the_sensors_end():
    shown = anything()
    shown._parts.bus.db = BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))
    assert shown.hottest(above_c=45.0) == pytest.approx(125.0)
    assert shown.furthest(above_mv=300.0) == pytest.approx(5000.0)


def test_any_module_of_the_database_can_be_drawn():
    drawn = {anything().module_temperature().at(share) for share in SHARES}
    assert drawn == {f"module_temperature[{number}]" for number in (1, 2, 3)}


def test_a_database_without_modules_shows_none():
    lacking = anything()
    lacking._parts.bus.db = SimpleNamespace(count=lambda role: 0, path=Path("small.dbc"))
    with pytest.raises(NotTested, match=r"small\.dbc has no signal for module_temperature"):
        lacking.module_temperature()
