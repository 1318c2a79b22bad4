import json

import pytest

from v2g_bench.ems.service.status import health_of, status_of

from ..conftest import Driver


def test_status_before_any_data_is_json(driver: Driver) -> None:
    status = json.loads(json.dumps(status_of(driver.ems, 0.0)))
    assert status["mode"] == "standby"
    assert not status["bms"]["alive"]
    assert not status["inverter"]["online"]


def test_status_at_power(driver: Driver) -> None:
    driver.at_power(-3000)
    driver.set(cell_temperature_max=34.0)
    driver.run(1.6)
    status = status_of(driver.ems, driver.now_s)
    assert (status["mode"], status["requested_w"], status["effective_w"]) == ("v2g", -3000, -1500)
    assert [fault["code"] for fault in status["faults"]] == ["0x01A2"]
    assert status["inverter"] == {"online": True, "ac_power_w": 0.0, "state": "running"}


def test_health(driver: Driver) -> None:
    driver.run(0.5)
    driver.ems.pack.update({"cycle_count": 212.0, "energy_throughput": 1062.0})
    health = health_of(driver.ems)
    assert health["equivalent_full_cycles"] == pytest.approx(10.0)
    assert (health["soh_pct"], health["review"]) == (96.0, False)
    driver.ems.pack.update({"soh": 79.9})
    assert health_of(driver.ems)["review"]
    driver.ems.pack.update({"soh": 80.0})
    assert not health_of(driver.ems)["review"]


def test_health_of_a_bms_that_says_nothing(driver: Driver) -> None:
    health = health_of(driver.ems)
    assert (health["soh_pct"], health["equivalent_full_cycles"], health["review"]) == (None, None, False)
