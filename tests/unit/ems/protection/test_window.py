import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g_bench.ems.model.commands import ForceLimit, SetDeparture, SetPower
from v2g_bench.ems.model.limits import SocLimits
from v2g_bench.ems.model.plans import Departure, Override
from v2g_bench.ems.protection.window import FloatingWindow, parse_override

from ..conftest import Driver

LIMITS = SocLimits(25.0, 75.0)
HOUR_S = 3600.0
PACE = 20.0 / HOUR_S  # percent per second


def _low(left_s: float, pace: float | None = None, wanted: float = 80.0) -> float:
    floating = FloatingWindow()
    floating.departure = Departure(1e6, wanted)
    return floating.at(LIMITS, 1e6 - left_s, pace).limits.min_soc_pct


@pytest.mark.parametrize(
    ("left_h", "low"), [(24, 25), (2.001, 25), (2, 25), (1, 52.5), (0.5, 66.25), (0, 79.5), (-0.4, 79.5), (-0.6, 25)]
)
def test_line_over_the_last_two_hours(left_h: float, low: float) -> None:
    assert _low(left_h * HOUR_S) == pytest.approx(low)


def test_slow_charger_narrows_earlier() -> None:
    assert _low(3 * HOUR_S, PACE) == pytest.approx(80 - 0.8 * 20 * 3)
    assert _low(4 * HOUR_S, PACE) == 25, "the charge fits without it"


@given(st.floats(0, 10 * HOUR_S), st.floats(0, 600), st.floats(0.001, 0.05), st.floats(30, 100))
def test_monotone_and_reachable(left_s: float, step_s: float, pace: float, wanted: float) -> None:
    low = _low(left_s, pace, wanted)
    assert _low(max(0.0, left_s - step_s), pace, wanted) >= low - 1e-9, "it never widens on the way"
    assert low + pace * left_s >= min(wanted, 99.5) - 0.5 - 1e-9, "from its lower edge the charge can still be reached"


def test_upper_edge_makes_room_only_when_narrowed() -> None:
    floating = FloatingWindow()
    floating.departure = Departure(10 * HOUR_S, 90.0)
    assert floating.at(LIMITS, 0.0, None).limits == LIMITS
    assert floating.at(LIMITS, 9 * HOUR_S, None).limits.max_soc_pct == 90.0


def test_override_wins_and_ends_by_itself() -> None:
    floating = FloatingWindow()
    floating.departure = Departure(HOUR_S, 80.0)
    floating.override = Override(SocLimits(15.0, 90.0), until_s=100.0)
    assert floating.at(LIMITS, 99.9, None).limits == SocLimits(15.0, 90.0)
    assert floating.at(LIMITS, 100.0, None).limits.min_soc_pct > 25


@pytest.mark.parametrize(
    ("text", "bounds"),
    [("15", (15, None)), ("90 %", (None, 90)), ("15:90", (15, 90)), ("off", (None, None)), ("50", (None, 50))],
)
def test_override_value(text: str, bounds: tuple[float | None, float | None]) -> None:
    assert parse_override(text, LIMITS) == bounds


@pytest.mark.parametrize("text", ["", "much", "1:2:3", "nan", ":"])
def test_override_nonsense(text: str) -> None:
    with pytest.raises(ValueError, match="not a limit"):
        parse_override(text, LIMITS)


def test_forced_limit_lets_the_discharge_go_on_and_ends(driver: Driver) -> None:
    driver.set(soc=24.0)
    driver.at_power(-1000)
    assert driver.power_w == 0
    assert driver.command(ForceLimit(15.0, None)).ok
    driver.run(0.05)
    assert driver.power_w == -1000
    assert driver.command(ForceLimit()).ok
    assert driver.power_w == 0


@pytest.mark.parametrize("bounds", [(5.0, None), (None, 96.0), (80.0, 70.0), (math.nan, 90.0), (30.0, 30.0)])
def test_override_is_bounded(driver: Driver, bounds: tuple[float | None, float | None]) -> None:
    driver.run(0.5)
    assert not driver.command(ForceLimit(*bounds)).ok
    assert driver.ems.parts.floating.override is None


def test_override_leaves_everything_else_in_force(driver: Driver) -> None:
    driver.at_power(-3000)
    assert driver.command(ForceLimit(10.0, 95.0)).ok
    driver.set(cell_voltage_min=3.19)
    driver.run(0.1)
    assert driver.power_w == 0
    driver.set(cell_voltage_min=3.69, cell_temperature_max=45.5)
    driver.run(0.1)
    assert driver.power_w is None


def test_departure_stops_the_discharge_in_time(driver: Driver) -> None:
    driver.at_power(-3000)
    assert driver.command(SetDeparture(Departure(driver.now_s + 24 * HOUR_S, 80.0, "tomorrow"))).ok
    assert driver.power_w == -3000
    assert driver.command(SetDeparture(Departure(driver.now_s + 600, 80.0, "soon"))).ok
    assert driver.power_w == 0
    assert "narrowed for soon" in driver.command(SetPower(-3000)).text
    driver.command(SetPower(2000))
    assert driver.power_w == 2000
    assert driver.command(SetDeparture(None)).ok
    assert not driver.command(SetDeparture(Departure(driver.now_s + 600, 20.0))).ok
