import math

import pytest

from v2g_bench.ems.protection.trip import EmergencyTrip, TripLimits


@pytest.mark.parametrize(
    ("role", "value", "trips"),
    [
        ("cell_temperature_max", 44.9, False),
        ("cell_temperature_max", 45.0, False),
        ("cell_temperature_max", 450 * 0.1, False),
        ("cell_temperature_max", 45.1, True),
        ("cell_temperature_max", math.nan, True),
        ("cell_temperature_min", 46.0, True),
        ("module_temperature[12]", 45.5, True),
        ("string_voltage_difference", 0.299, False),
        ("string_voltage_difference", 300 * 0.001, False),
        ("string_voltage_difference", 0.301, True),
        ("string_voltage_difference", 3 * 0.1, False),  # 0.30000000000000004
        ("pack_voltage", 400.0, False),
        ("soc", 100.0, False),
    ],
)
def test_boundary(role: str, value: float, trips: bool) -> None:
    trip = EmergencyTrip(TripLimits())
    assert trip.update({role: value}) is trips
    assert trip.latched is trips


def test_states_and_times() -> None:
    trip = EmergencyTrip(TripLimits())
    assert not trip.update({"cell_temperature_max": 30.0})
    assert trip.update({"cell_temperature_max": 45.5})
    assert not trip.update({"cell_temperature_max": 46.0}), "the trip is caused once"
    assert trip.reset() == "cell_temperature_max is 46 degC, limit 45 degC"
    assert not trip.update({"soc": 50.0})
    assert trip.latched
    assert not trip.update({"cell_temperature_max": 30.0})
    assert trip.latched, "safe values alone do not release it"
    assert trip.reset() is None
    assert not trip.latched
    assert trip.update({"string_voltage_difference": 0.35})


def test_two_dangers_must_both_pass() -> None:
    trip = EmergencyTrip(TripLimits())
    trip.update({"cell_temperature_max": 50.0, "string_voltage_difference": 0.4})
    trip.update({"cell_temperature_max": 20.0})
    assert trip.reset() == "string_voltage_difference is 0.4 V, limit 0.3 V"
    trip.update({"string_voltage_difference": 0.3})
    assert trip.reset() is None


def test_restored_trip_holds_until_reset() -> None:
    trip = EmergencyTrip(TripLimits())
    trip.restore("hot yesterday")
    assert trip.latched
    assert trip.reset() is None
