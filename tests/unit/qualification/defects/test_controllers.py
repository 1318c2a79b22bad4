"""Each seeded defect does what its name says; the sound controller passes the same check."""

import random
from collections.abc import Callable

import pytest

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.core.parts import EmsSettings
from v2g_bench.ems.model.actions import LogLine, Quality
from v2g_bench.ems.model.commands import SetDeparture, SetPower
from v2g_bench.ems.model.plans import Departure
from v2g_bench.ems.ports.can_port import CanPort
from v2g_bench.ems.ports.modbus import ModbusLink
from v2g_bench.ems.service import requests
from v2g_bench.ems.service.daemon import core_factory
from v2g_bench.ems.service.override_trail import AuditTrail
from v2g_bench.ems.service.reload import Reloader
from v2g_bench.qualification.defects import controllers
from v2g_bench.qualification.defects.catalogue import CONTROLLERS
from v2g_bench.qualification.defects.controllers import FACTORIES

from ...ems.conftest import Driver

Drive = Callable[..., Driver]
SHELL = [CanPort, AuditTrail, Reloader, ModbusLink, requests, requests.Requests]


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
    driver.on_frame("Safety", cell_temperature_max=45.5)
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
    driver.on_frame("Safety", Quality.BAD, cell_temperature_max=90.0)
    return driver.power_w == -3000


def _code_is_logged(driver: Driver) -> bool:
    driver.at_power(-3000)
    driver.set(cell_temperature_max=34.0)
    driver.run(1.6)
    return any(isinstance(action, LogLine) and action.code == "0x01A2" for _, action in driver.actions)


def _continuous_rating_holds(driver: Driver) -> bool:
    driver.set(discharge_power_continuous=1000.0)
    driver.at_power(-3000)
    return driver.power_w == -0.95 * (1000 - 50)


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
    "hot_cell_in_70_ms": _hot_stops,
    "strings_ignored": _strings_stop,
    "trips_at_limit": _limit_holds,
    "trip_does_not_latch": _latches,
    "stale_data_used": _silence_stops,
    "gradient_not_derated": _gradient_derates,
    "divergence_limit_20_pct": _divergence_blocks,
    "noise_keeps_discharging": _noise_blocks,
    "charge_only_leaks_60_w": _noise_blocks,
    "power_5_pct_high": _power_is_right,
    "power_sign_wrong": _power_is_right,
    "checksum_unchecked": _corrupt_is_dropped,
    "code_not_logged": _code_is_logged,
    "continuous_rating_ignored": _continuous_rating_holds,
    "imbalance_ignored": _imbalance_blocks,
    "departure_ignored": _departure_keeps_the_charge,
    "micro_cycle_ignored": _cycle_is_small,
    "implausible_believed": _nonsense_is_missing,
    "derating_springs_back": _power_comes_back_slowly,
}


def test_a_controller_that_is_not_there_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no broken controller is called nobody"):
        _ = controllers.nobody


@pytest.mark.parametrize("name", FACTORIES)
def test_each_is_loaded_by_its_name_and_is_a_controller(name: str, settings: EmsSettings) -> None:
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:  # those that change the shell around the core are taken back
        for part in SHELL:
            for name_there, function in list(vars(part).items()):
                if callable(function):
                    patch.setattr(part, name_there, function)
        assert isinstance(core_factory(f"{CONTROLLERS}:{name}")(settings), Ems)


@pytest.mark.parametrize("name", CHECKS)
def test_sound_controller_passes_and_broken_one_fails(name: str, drive: Drive) -> None:
    assert CHECKS[name](drive(Ems))
    assert not CHECKS[name](drive(FACTORIES[name]))


def test_late_trip_is_60_ms_late(drive: Drive) -> None:
    driver = drive(FACTORIES["hot_cell_in_70_ms"]).at_power(-3000)
    driver.set(cell_temperature_max=45.5, cell_temperature_min=44.5)
    driver.run(0.055)
    assert driver.power_w is not None
    driver.run(0.025)
    assert driver.power_w is None


def test_leak_is_60_w(drive: Drive) -> None:
    driver = drive(FACTORIES["charge_only_leaks_60_w"])
    _noise_blocks(driver)
    assert driver.power_w == -60
