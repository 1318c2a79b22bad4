"""Each seeded defect does what its name says; the sound controller passes the same check."""

import importlib.util
import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from v2g_bench.ems.actions import LogLine, Quality
from v2g_bench.ems.commands import SetDeparture, SetPower
from v2g_bench.ems.core import Ems
from v2g_bench.ems.window import Departure

from .conftest import Driver

Drive = Callable[..., Driver]


def _load() -> ModuleType:
    path = Path(__file__).parents[2] / "broken" / "broken_ems.py"
    spec = importlib.util.spec_from_file_location("broken_ems", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["broken_ems"] = module
    spec.loader.exec_module(module)
    return module


BROKEN = _load()


def _hot_stops(driver: Driver) -> bool:
    driver.at_power(-3000)
    driver.set(cell_temperature_max=45.5)
    driver.run(0.02)
    return driver.power_w is None


def _strings_stop(driver: Driver) -> bool:
    driver.at_power(-3000)
    driver.set(string_voltage_difference=0.31)
    driver.run(0.02)
    return driver.power_w is None


def _limit_holds(driver: Driver) -> bool:
    driver.at_power(-3000)
    driver.set(cell_temperature_max=45.0, cell_temperature_min=44.0)
    driver.run(0.1)
    return driver.power_w == -3000


def _latches(driver: Driver) -> bool:
    driver.at_power(-3000)
    driver.hear("Safety", cell_temperature_max=45.5)
    driver.run(0.1)
    return driver.ems.outputs()["trip_latched"] == 1 and not driver.command(SetPower(-100)).ok


def _silence_stops(driver: Driver) -> bool:
    driver.at_power(-3000)
    driver.mute = {"Safety"}
    driver.run(0.2)
    return driver.power_w is None


def _gradient_derates(driver: Driver) -> bool:
    driver.at_power(-3000)
    driver.set(cell_temperature_max=34.0)
    driver.run(1.6)
    assert driver.ems.outputs()["error_code"] == 0x01A2
    return driver.power_w == -1500


def _divergence_blocks(driver: Driver) -> bool:
    driver.at_power(-3000)
    driver.set(soc=56.0)
    driver.run(0.1)
    return driver.power_w == 0


def _noise_blocks(driver: Driver) -> bool:
    driver.at_power(-3000)
    rng = random.Random(1)
    driver.quality = lambda name, number: Quality.BAD if rng.random() < 0.3 else Quality.GOOD
    driver.run(2.0)
    assert any(isinstance(action, LogLine) and action.code == "0x0B22" for _, action in driver.actions)
    return driver.power_w == 0


def _power_is_right(driver: Driver) -> bool:
    driver.at_power(-3000)
    return driver.power_w == -3000


def _corrupt_is_dropped(driver: Driver) -> bool:
    driver.at_power(-3000)
    driver.hear("Safety", Quality.BAD, cell_temperature_max=90.0)
    return driver.power_w == -3000


def _code_is_logged(driver: Driver) -> bool:
    driver.at_power(-3000)
    driver.set(cell_temperature_max=34.0)
    driver.run(1.6)
    return any(isinstance(action, LogLine) and action.code == "0x01A2" for _, action in driver.actions)


def _continuous_rating_holds(driver: Driver) -> bool:
    driver.set(discharge_power_continuous=1000.0)
    driver.at_power(-3000)
    return driver.power_w == -950


def _imbalance_blocks(driver: Driver) -> bool:
    driver.at_power(-3000)
    driver.set(cell_imbalance=1.0)
    driver.run(0.1)
    return driver.power_w == 0


def _departure_keeps_the_charge(driver: Driver) -> bool:
    driver.at_power(-3000)
    assert driver.command(SetDeparture(Departure(driver.now_s + 60.0, 80.0))).ok
    driver.run(0.1)
    return driver.power_w == 0


def _cycle_is_small(driver: Driver) -> bool:
    driver.at_power(-3000)
    driver.ems.parts.micro_cycle.depth_pct = 10.5
    driver.run(0.1)
    return driver.power_w == 0


def _nonsense_is_missing(driver: Driver) -> bool:
    driver.at_power(-3000)
    driver.set(soc=150.0)
    driver.run(0.3)
    return driver.power_w is None


def _power_comes_back_slowly(driver: Driver) -> bool:
    driver.at_power(-11000)
    driver.set(cell_temperature_max=44.0, cell_temperature_min=43.0)
    driver.run(0.1)
    driver.set(cell_temperature_max=26.0, cell_temperature_min=25.0)
    driver.run(0.2)
    return driver.power_w is not None and driver.power_w > -6000


CHECKS: dict[str, Callable[[Driver], bool]] = {
    "hot_cell_ignored": _hot_stops,
    "hot_cell_late": _hot_stops,
    "strings_ignored": _strings_stop,
    "trips_at_limit": _limit_holds,
    "trip_does_not_latch": _latches,
    "bms_silence_ignored": _silence_stops,
    "gradient_not_derated": _gradient_derates,
    "soc_divergence_ignored": _divergence_blocks,
    "emi_keeps_discharging": _noise_blocks,
    "charge_only_leaks_50w": _noise_blocks,
    "power_scaled_5pct": _power_is_right,
    "power_sign_wrong": _power_is_right,
    "corrupt_frames_believed": _corrupt_is_dropped,
    "code_not_logged": _code_is_logged,
    "continuous_rating_ignored": _continuous_rating_holds,
    "imbalance_ignored": _imbalance_blocks,
    "departure_ignored": _departure_keeps_the_charge,
    "micro_cycle_ignored": _cycle_is_small,
    "implausible_believed": _nonsense_is_missing,
    "derating_springs_back": _power_comes_back_slowly,
}


def test_every_defect_has_a_check() -> None:
    assert BROKEN.FACTORIES.keys() == CHECKS.keys()


@pytest.mark.parametrize("name", CHECKS)
def test_sound_controller_passes_and_broken_one_fails(name: str, drive: Drive) -> None:
    assert CHECKS[name](drive(Ems))
    assert not CHECKS[name](drive(BROKEN.FACTORIES[name]))


def test_late_trip_is_60_ms_late(drive: Drive) -> None:
    driver = drive(BROKEN.hot_cell_late).at_power(-3000)
    driver.set(cell_temperature_max=45.5, cell_temperature_min=44.5)
    driver.run(0.055)
    assert driver.power_w is not None
    driver.run(0.025)
    assert driver.power_w is None


def test_leak_is_50_w(drive: Drive) -> None:
    driver = drive(BROKEN.charge_only_leaks_50w)
    _noise_blocks(driver)
    assert driver.power_w == -50
