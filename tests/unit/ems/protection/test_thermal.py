import json
from pathlib import Path

import pytest

from v2g_bench.ems.model.pack_state import PackState
from v2g_bench.ems.model.thermal_policy import ThermalPolicy, load_policy, parse_policy
from v2g_bench.ems.protection.thermal import ThermalGuard
from v2g_bench.errors import BenchError


@pytest.mark.parametrize(("value", "trigger_c"), [("32C", 32), (32, 32), ("30.5 °C", 30.5), ("28", 28), (31.5, 31.5)])
def test_policy(value: object, trigger_c: float) -> None:
    assert parse_policy(json.dumps({"ACTIVE_COOLING_TRIGGER": value}), "p") == ThermalPolicy(trigger_c)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"ACTIVE_COOLING_TRIGGER": "warm"}',
        '{"ACTIVE_COOLING_TRIGGER": true}',
        '{"ACTIVE_COOLING_TRIGGER": null}',
        '{"ACTIVE_COOLING_TRIGGER": "90F"}',
        '{"ACTIVE_COOLING_TRIGGER": 46}',
        '{"ACTIVE_COOLING_TRIGGER": NaN}',
        '{"ACTIVE_COOLING_TRIGGER": "nan"}',
        '{"ACTIVE_COOLING_TRIGGER": "infC"}',
        '{"ACTIVE_COOLING_TRIGGER": 1e400}',
        '{"ACTIVE_COOLING_TRIGGER": 1' + "0" * 400 + "}",
        '{"ACTIVE_COOLING_TRIGGER": ' + "9" * 5000 + "}",
        '{"ACTIVE_COOLING_TRIGGER": "' + "9" * 5000 + '"}',
        '{"ACTIVE_COOLING_TRIGGER": -1}',
        "[" * 100_000,
        '{"ACTIVE_COOLING_TRIGGER": 32, "PUMP": 1}',
    ],
)
def test_broken_policy_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "thermal-policy.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BenchError) as caught:
        load_policy(path)
    assert caught.value.where.startswith(str(path))
    assert caught.value.hint
    assert len(caught.value.what) < 150


def _pack(hottest_c: float, coldest_c: float) -> PackState:
    pack = PackState()
    pack.update({"cell_temperature_max": hottest_c, "cell_temperature_min": coldest_c})
    return pack


def test_cooling_with_hysteresis() -> None:
    guard = ThermalGuard(ThermalPolicy(32.0))
    seen = []
    for hottest_c in (31.9, 32.0, 31.0, 30.1, 30.0, 31.9, 320 * 0.1):
        guard.update(_pack(hottest_c, hottest_c), 0.0)
        seen.append(guard.cooling)
    assert seen == [False, True, True, True, False, False, True]


def test_gradient_with_hysteresis() -> None:
    guard = ThermalGuard(ThermalPolicy(), gradient_limit_k=8.0, gradient_hysteresis_k=2.0, gradient_hold_s=0.0)
    seen = []
    for gradient_k in (7.9, 8.0, 8.1, 7.0, 6.0, 5.9, 8.0):
        guard.update(_pack(20.0 + gradient_k, 20.0), 0.0)
        seen.append(guard.high_gradient is not None)
    assert seen == [False, False, True, True, True, False, False]


def test_gradient_sees_modules() -> None:
    guard, pack = ThermalGuard(ThermalPolicy()), _pack(26.0, 25.0)
    pack.update({"module_temperature[7]": 36.0})
    guard.update(pack, 0.0)
    guard.update(pack, 1.5)
    assert guard.high_gradient == "11.0 K across the pack, limit 8 K"


def test_no_temperature_no_judgement() -> None:
    guard = ThermalGuard(ThermalPolicy())
    guard.update(PackState(), 0.0)
    assert (guard.cooling, guard.high_gradient) == (False, None)


def test_only_a_gradient_that_lasts_counts() -> None:
    guard = ThermalGuard(ThermalPolicy(), gradient_hold_s=1.5)
    for now_s, hottest_c, high in (
        (0.0, 45.0, False),
        (1.4, 45.0, False),
        (1.45, 26.0, False),
        (1.5, 45.0, False),
        (2.9, 45.0, False),
        (3.0, 45.0, True),
        (3.1, 26.0, False),
    ):
        guard.update(_pack(hottest_c, 25.0), now_s)
        assert (guard.high_gradient is not None) is high, now_s
