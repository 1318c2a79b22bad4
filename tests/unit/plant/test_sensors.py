import numpy as np
import pytest

from v2g_bench.errors import BenchError
from v2g_bench.plant.model import Plant, PlantConfig, SensorOverrides


@pytest.fixture
def plant():
    plant = Plant(PlantConfig(), seed=7, now_s=100.0)
    plant.step(101.0)
    return plant


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("power_w", [0, 11_000])
def test_a_healthy_pack_is_far_from_every_trip(seed, power_w):
    plant = Plant(PlantConfig(), seed=seed, now_s=0.0)
    plant.request_contactors(True, 0.0)
    plant.enable_bridge(True, 0.0)
    plant.set_ac_power(power_w, 0.0)
    plant.step(30.0)
    reading = plant.sensors
    assert 0.018 < reading.string_voltage_difference_v < 0.070
    assert np.ptp(reading.module_temps_c) < 2.0
    assert reading.cell_temperature_max_c < 27
    assert (reading.over_current, reading.cell_imbalance, reading.dtc_count) == (False, False, 0)


def test_a_forced_cell_temperature_appears_exactly(plant):
    plant.sensors_override.set("cell_temperature", 45.5, index=17)
    assert plant.sensors.cell_temperature_max_c == 45.5
    assert plant.sensors.cell_temperatures_c[16] == 45.5
    plant.sensors_override.clear("cell_temperature", index=17)
    assert plant.sensors.cell_temperature_max_c < 26


def test_the_pack_itself_does_not_notice(plant):
    before = plant.dc_voltage_v, plant.soc_pct
    plant.sensors_override.set("cell_temperature", 60.0, index=1)
    plant.sensors_override.set("string_voltage_difference", 0.5)
    plant.sensors_override.set("soc_offset", 10.0)
    assert (plant.dc_voltage_v, plant.soc_pct) == before


def test_string_difference_is_exact_and_consistent_with_the_cells(plant):
    before_v = plant.sensors.pack_voltage_v
    plant.sensors_override.set("string_voltage_difference", 0.310)
    reading = plant.sensors
    assert reading.string_voltage_difference_v == 0.310
    assert np.ptp(reading.string_voltages_v) == pytest.approx(0.310, abs=1e-9)
    assert reading.cell_voltages_v.reshape(4, 24).sum(axis=1) == pytest.approx(reading.string_voltages_v, abs=1e-9)
    assert reading.pack_voltage_v == pytest.approx(before_v, abs=1e-9)
    assert not reading.cell_imbalance


def test_module_overrides(plant):
    modules_c = plant.sensors.module_temps_c
    plant.sensors_override.set("module_temperature_offset", 6.0, index=3)
    assert plant.sensors.module_temps_c - modules_c == pytest.approx(np.where(np.arange(12) == 2, 6.0, 0.0))
    assert plant.sensors.cell_temperatures_c[16:24].min() > 30
    plant.sensors_override.clear_all()
    plant.sensors_override.set("module_temperature_spread", 8.5, index=12)
    assert np.ptp(plant.sensors.module_temps_c) == pytest.approx(8.5, abs=1e-12)


def test_several_at_once_and_flags(plant):
    override = plant.sensors_override
    for name, value in [("soc_offset", -7.0), ("over_current", 1), ("cell_imbalance", 1), ("pack_current_bias", 3.0)]:
        override.set(name, value)
    override.set("cell_voltage", 4.21, index=96)
    override.set("discharge_power_continuous", 2500.0)
    reading = plant.sensors
    assert reading.soc_pct == pytest.approx(43.0)
    assert reading.over_current
    assert reading.cell_imbalance
    assert reading.dtc_count == 2
    assert reading.pack_current_a == pytest.approx(3.0, abs=0.1)
    assert reading.cell_voltage_max_v == 4.21
    assert reading.discharge_power_continuous_w == 2500.0
    assert len(override) == 6


def test_real_conditions_raise_the_flags_too(plant):
    plant.sensors_override.set("cell_voltage", 3.5, index=5)
    assert plant.sensors.cell_imbalance
    weak = Plant(PlantConfig(max_discharge_power_w=5000.0), seed=1, now_s=0.0)
    weak.request_contactors(True, 0.0)
    weak.enable_bridge(True, 0.0)
    weak.set_ac_power(-8000.0, 0.0)
    weak.step(5.0)
    assert weak.sensors.over_current
    weak.set_ac_power(-3000.0, 5.0)
    weak.step(10.0)
    assert not weak.sensors.over_current


def test_a_reading_depends_on_when_and_not_on_how_often():
    one, other = (Plant(PlantConfig(), seed=3, now_s=0.0) for _ in range(2))
    for n in range(1, 50):
        one.step(n * 0.01)
        other.step(n * 0.01)
        assert one.sensors.cell_voltages_v.size
    assert one.sensors.cell_voltages_v.tobytes() == other.sensors.cell_voltages_v.tobytes()
    assert one.sensors.cell_temperatures_c.tobytes() == other.sensors.cell_temperatures_c.tobytes()


def test_roles_carry_every_signal(plant):
    roles = plant.sensors.roles()
    assert roles["cell_voltage[96]"] == plant.sensors.cell_voltages_v[95]
    assert roles["module_temperature[12]"] == plant.sensors.module_temps_c[11]
    assert roles["contactor_state"] == 0.0
    assert roles["soh"] == 96.0
    assert roles["cycle_count"] == 212.0
    assert len(roles) == 19 + 96 + 12 + plant.config.strings
    assert roles["string_voltage[1]"] == plant.sensors.string_voltages_v[0]
    assert all(isinstance(value, float) for value in roles.values())


@pytest.mark.parametrize(
    ("name", "index", "message"),
    [
        ("cell_temprature", 1, "no such override"),
        ("cell_temperature", 0, "outside 1..96"),
        ("cell_temperature", 97, "outside 1..96"),
        ("cell_temperature", None, "outside 1..96"),
        ("soc_offset", 1, "has no index"),
    ],
)
def test_wrong_names_and_indices_are_refused(name, index, message):
    with pytest.raises(BenchError, match=message):
        SensorOverrides(96, 12).set(name, 1.0, index)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_no_sensor_shows_is_refused(value):
    with pytest.raises(BenchError, match="not a value"):
        SensorOverrides(96, 12).set("soc", value)


def test_a_small_pack_of_one_string_and_one_module():
    plant = Plant(PlantConfig(cells=8, strings=1, modules=1), seed=1, now_s=0.0)
    plant.sensors_override.set("string_voltage_difference", 0.4)
    plant.sensors_override.set("module_temperature_spread", 5.0, index=1)
    reading = plant.sensors
    assert reading.string_voltage_difference_v == 0.4
    assert reading.string_voltages_v.sum() == pytest.approx(8 * 3.694, abs=0.05)
    assert reading.module_temps_c[0] == pytest.approx(30.0, abs=0.7)
    assert reading.cell_temperature_max_c - reading.cell_temperature_min_c == pytest.approx(5.0)


def test_a_cell_may_be_named_by_a_whole_float():
    """As it comes out of a file in which every number is one."""
    plant = Plant(PlantConfig(), seed=1, now_s=0.0)
    plant.sensors_override.set("cell_temperature", 45.5, index=17.0)
    plant.step(0.1)
    assert plant.sensors.cell_temperatures_c[16] == 45.5
    plant.sensors_override.clear("cell_temperature", index=17)
    assert not list(plant.sensors_override)


@pytest.mark.parametrize("seed", range(30))
def test_a_module_that_is_warmer_shows_it_in_its_cells_whatever_their_own_errors(seed):
    """A gradient that the cells' own errors hid by 0.1 K could not be proven on the bus."""
    plant = Plant(PlantConfig(), seed=seed, now_s=0.0)
    plant.sensors_override.set("module_temperature_spread", 12.0, index=1)
    reading = plant.sensors
    others_c = reading.cell_temperatures_c[8:]
    assert reading.cell_temperatures_c.max() - others_c.min() == pytest.approx(12.0)
    assert reading.module_temps_c[0] - reading.module_temps_c[1:].min() == pytest.approx(12.0)


@pytest.mark.parametrize(("cells", "modules"), [(48, 12), (96, 1), (108, 9), (8, 4)])
def test_every_cell_and_every_module_are_those_of_this_pack(cells, modules):
    plant = Plant(PlantConfig(cells=cells, modules=modules), seed=3, now_s=0.0)
    plant.step(1.0)
    middle_c = (plant.sensors.cell_temperature_max_c + plant.sensors.cell_temperature_min_c) / 2
    wanted = {("cell_voltage", None): 4.11, ("module_temperature_offset", None): 15.0, ("soc", None): 40.0}
    each = plant.sensors_override.each(wanted)
    assert len(each) == cells + modules + 1
    for (name, index), value in each.items():
        plant.sensors_override.set(name, value, index)
    assert (plant.sensors.cell_voltage_max_v, plant.sensors.cell_voltage_min_v) == (4.11, 4.11)
    assert plant.sensors.cell_temperature_min_c == pytest.approx(middle_c + 15.0, abs=1.0)
    assert plant.sensors.soc_pct == 40.0


@pytest.mark.parametrize(("name", "index"), [("cell_voltage", 97), ("cell_voltage", 0), ("soc", 1), ("sco", None)])
def test_what_this_pack_has_not_is_refused(plant, name, index):
    with pytest.raises(BenchError, match=f"sensor override {name}"):
        plant.sensors_override.each({(name, index): 1.0})
