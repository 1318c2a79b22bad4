import math

import pytest

from v2g_bench.ems.model.actions import LogLine
from v2g_bench.ems.model.commands import ResetSocOffset, SetPower

from ..conftest import Driver


def test_reply_states_accepted_effective_and_why(driver: Driver) -> None:
    driver.set(discharge_power_continuous=2000.0)
    driver.run(0.5)
    reply = driver.command(SetPower(-3000))
    assert reply.ok
    assert reply.text == "accepted -3000 W, effective -1852.5 W, limited by continuous discharge rating"
    assert reply.data == {
        "requested_w": -3000,
        "accepted_w": -3000,
        "effective_w": -1852.5,
        "limited_by": ["continuous discharge rating"],
    }
    assert isinstance(reply.actions[-1], LogLine)


def test_nothing_before_the_first_bms_data(driver: Driver) -> None:
    reply = driver.command(SetPower(-3000))
    assert not reply.ok
    assert "waiting for the first" in reply.text
    assert driver.ems.request_w == 0
    assert driver.command(SetPower(0)).ok


@pytest.mark.parametrize("power_w", [math.nan, math.inf, -math.inf, 1e9])
def test_not_a_power(driver: Driver, power_w: float) -> None:
    driver.run(0.5)
    assert not driver.command(SetPower(power_w)).ok
    assert driver.ems.request_w == 0


def test_refused_request_leaves_the_old_one(driver: Driver) -> None:
    driver.at_power(-3000)
    driver.command(SetPower(math.nan))
    assert driver.ems.request_w == -3000
    assert driver.power_w == -3000


def test_soc_offset_reset_needs_the_calibration(driver: Driver) -> None:
    driver.run(0.5)
    driver.set(soc=60.0)
    driver.run(0.1)
    assert not driver.command(ResetSocOffset()).ok
    driver.set(soc=100.0)
    driver.run(0.1)
    assert driver.command(ResetSocOffset()).ok
    driver.run(0.1)
    assert driver.command(SetPower(-1000)).ok
    driver.run(0.05)  # the contactors close
    assert driver.power_w == -1000


def test_inverter_missing_shows_as_the_limit(driver: Driver) -> None:
    driver.inverter_answers = False
    driver.run(1.5)
    reply = driver.command(SetPower(-1000))
    assert reply.ok
    assert reply.data["effective_w"] == 0
    assert reply.data["limited_by"] == ["no answer for 1 s"]
