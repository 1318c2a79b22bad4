"""When the trouble codes are read."""

import asyncio
import sys

import pytest

from v2g_bench.ems.model.actions import Action, LogLine
from v2g_bench.ems.model.config import BusConfig, DiagnosisConfig
from v2g_bench.ems.service.diagnosis import Diagnosis, ProcessReader

from ..conftest import Driver


def _diagnosis(driver: Driver, command: list[str] | None = None) -> Diagnosis:
    actions: list[Action] = []
    lines: list[LogLine] = []
    config = DiagnosisConfig(first_s=5.0, period_s=300.0)
    codes = ProcessReader(BusConfig(), config)
    codes._command = command or codes._command
    return Diagnosis(config, driver.ems, lambda: driver.now_s, codes.ask, actions.extend, lines.append)


def test_due_after_the_start_and_each_period(driver: Driver) -> None:
    diagnosis = _diagnosis(driver)
    assert not diagnosis.due(0.0), "the BMS has not been heard"
    driver.run(0.5)
    assert [at_s for at_s in range(0, 1000) if diagnosis.due(float(at_s))] == [5, 305, 605, 905]


def test_due_when_the_flag_comes_and_when_the_charge_is_complete(driver: Driver) -> None:
    diagnosis = _diagnosis(driver)
    driver.run(0.5)
    assert not diagnosis.due(0.0)
    assert diagnosis.due(6.0)
    driver.set(cell_imbalance=1.0)
    driver.run(0.1)
    assert diagnosis.due(7.0)
    assert not diagnosis.due(8.0)
    driver.set(soc=100.0)
    driver.run(0.1)
    assert diagnosis.due(9.0)


def test_due_at_once_where_the_bms_counts_a_code(driver: Driver) -> None:
    diagnosis = _diagnosis(driver)
    driver.values["Limits"]["dtc_count"] = 1.0
    driver.run(0.5)
    assert [at_s for at_s in range(0, 400) if diagnosis.due(float(at_s))] == [0, 300]


def test_reader_is_told_the_bus_as_the_daemon_has_it() -> None:
    options = ProcessReader(BusConfig(), DiagnosisConfig()).options()
    assert (options["fd"], options["bus_fd"], options["interface"]) == (True, True, "socketcan")
    assert options["request_id"] < options["response_id"]


@pytest.mark.parametrize(
    "printed",
    [
        "not JSON",
        "5",
        "{}",
        '{"source": "uds", "problem": "", "codes": 5}',
        '{"source": "uds", "problem": "", "codes": [7]}',
        '{"source": "uds", "problem": "", "codes": [{"code": "P0BBD"}]}',
    ],
)
def test_reader_that_prints_anything_is_no_answer(driver: Driver, printed: str) -> None:
    diagnosis = _diagnosis(driver, [sys.executable, "-c", f"print({printed!r})"])
    answer = asyncio.run(diagnosis.read())
    assert (answer["source"], "ended with status" in answer["problem"], answer["codes"]) == (None, True, [])


def test_reader_that_cannot_be_started_is_no_answer(driver: Driver) -> None:
    diagnosis = _diagnosis(driver, ["/nowhere/python"])
    assert "cannot be started" in asyncio.run(diagnosis.read())["problem"]
