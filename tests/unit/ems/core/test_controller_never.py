"""Whatever happens in whatever order: the inverter is never left at a power that is forbidden."""

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from v2g_bench.ems.core.controller import Ems
from v2g_bench.ems.model.actions import Quality
from v2g_bench.ems.model.commands import ResetTrip, SetPower

from ..conftest import ROLES, Driver, settings_of

STEP = st.one_of(
    st.tuples(st.just("power"), st.floats(-15000, 15000)),
    st.tuples(st.just("temperature"), st.floats(-20, 60)),
    st.tuples(st.just("strings"), st.floats(0, 0.6)),
    st.tuples(st.just("soc"), st.floats(0, 100)),
    st.tuples(st.just("current"), st.floats(-200, 200)),
    st.tuples(st.just("limit"), st.floats(0, 20000)),
    st.tuples(st.just("loss"), st.sampled_from([0.0, 5.0, 30.0, 90.0])),
    st.tuples(st.just("mute"), st.sampled_from([0.0, 1.0])),
    st.tuples(st.just("inverter"), st.sampled_from([0.0, 1.0])),
    st.tuples(st.just("reset"), st.just(0.0)),
)


def _apply(driver: Driver, rng: random.Random, kind: str, value: float) -> None:
    match kind:
        case "power":
            driver.command(SetPower(value))
        case "temperature":
            driver.set(cell_temperature_max=value, cell_temperature_min=value - 5)
        case "strings":
            driver.set(string_voltage_difference=value)
        case "soc":
            driver.set(soc=value)
        case "current":
            driver.set(pack_current=value)
        case "limit":
            driver.set(discharge_power_limit=value)
        case "loss":
            driver.quality = lambda name, number: None if rng.random() * 100 < value else Quality.GOOD
        case "mute":
            driver.mute = set(ROLES) if value else set()
        case "inverter":
            driver.inverter_answers = bool(value)
        case "reset":
            driver.command(ResetTrip())


def _forbidden(ems: Ems, power_w: float) -> str | None:
    """Why this power must not be there now, None if it may."""
    pack, parts = ems.pack, ems.parts
    assert pack.hottest_c is not None
    soc_pct, limit_w = pack.get("soc") or 0.0, pack.get("discharge_power_limit") or 0.0
    checks = {
        "tripped": parts.trip.latched,
        "hot": pack.hottest_c > 45.0,
        "strings": (pack.get("string_voltage_difference") or 0.0) > 0.3,
        "silent": not parts.watchdog.alive,
        "inverter offline": not parts.inverter.online,
        "discharge in charge-only": power_w < 0 and parts.signal.noisy is not None,
        "discharge while diverged": power_w < 0 and parts.soc.diverged is not None,
        "discharge below MIN_SOC": power_w < 0 and soc_pct <= 25.0,
        "charge above MAX_SOC": power_w > 0 and soc_pct >= 75.0 and not parts.calibrating,
        "beyond the BMS limit": power_w < -limit_w - 1.0,
        "beyond the rating": abs(power_w) > 11000.0,
        "not what was asked for": power_w * ems.request_w < 0,
    }
    return next((name for name, holds in checks.items() if holds), None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEP, min_size=3, max_size=12), st.integers(0, 2**16))
def test_never_a_power_that_is_forbidden(steps: list[tuple[str, float]], seed: int) -> None:
    driver, rng = Driver(Ems(settings_of())), random.Random(seed)
    driver.run(0.3)
    driver.command(SetPower(-3000))
    for kind, value in steps:
        _apply(driver, rng, kind, value)
        for _ in range(40):
            driver.run(0.01)
            power_w = driver.power_w
            if power_w:
                assert _forbidden(driver.ems, power_w) is None, (_forbidden(driver.ems, power_w), power_w)
