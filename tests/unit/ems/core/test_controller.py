"""The composed controller, frame by frame. What a requirement of the manual asks for stands in the test's name."""

import random
from collections.abc import Callable

import pytest

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.decision import Mode
from v2g_bench.ems.model.actions import LogLine, Quality, SaveState, SendFrame, SetInverterPower, StopInverter
from v2g_bench.ems.model.commands import Reload, ResetTrip, SetPower, Shutdown
from v2g_bench.ems.model.limits import SocLimits
from v2g_bench.ems.model.thermal_policy import ThermalPolicy

from ..conftest import PLAN, Driver, settings_of

Drive = Callable[..., Driver]


def _codes(driver: Driver) -> list[str]:
    return [action.code for _, action in driver.actions if isinstance(action, LogLine) and action.code != "-"]


def test_start_up_is_stopped_with_open_contactors(driver: Driver) -> None:
    driver.mute = set(PLAN.expected)
    actions = driver.run(1.0)
    assert isinstance(actions[0], StopInverter)
    commands = [action for action in actions if isinstance(action, SendFrame) and action.message == "Command"]
    assert len(commands) == 100
    assert all(frame.values["contactor_request"] == 0 for frame in commands)
    assert not any(isinstance(action, SetInverterPower) for action in actions)


def test_contactors_close_for_a_request_and_the_bridge_waits_for_them(driver: Driver) -> None:
    driver.set(contactor_state=0)
    driver.run(0.5)
    driver.command(SetPower(-3000))
    driver.run(0.1)
    assert driver.ems.decision.contactors
    assert driver.power_w is None
    driver.set(contactor_state=1)
    driver.run(0.1)
    assert driver.power_w is None
    driver.set(contactor_state=2)
    driver.run(0.02)
    assert driver.power_w == -3000
    assert driver.ems.decision.mode is Mode.V2G


def test_zero_request_stops_and_opens_after_the_linger(drive: Drive) -> None:
    driver = drive(contactor_linger_s=2.0).at_power(2000)
    assert driver.ems.decision.mode is Mode.CHARGE
    driver.command(SetPower(0))
    assert driver.power_w is None
    driver.run(1.9)
    assert driver.ems.decision.contactors
    driver.run(0.2)
    assert not driver.ems.decision.contactors


@pytest.mark.parametrize("power_w", [-3000, 3000])
@pytest.mark.parametrize("danger", [{"cell_temperature_max": 45.5}, {"string_voltage_difference": 0.31}])
def test_dangerous_frame_stops_in_the_very_call(driver: Driver, power_w: float, danger: dict[str, float]) -> None:
    driver.at_power(power_w)
    actions = driver.on_frame("Safety", **danger)
    assert isinstance(actions[0], StopInverter)
    assert isinstance(actions[1], SendFrame)
    assert actions[1].values["contactor_request"] == 1, "not under load"
    assert actions[1].values["operating_mode"] == Mode.TRIPPED
    assert _codes(driver)[0] == "EMERGENCY_SHUTDOWN"
    assert isinstance(actions[-1], SaveState)
    assert actions[-1].latches["trip"]


def _asks_to_open(driver: Driver, from_s: float) -> list[float]:
    frames = [(at_s, one) for at_s, one in driver.actions if isinstance(one, SendFrame) and one.message == "Command"]
    return [at_s - from_s for at_s, one in frames if at_s >= from_s and one.values["contactor_request"] == 0]


def test_contactors_open_when_the_current_is_over(driver: Driver) -> None:
    driver.set(pack_current=-8.0)
    driver.at_power(-3000)
    trip_s = driver.now_s
    driver.on_frame("Safety", cell_temperature_max=45.5)
    driver.run(0.012)
    assert not _asks_to_open(driver, trip_s)
    driver.on_frame("Pack", pack_current=-0.2)
    assert _asks_to_open(driver, trip_s)[0] == pytest.approx(0.012)
    driver.run(0.1)
    assert "CONTACTORS_LAST_MOMENT" not in _codes(driver)


def test_contactors_open_at_the_last_moment_if_the_current_stays(driver: Driver) -> None:
    driver.set(pack_current=-8.0)
    driver.at_power(-3000)
    trip_s = driver.now_s
    driver.on_frame("Safety", cell_temperature_max=45.5)
    driver.run(0.1)
    assert _asks_to_open(driver, trip_s)[0] == pytest.approx(0.031, abs=0.0015)
    assert "CONTACTORS_LAST_MOMENT" in _codes(driver)


def test_contactors_open_at_once_where_nothing_flows(driver: Driver) -> None:
    driver.at_power(-3000)
    driver.command(SetPower(0))
    driver.run(0.2)
    trip_s = driver.now_s
    driver.on_frame("Safety", cell_temperature_max=45.5)
    assert _asks_to_open(driver, trip_s) == [0.0]


def test_at_the_limit_it_goes_on(driver: Driver) -> None:
    driver.at_power(-3000)
    driver.set(cell_temperature_max=45.0, cell_temperature_min=44.0, string_voltage_difference=0.3)
    driver.run(2.0)
    assert driver.ems.decision.mode is Mode.V2G
    assert driver.power_w == -3000


def test_trip_latches_until_reset_and_power_is_not_resumed(driver: Driver) -> None:
    driver.at_power(-3000)
    driver.on_frame("Safety", cell_temperature_max=46.0)
    driver.run(1.0)
    assert driver.ems.decision.mode is Mode.TRIPPED
    assert not driver.command(SetPower(-1000)).ok
    assert driver.command(SetPower(0)).ok
    driver.run(1.0)
    assert driver.command(ResetTrip()).ok
    driver.run(1.0)
    assert driver.ems.decision.mode is Mode.STANDBY
    assert driver.power_w is None
    assert driver.command(SetPower(-1000)).ok


def test_reset_is_refused_while_hot_or_silent(driver: Driver) -> None:
    driver.at_power(-3000)
    driver.set(cell_temperature_max=46.0)
    driver.run(0.1)
    assert not driver.command(ResetTrip()).ok
    driver.mute = set(PLAN.expected)
    driver.set(cell_temperature_max=26.0)
    driver.run(0.3)
    reply = driver.command(ResetTrip())
    assert not reply.ok
    assert "silent" in reply.text


@pytest.mark.parametrize("quality", [Quality.BAD, Quality.REPEATED])
def test_corrupt_or_repeated_frames_are_not_believed(driver: Driver, quality: Quality) -> None:
    driver.at_power(-3000)
    driver.on_frame("Safety", quality, cell_temperature_max=90.0)
    assert driver.power_w == -3000


def test_bms_timeout(driver: Driver) -> None:
    driver.at_power(-3000)
    last_s = driver.now_s
    driver.mute = set(PLAN.expected)
    driver.run(0.3)
    stopped_s = next(at for at, action in driver.actions if isinstance(action, StopInverter) and at > last_s)
    assert 0.09 <= stopped_s - last_s <= 0.103
    assert not driver.ems.decision.contactors
    codes = ["ERR_BMS_TIMEOUT", "CONTACTORS_LAST_MOMENT"]  # a silent BMS reports no current either
    assert _codes(driver) == codes
    driver.run(5.0)
    assert _codes(driver) == codes, "once, not per frame"
    driver.mute = set()
    driver.run(0.4)
    assert driver.power_w is None
    driver.run(0.3)
    assert driver.power_w == -3000, "the heartbeat is back"
    assert _codes(driver) == [*codes, "ERR_BMS_TIMEOUT"]


def test_bms_timeout_does_not_release_a_trip(driver: Driver) -> None:
    driver.at_power(-3000)
    driver.on_frame("Safety", cell_temperature_max=46.0)
    driver.mute = {"Safety"}
    driver.run(1.0)
    driver.mute = set()
    driver.run(3.0)
    assert driver.ems.decision.mode is Mode.TRIPPED
    assert driver.power_w is None


def test_lost_bus_stops_at_once(driver: Driver) -> None:
    driver.at_power(-3000)
    assert isinstance(driver.ems.lose_bus("hub gone", driver.now_s)[0], StopInverter)


def test_inverter_offline(driver: Driver) -> None:
    driver.at_power(-3000)
    driver.inverter_answers = False
    driver.run(1.2)
    assert driver.power_w is None
    assert not driver.ems.decision.contactors
    assert _codes(driver) == ["FAULT_INVERTER_OFFLINE"]
    driver.inverter_answers = True
    driver.run(1.0)
    assert driver.power_w == -3000
    assert _codes(driver) == ["FAULT_INVERTER_OFFLINE"] * 2


def test_high_gradient_halves_the_discharge_and_leaves_the_charge(driver: Driver) -> None:
    driver.at_power(-3000)
    driver.set(cell_temperature_max=34.0)
    driver.run(1.4)
    assert driver.power_w == -3000
    driver.run(0.2)
    assert driver.power_w == -1500
    assert _codes(driver) == ["0x01A2"]
    assert driver.ems.outputs()["error_code"] == 0x01A2
    driver.command(SetPower(3000))
    assert driver.power_w == 3000
    driver.command(SetPower(-2000))
    assert driver.power_w == -1000
    driver.set(cell_temperature_max=30.0)
    driver.run(0.1)
    assert driver.power_w == -2000
    assert _codes(driver) == ["0x01A2"] * 2


def test_soc_divergence_blocks_v2g_and_allows_calibration(driver: Driver) -> None:
    driver.at_power(-3000)
    driver.set(soc=56.0)
    driver.run(0.1)
    assert driver.power_w == 0
    assert driver.ems.decision.mode is Mode.CHARGE_ONLY
    assert _codes(driver) == ["0x09BD"]
    driver.set(soc=50.0)
    driver.run(1.0)
    assert driver.power_w == 0
    assert not driver.command(SetPower(-100)).ok
    driver.set(soc=90.0)
    reply = driver.command(SetPower(3000))
    driver.run(0.1)
    assert reply.ok
    assert driver.power_w == 3000, "the calibration charge passes MAX_SOC"


def test_signal_noise_latches_charge_only(driver: Driver) -> None:
    driver.at_power(-3000)
    rng = random.Random(3)
    driver.quality = lambda name, number: Quality.BAD if rng.random() < 0.3 else Quality.GOOD
    driver.run(2.0)
    assert "0x0B22" in _codes(driver)
    assert driver.power_w == 0
    assert driver.ems.outputs()["charge_only"] == 1
    driver.command(SetPower(2000))
    driver.run(0.5)
    assert driver.power_w == 2000, "charging goes on"
    driver.quality = lambda name, number: Quality.GOOD
    driver.run(10)
    assert not driver.command(SetPower(-1000)).ok
    assert driver.command(ResetTrip()).ok
    assert driver.command(SetPower(-1000)).ok


def test_imbalance_blocks_v2g_until_balanced(driver: Driver) -> None:
    driver.at_power(-3000)
    driver.set(cell_imbalance=1)
    driver.run(0.1)
    assert driver.power_w == 0
    driver.set(cell_imbalance=0)
    driver.run(0.1)
    assert driver.power_w == 0
    driver.set(soc=53.0)
    driver.run(0.1)
    assert not driver.command(SetPower(-100)).ok


def test_over_current_flag_takes_the_power_away(driver: Driver) -> None:
    driver.at_power(-3000)
    driver.set(over_current=1)
    driver.run(0.02)
    assert driver.power_w is None
    driver.set(over_current=0)
    driver.run(1.0)
    assert driver.power_w is None
    driver.command(SetPower(-1000))
    assert driver.power_w == -1000


@pytest.mark.parametrize(
    ("soc_pct", "power_w", "effective_w"),
    [
        (25.0, -3000, 0),
        (25.1, -3000, -3000),
        (75.0, 3000, 0),
        (74.9, 3000, 3000),
        (25.0, 3000, 3000),
        (80, -3000, -3000),
    ],
)
def test_soc_window(driver: Driver, soc_pct: float, power_w: float, effective_w: float) -> None:
    driver.set(soc=soc_pct)
    driver.at_power(power_w)
    assert driver.power_w == effective_w


@pytest.mark.parametrize(
    ("roles", "power_w", "effective_w"),
    [
        ({"discharge_power_limit": 1000.0}, -3000, -0.95 * (1000 - 50)),
        ({"discharge_power_continuous": 2000.0}, -3000, -0.95 * (2000 - 50)),
        ({"discharge_power_continuous": 40.0}, -3000, 0),  # its own supply takes more
        ({"charge_power_limit": 1500.0}, 3000, 1500),
        ({}, -20000, -11000),
        ({"cell_voltage_min": 3.2}, -3000, 0),
        ({"cell_voltage_max": 4.1}, 3000, 0),
    ],
)
def test_ceilings(driver: Driver, roles: dict[str, float], power_w: float, effective_w: float) -> None:
    driver.set(**roles)
    driver.at_power(power_w)
    assert driver.power_w == pytest.approx(effective_w)


def test_cooling_request(driver: Driver) -> None:
    driver.run(0.5)
    driver.set(cell_temperature_max=32.0, cell_temperature_min=31.0)
    driver.run(0.1)
    assert driver.ems.outputs()["cooling_request"] == 1


def test_reload_takes_effect_at_once(driver: Driver) -> None:
    driver.at_power(-3000)
    driver.command(Reload(SocLimits(55.0, 60.0), ThermalPolicy(26.0)))
    assert driver.power_w == 0
    driver.run(0.1)
    assert driver.ems.outputs()["cooling_request"] == 1


def test_shutdown_is_final(driver: Driver) -> None:
    driver.at_power(-3000)
    actions = driver.command(Shutdown()).actions
    assert isinstance(actions[0], StopInverter)
    driver.run(0.05)
    assert not driver.ems.decision.contactors
    driver.command(SetPower(-3000))
    driver.run(1.0)
    assert driver.power_w is None


def test_latches_survive_a_restart(driver: Driver) -> None:
    driver.at_power(-3000)
    driver.set(soc=60.0)
    driver.run(0.1)
    driver.on_frame("Safety", cell_temperature_max=46.0)
    saved = next(action.latches for _, action in reversed(driver.actions) if isinstance(action, SaveState))
    fresh = Driver(Ems(settings_of()))
    fresh.ems.restore(saved)
    fresh.run(1.0)
    assert fresh.ems.decision.mode is Mode.TRIPPED
    assert fresh.command(ResetTrip()).ok
    assert fresh.ems.decision.mode is Mode.CHARGE_ONLY


def test_setpoint_is_not_written_without_need(driver: Driver) -> None:
    driver.at_power(-3000)
    assert not [action for action in driver.run(2.0) if isinstance(action, SetInverterPower | StopInverter)]


def test_a_power_that_comes_back_slowly_is_written_ten_times_a_second(driver: Driver) -> None:
    """The map takes at once and gives back over seconds: the way down is one write, the way up no flood of them."""
    driver.set(cell_temperature_max=44.0, cell_temperature_min=43.0)
    driver.at_power(-11000)
    low_w = driver.power_w
    assert low_w is not None
    assert low_w > -5000
    driver.set(cell_temperature_max=25.5, cell_temperature_min=25.0)
    writes = [action.power_w for action in driver.run(10.0) if isinstance(action, SetInverterPower)]
    assert writes == sorted(writes, reverse=True)
    assert writes[-1] == -11000
    assert 50 <= len(writes) <= 75  # 6.6 s at 10 % of the rating a second
    driver.set(cell_temperature_max=44.0, cell_temperature_min=43.0)
    assert [action for action in driver.run(0.05) if isinstance(action, SetInverterPower)]


def test_a_new_request_does_not_wait_for_the_next_slow_step(driver: Driver) -> None:
    driver.at_power(-3000)
    assert driver.command(SetPower(-3100)).ok
    driver.run(0.12)
    assert driver.power_w == -3100
    driver.command(SetPower(-3050))
    assert driver.power_w == -3050


def test_one_vanished_message_is_a_timeout_and_loss(driver: Driver) -> None:
    driver.at_power(-3000)
    driver.mute = {"Safety"}
    driver.run(0.3)
    assert _codes(driver) == ["ERR_BMS_TIMEOUT", "0x0B22"]
    assert driver.power_w is None


def test_one_spoiled_frame_without_protection_changes_nothing(drive: Drive) -> None:
    driver = drive(plan={"unprotected": frozenset({"Temps"})}).at_power(-3000)
    driver.values["Temps"] = {}
    for hottest_c in (26.0, 26.0, 200.0, 200.0, 26.0):
        driver.on_frame("Temps", **{"module_temperature[3]": hottest_c})
    assert driver.power_w == -3000
    for _ in range(3):
        driver.on_frame("Temps", **{"module_temperature[3]": 200.0})
    assert driver.power_w is None


def test_what_changed_between_two_frames_is_acted_on_with_the_next(driver: Driver) -> None:
    driver.at_power(-3000.0)
    driver.ems.parts.balance.on_trouble_codes("P0BBD", stored=True, active=True, pack=driver.ems.pack)
    driver.on_frame("Safety")
    assert driver.power_w in (0.0, None)
