"""Requests on the control socket: what is no number, or not in its range, is refused with one sentence."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from v2g_bench.ems.model.config import EmsConfig
from v2g_bench.ems.service.requests import Requests

CONFIG = {"bms": {"dbc": "x.dbc", "roles": {}}, "inverter": {"host": "192.0.2.1"}}
ADDRESSES = {"uid": 0, "user": "root", "pid": 1}


class Unkept:
    run: dict[str, Any] = {}  # noqa: RUF012 (the protocol's)

    def keep(self, **changes: Any) -> None:
        """Nothing is kept."""


class At:
    def now_s(self) -> float:
        return 100.0


@pytest.fixture
def ask(driver: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    requests = Requests(
        EmsConfig.model_validate(CONFIG),
        driver.ems,
        At(),
        Unkept(),
        carry_out=lambda command: driver.ems.command(command, At().now_s()),
        on_log_line=lambda line: None,
        wall=lambda: datetime(2026, 11, 22, 12, 0, tzinfo=UTC),
    )
    return lambda request: asyncio.run(requests.answer(request, ADDRESSES))


NO_NUMBERS = [float("nan"), float("inf"), -1e308, 10**400, 1 << 100_000, True, "3000", None, [], {}]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: type(value).__name__)
def test_what_is_no_power_is_refused(ask: Any, driver: Any, value: object) -> None:
    answer = ask({"cmd": "set_power", "power_w": value})
    assert not answer["ok"]
    assert "power_w: " in answer["text"]
    assert "is not a number from -10000000 to 10000000" in answer["text"]
    assert len(answer["text"]) < 150
    assert driver.ems.request_w == 0


def test_a_power_is_taken(ask: Any, driver: Any) -> None:
    driver.run(0.5)
    assert ask({"cmd": "set_power", "power_w": -3000})["ok"]
    assert driver.ems.request_w == -3000.0


@pytest.mark.parametrize(
    "value", [-1, 101, float("nan"), 10**400, True, "80", []], ids=lambda value: type(value).__name__
)
def test_what_is_no_state_of_charge_is_refused(ask: Any, value: object) -> None:
    answer = ask({"cmd": "departure", "at": "13:00", "soc_pct": value})
    assert not answer["ok"]
    assert "is not a number from 0 to 100" in answer["text"]


@pytest.mark.parametrize(
    "times",
    [
        ["17:00", 5],
        [5, "17:00"],
        [True, "17:00"],
        [],
        "17:00",
        ["17:00"],
        ["17:00", "nan"],
        ["17:00", "9999-01-01"],
        10**400,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_window_is_refused(ask: Any, times: object) -> None:
    answer = ask({"cmd": "v2g_window", "times": times})
    assert not answer["ok"]
    assert len(answer["text"]) < 200


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "nan:90", "15:inf", "1e400", "9" * 5000])
def test_what_is_no_limit_is_not_forced(ask: Any, driver: Any, value: str) -> None:
    assert not ask({"cmd": "force_limit", "value": value})["ok"]
    assert driver.ems.parts.floating.override is None
