import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from v2g_bench.errors import BenchError
from v2g_bench.grid.supply import ReplayGrid
from v2g_bench.plant.model import Plant, PlantConfig

QUIET = PlantConfig(ripple_pct=0.0)


def at_power(power_w, config=QUIET, seed=1, until_s=2.0):
    """Contactors closed from 0.12 s on, ramped to power_w, stepped at 100 Hz until until_s."""
    plant = Plant(config, seed=seed, now_s=0.0)
    plant.request_contactors(True, 0.0)
    plant.enable_bridge(True, 0.0)
    plant.set_ac_power(power_w, 0.0)
    for n in range(1, round(until_s * 100) + 1):
        plant.step(n * 0.01)
    return plant


def events(plant):
    return [(event, pytest.approx(time_s, abs=1e-9)) for time_s, event in plant.truth]


@pytest.mark.parametrize("power_w", [-3000, 3000, 11_000, -11_000])
def test_dc_power_is_ac_power_less_the_losses(power_w):
    plant = at_power(power_w)
    assert plant.ac_power_w == power_w
    converter_a = plant.dc_current_a + plant.config.standby_current_a
    expected = power_w * 0.97 if power_w > 0 else power_w / 0.97
    assert plant.dc_voltage_v * converter_a == pytest.approx(expected, rel=1e-4)
    assert 350 < plant.dc_voltage_v < 360


@pytest.mark.parametrize("power_w", [-3000, 3000])
@pytest.mark.parametrize("after_step_s", [0.0, 0.003217, 0.0099])
def test_the_edge_of_a_stop_is_exact_and_a_megasample_finds_it(power_w, after_step_s):
    plant = at_power(power_w)
    stop_s = 2.0 + after_step_s
    plant.enable_bridge(False, stop_s)
    for n in range(201, 260):
        plant.step(n * 0.01)
    rate_hz = 1e6
    t = stop_s - 0.01 + np.arange(50_000) / rate_hz
    current = plant.dc_current(t)
    flowing = np.abs(current[:1000]).mean()
    first_below = t[np.flatnonzero(np.abs(current) >= 0.05 * flowing)[-1] + 1]
    truth_s = plant.truth_isolation(stop_s, 0.05)
    assert first_below == pytest.approx(truth_s, abs=1.1e-6)
    assert truth_s == pytest.approx(stop_s + 0.004 + 0.0015 * np.log(20), abs=0.0003)
    assert ("bridge_stop", pytest.approx(stop_s + 0.004, abs=1e-9)) in events(plant)
    edge = np.flatnonzero(np.abs(np.diff(current)) > 1e-3 * flowing * 0.5)[0]
    assert t[edge] == pytest.approx(stop_s + 0.004, abs=2e-6)


def test_a_command_that_the_steps_have_overtaken_keeps_its_time():
    plant = at_power(-3000)
    plant.enable_bridge(False, 1.9985)
    plant.step(2.1)
    assert ("bridge_stop", pytest.approx(2.0025, abs=1e-9)) in events(plant)


def test_a_contactor_that_opens_cuts_the_current():
    plant = at_power(-3000)
    plant.request_contactors(False, 2.00321)
    plant.step(2.5)
    opened_s = 2.00321 + 0.012
    assert plant.truth_isolation(2.0, 0.05) == pytest.approx(opened_s + 0.0002 * np.log(20), abs=2e-6)
    before, after = plant.dc_current(np.array([opened_s - 1e-6, opened_s + 0.003]))
    assert before == pytest.approx(-8.8, abs=0.2)
    assert after == pytest.approx(-0.0005, abs=1e-4)
    assert plant.bridge_on
    assert plant.ac_power_w == 0.0


def test_an_arc_is_fast_even_after_a_bridge_stop_before():
    plant = at_power(-3000)
    plant.enable_bridge(False, 2.0)
    plant.enable_bridge(True, 2.1)
    plant.step(3.0)
    plant.request_contactors(False, 3.0)
    plant.step(3.5)
    assert plant.truth_isolation(3.0, 0.05) == pytest.approx(3.012 + 0.0002 * np.log(20), abs=2e-6)


def test_what_comes_first_isolates_bridge_then_contactor():
    plant = at_power(3000)
    plant.request_contactors(False, 2.0)
    plant.enable_bridge(False, 2.0)
    plant.step(2.2)
    assert plant.truth_isolation(2.0, 0.05) < 2.010
    assert plant.dc_current_a == -plant.config.leakage_current_a


def test_contactor_timing():
    plant = Plant(QUIET, seed=1, now_s=10.0)
    plant.request_contactors(True, 10.0)
    plant.step(10.05)
    assert plant.contactor_state == 1
    assert plant.bus_voltage_v == pytest.approx(plant.dc_voltage_v * (1 - np.exp(-2.5)), rel=1e-3)
    plant.step(11.0)
    assert plant.contactor_state == 2
    assert plant.bus_voltage_v == plant.dc_voltage_v
    plant.request_contactors(False, 11.005)
    plant.step(12.0)
    assert plant.contactor_state == 0
    assert plant.bus_voltage_v < plant.dc_voltage_v
    assert events(plant) == [
        ("contactor_close_command", 10.0),
        ("contactor_closed", 10.12),
        ("contactor_open_command", 11.005),
        ("contactor_open", 11.017),
    ]


def test_no_current_without_contactors():
    plant = Plant(QUIET, seed=1, now_s=0.0)
    plant.enable_bridge(True, 0.0)
    plant.set_ac_power(5000, 0.0)
    plant.step(2.0)
    assert plant.ac_power_w == 0.0
    assert plant.dc_current_a == -QUIET.leakage_current_a


@pytest.mark.parametrize("power_w", [-8000, 8000])
def test_counted_charge_is_the_integral_of_the_current(power_w):
    plant = at_power(power_w, until_s=60.0)
    assert plant.soc_pct == pytest.approx(50 + 100 * _charge_ah(plant, 60.0) / _capacity_ah(plant), abs=1e-6)


def _charge_ah(plant, until_s, points=2_000_000):
    t = (np.arange(points) + 0.5) * until_s / points
    return float(plant.dc_current_mean(t).mean()) * until_s / 3600


def _capacity_ah(plant):
    return 1 / (1 / plant._circuit.chain.capacity_ah).mean()


def test_energy_throughput_grows_with_what_crosses_the_terminals():
    plant = at_power(-10_000, until_s=0.5)
    before = plant.sensors.energy_throughput_kwh
    assert before == pytest.approx(212 * 2 * 55.3, rel=1e-6)
    plant.step(3600.5)
    assert plant.sensors.energy_throughput_kwh - before == pytest.approx(10 / 0.97, rel=0.003)
    assert plant.sensors.cycle_count == 212


@example([0.5, 0.0005, 0.03, 0.2, 0.07], -11_000)
@given(st.lists(st.floats(0.0005, 0.1), min_size=5, max_size=30), st.sampled_from([-11_000, -2500, 4000]))
@settings(max_examples=6)
def test_steps_of_any_length_give_the_same_plant(lengths, power_w):
    """Both plants get the same commands; one is stepped at 1 kHz, the other as it comes."""
    end_s = 1.0 + sum(lengths)
    stop_s = end_s - 0.002
    fixed, varying = at_power(power_w, until_s=1.0), at_power(power_w, until_s=1.0)
    now_s = 1.0
    for length in lengths:
        now_s = min(now_s + length, stop_s)
        varying.step(now_s)
    for now_s in np.arange(1.0, stop_s, 0.001):
        fixed.step(float(now_s))
    for plant in (fixed, varying):
        plant.enable_bridge(False, stop_s)
        plant.step(end_s + 0.1)
    t = np.linspace(0.5, end_s + 0.1, 20_000)
    assert varying.dc_current(t) == pytest.approx(fixed.dc_current(t), rel=2e-3, abs=1e-4)
    assert varying.soc_pct == pytest.approx(fixed.soc_pct, abs=1e-5)
    assert varying.dc_voltage_v == pytest.approx(fixed.dc_voltage_v, abs=2e-3)
    assert varying.truth_isolation(stop_s, 0.05) == pytest.approx(fixed.truth_isolation(stop_s, 0.05), abs=1e-6)


def test_ripple_has_its_amplitude_frequency_and_no_mean():
    plant = at_power(-3000, PlantConfig(ripple_pct=3.0, ripple_hz=20_000.0))
    t = 1.5 + np.arange(100_000) / 1e6
    ripple = plant.dc_current(t) - plant.dc_current_mean(t)
    magnitude = np.abs(plant.dc_current_mean(t)).mean()
    assert np.abs(ripple).max() == pytest.approx(0.03 * magnitude, rel=2.5e-3)  # 50 samples per period
    assert abs(ripple.mean()) < 1e-4 * magnitude
    spectrum = np.abs(np.fft.rfft(ripple))
    assert np.fft.rfftfreq(t.size, 1e-6)[spectrum.argmax()] == 20_000.0


def test_ripple_is_phase_continuous_over_steps_and_windows():
    plant = at_power(-3000, PlantConfig(ripple_pct=3.0))
    t = 1.5 + np.arange(40_000) / 1e6
    whole = plant.dc_current(t)
    parts = np.concatenate([plant.dc_current(part) for part in np.array_split(t, 7)])
    assert np.array_equal(whole, parts)
    assert np.abs(np.diff(whole)).max() < 0.03 * 9 * 2 * np.pi * 0.02 * 1.05


def test_the_same_seed_gives_the_same_bytes_and_another_does_not():
    t = np.arange(0.0, 2.0, 1e-4)
    first, second, other = (at_power(-3000, seed=seed, config=PlantConfig()) for seed in (5, 5, 6))
    assert first.dc_current(t).tobytes() == second.dc_current(t).tobytes()
    assert list(first.sensors.roles().values()) == list(second.sensors.roles().values())
    assert first.dc_current(t).tobytes() != other.dc_current(t).tobytes()


def test_ac_means_over_a_window():
    plant = at_power(-3000)
    found = plant.ac(1.0, 1.2)
    assert (found.power_w, found.voltage_v, found.frequency_hz) == pytest.approx((-3000, 230, 50))
    assert found.current_a == pytest.approx(3000 / 230)
    plant.enable_bridge(False, 2.0)
    plant.step(2.2)
    across = plant.ac(1.9, 2.1)
    assert across.power_w == pytest.approx(-3000 * (0.104 + 0.0015) / 0.2, rel=1e-3)
    plant.grid = ReplayGrid([0.0, 4.0], [50.0, 48.0], [230.0, 230.0])
    assert plant.ac(1.0, 2.0).frequency_hz == pytest.approx(49.25, abs=0.001)


def test_the_future_is_an_error_and_the_past_before_the_plant_is_quiet():
    plant = at_power(-3000)
    with pytest.raises(BenchError, match="step the plant"):
        plant.dc_current(np.array([2.1]))
    assert plant.dc_current(np.array([-1.0])).tolist() == [pytest.approx(-0.0005, rel=0.03)]


def test_stepping_backwards_changes_nothing():
    plant = at_power(-3000)
    soc = plant.soc_pct
    plant.step(1.0)
    assert (plant.now_s, plant.soc_pct) == (2.0, soc)


def test_welded_contactor_keeps_the_current_flowing_until_reset():
    plant = at_power(-3000)
    plant.defects.weld_contactor = True
    plant.request_contactors(False, 2.0)
    plant.step(3.0)
    assert plant.contactor_state == 3
    assert plant.sensors.contactor_state == 3
    assert plant.truth_isolation(2.0, 0.05) is None
    plant.reset(3.0)
    plant.step(3.1)
    assert plant.contactor_state == 0
    assert plant.truth_isolation(2.0, 0.05) == pytest.approx(3.0126, abs=1e-4)


def test_an_inverter_that_ignores_a_stop():
    plant = at_power(-3000)
    plant.defects.ignore_stop = True
    plant.enable_bridge(False, 2.0)
    plant.step(3.0)
    assert plant.bridge_on
    assert not plant.bridge_commanded
    assert plant.truth_isolation(2.0, 0.05) is None
    plant.reset(3.0)
    assert not plant.bridge_on


def test_slow_parts_are_slow_by_exactly_that():
    plant = at_power(-3000)
    plant.defects.bridge_stop_extra_s = 0.060
    plant.defects.contactor_open_extra_s = 0.2
    plant.enable_bridge(False, 2.0)
    plant.request_contactors(False, 2.0)
    plant.step(3.0)
    assert ("bridge_stop", pytest.approx(2.064, abs=1e-9)) in events(plant)
    assert ("contactor_open", pytest.approx(2.212, abs=1e-9)) in events(plant)


def test_setpoint_defects():
    plant = at_power(-3000)
    plant.defects.ignore_setpoint = True
    plant.set_ac_power(0.0, 2.0)
    plant.step(3.0)
    assert (plant.ac_power_w, plant.ac_setpoint_w) == (-3000, 0.0)
    plant.reset(3.0)
    plant.step(4.0)
    assert plant.ac_power_w == 0.0
    plant.defects.power_gain = 1.05
    plant.set_ac_power(2000.0, 4.0)
    plant.step(5.0)
    assert plant.ac_power_w == pytest.approx(2100)


def test_what_is_true_of_the_pack_is_not_what_its_sensors_are_made_to_show():
    plant = at_power(-11_000, until_s=30.0)
    sound = plant.truth_roles()
    assert sound["cell_temperature_max"] == pytest.approx(25.0, abs=1.0)
    assert sound["pack_voltage"] == plant.dc_voltage_v
    assert sound["pack_current"] == plant.dc_current_a
    assert sound["contactor_state"] == 2
    for name, value, index in (
        ("cell_temperature", 125.0, 17),
        ("cell_voltage", 4.4, 3),
        ("pack_current_bias", 100.0, None),
        ("contactor_state", 0.0, None),
    ):
        plant.sensors_override.set(name, value, index)
    assert plant.sensors.cell_temperature_max_c == 125.0
    assert plant.truth_roles() == sound


def test_a_cell_that_is_heated_is_truly_hot_before_its_sensor_says_so():
    plant = at_power(0.0, until_s=1.0)
    plant.cell_heat_w[16] = 1e6
    plant.step(2.0)
    true, sensed = plant.truth_roles(), plant.sensors
    assert true["cell_temperature_max"] > 300.0
    assert true["cell_temperature_min"] == pytest.approx(25.0, abs=0.5)
    assert sensed.cell_temperature_max_c < 0.8 * true["cell_temperature_max"]


def test_reset_makes_the_pack_quiet_and_keeps_the_controllers_commands():
    plant = at_power(-11_000, until_s=30.0)
    plant.sensors_override.set("soc_offset", 7.0)
    plant.cell_heat_w[3] = 50.0
    plant.balancing = True
    throughput = plant.sensors.energy_throughput_kwh
    plant.reset(30.0, soc_pct=70.0, temperature_c=30.0)
    assert plant.soc_pct == pytest.approx(70.0)
    assert len(plant.sensors_override) == 0
    assert not plant.balancing
    assert not plant.cell_heat_w.any()
    assert plant.sensors.cell_temperatures_c.mean() == pytest.approx(30.0, abs=0.2)
    assert plant.sensors.energy_throughput_kwh == throughput
    plant.step(31.0)
    assert plant.contactor_state == 2
    assert plant.bridge_on
    assert plant.ac_power_w == -11_000


def test_defects_as_built_survive_a_reset():
    config = PlantConfig.model_validate({"defects": {"bridge_stop_extra_s": 0.1}})
    plant = at_power(-3000, config)
    plant.reset(2.0)
    plant.defects.bridge_stop_extra_s = 0.5
    plant.reset(2.0)
    assert plant.defects.bridge_stop_extra_s == 0.1
    assert config.defects.bridge_stop_extra_s == 0.1


def test_cooling_needs_its_pump():
    plants = [Plant(PlantConfig(temperature_c=40.0), seed=1, now_s=0.0) for _ in range(2)]
    plants[1].defects.pump_failed = True
    for plant in plants:
        plant.request_cooling(True, 0.0)
        plant.step(600.0)
    cooled, stuck = (plant.sensors.cell_temperatures_c.mean() for plant in plants)
    assert cooled < 35
    assert stuck > 39
    assert plants[0].cooling_on
    assert not plants[1].cooling_on


def test_a_long_pause_is_caught_up():
    paused, steady = at_power(-5000, until_s=1.0), at_power(-5000, until_s=100.0)
    paused.step(100.0)
    assert paused.soc_pct == pytest.approx(steady.soc_pct, abs=1e-4)
    assert paused.dc_current_a == pytest.approx(steady.dc_current_a, rel=1e-3)


def test_edges_stay_exact_after_weeks_of_uptime():
    """The bench clock counts from the machine's start; its seconds may be many."""
    start_s = 4_000_000.0
    plant = Plant(QUIET, seed=1, now_s=start_s)
    plant.request_contactors(True, start_s)
    plant.enable_bridge(True, start_s)
    plant.set_ac_power(-3000, start_s)
    plant.step(start_s + 2.0)
    plant.enable_bridge(False, start_s + 2.0)
    plant.step(start_s + 2.1)
    expected = start_s + 2.004 + 0.0015 * np.log(8.82 / (0.05 * 8.82 - 0.05))
    assert plant.truth_isolation(start_s + 2.0, 0.05) == pytest.approx(expected, rel=0, abs=2e-5)
    t = start_s + 2.0 + np.arange(20_000) / 1e6
    below = np.abs(plant.dc_current(t)) < 0.05 * abs(plant.dc_current(t[:1])[0])
    assert t[below.argmax()] == pytest.approx(plant.truth_isolation(start_s + 2.0, 0.05), rel=0, abs=1.1e-6)


def opened(**defects):
    """A plant that discharged with these defects, whose bridge was stopped at 2.0 s, and its contactors asked to open."""
    plant = at_power(-3000)
    for name, value in defects.items():
        setattr(plant.defects, name, value)
    plant.enable_bridge(False, 2.0)
    plant.request_contactors(False, 2.02)
    plant.step(3.0)
    return plant


@pytest.mark.parametrize(("defect", "sensed"), [("weld_pole", 3), ("stuck_feedback", 2)])
def test_contacts_that_show_something_else_than_the_contactors(defect, sensed):
    plant = opened(**{defect: True})
    assert plant.contactor_state == 0
    assert plant.sensors.contactor_state == sensed
    assert abs(plant.dc_current_a) < 0.001
    setattr(plant.defects, defect, False)
    assert plant.sensors.contactor_state == 0


def test_contactors_that_are_closed_show_no_welded_pole():
    plant = at_power(-3000)
    plant.defects.weld_pole = True
    assert plant.sensors.contactor_state == 2


def test_contactors_that_skip_precharge_close_at_once():
    plant = opened()
    plant.defects.skip_precharge = True
    plant.step(3.0)
    plant.request_contactors(True, 3.0)
    plant.step(3.05)
    assert plant.contactor_state == 2
    assert not [event for event in plant.truth if event.event == "contactor_precharge" and event.time_s >= 3.0]


def test_contactors_that_open_late():
    plant = opened(contactor_open_extra_s=0.1)
    assert ("contactor_open", pytest.approx(2.02 + 0.012 + 0.1, abs=1e-6)) in events(plant)


def test_an_inverter_that_ignores_its_setpoint_stays_where_it_is():
    plant = at_power(-3000)
    plant.defects.ignore_setpoint = True
    plant.set_ac_power(0.0, 2.0)
    plant.step(3.0)
    assert plant.ac_power_w == -3000
    plant.reset(3.0)
    plant.step(4.0)
    assert plant.ac_power_w == 0
