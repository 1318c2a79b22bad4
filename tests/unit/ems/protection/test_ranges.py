import math

import pytest

from v2g_bench.can.roles import BMS_ROLES
from v2g_bench.ems.protection.ranges import RANGES, PlausibleRange

from ..conftest import ROLES, Driver


def test_every_role_of_the_bms_has_a_range() -> None:
    assert set(BMS_ROLES) <= set(RANGES)


def test_healthy_values_pass_untouched() -> None:
    ranges = PlausibleRange()
    for values in ROLES.values():
        assert ranges.believable(values, 0.0) is values


@pytest.mark.parametrize("value", [-0.1, 100.1, math.nan, math.inf])
def test_outside_its_range_is_not_sent(value: float) -> None:
    ranges = PlausibleRange()
    assert ranges.believable({"soc": value, "pack_current": 1.0}, 0.0) == {"pack_current": 1.0}
    assert "soc" in ranges.doubts["soc"]
    assert ranges.believable({"soc": 50.0}, 0.1) == {"soc": 50.0}
    assert not ranges.doubts


def test_spike_is_left_out_and_a_step_is_taken_after_three_frames() -> None:
    ranges = PlausibleRange()
    seen = [
        ranges.believable({"cell_temperature_max": value}, place / 100) for place, value in enumerate((26, 60, 26, 26))
    ]
    assert seen == [{"cell_temperature_max": 26}, {}, {"cell_temperature_max": 26}, {"cell_temperature_max": 26}]
    seen = [ranges.believable({"cell_temperature_max": 44.0 + place / 10}, 1 + place / 100) for place in range(3)]
    assert [bool(values) for values in seen] == [False, False, True]


def test_slow_change_is_no_jump() -> None:
    ranges = PlausibleRange()
    assert all(ranges.believable({"cell_temperature_max": 25.0 + second}, float(second)) for second in range(60))


def test_dangerous_jump_acts_at_once(driver: Driver) -> None:
    driver.at_power(-3000)
    driver.on_frame("Safety", cell_temperature_max=60.0)
    assert driver.power_w is None


def test_impossible_value_is_a_missing_message(driver: Driver) -> None:
    driver.at_power(-3000)
    driver.set(soc=101.0)
    driver.run(0.3)
    assert driver.power_w is None
    codes = {event.code for event in driver.ems.parts.book.active}
    assert codes == {"ERR_BMS_TIMEOUT", "IMPLAUSIBLE"}
    driver.set(soc=50.0)
    driver.run(1.0)
    assert driver.power_w == -3000


def test_a_jump_is_heard_until_it_could_be_confirmed_and_what_goes_on_jumping_is_not() -> None:
    ranges = PlausibleRange()
    ranges.believable({"soc": 50.0}, 0.0)
    heard = []
    for place, value in enumerate((10.0, 90.0, 10.0, 90.0)):
        ranges.believable({"soc": value}, 0.01 * place)
        heard.append(ranges.awaits({"soc"}))
    assert heard == [True, True, False, False]
    ranges.believable({"soc": 50.0}, 0.1)
    ranges.believable({"soc": 400.0}, 0.11)
    assert not ranges.awaits({"soc"})


def test_a_step_at_a_cycle_of_50_ms_is_no_silence(driver: Driver) -> None:
    """The second frame of a jump comes 100 ms after the last one that was believed."""
    driver.at_power(-3000)
    driver.mute = {"Safety"}
    for place in range(8):
        driver.on_frame("Safety", cell_temperature_max=36.0 if place else 25.0)
        driver.run(0.05)
    assert driver.power_w is not None
