import dataclasses

import numpy as np
import pytest

from v2g_bench.pack.ageing.law import NOMINAL, Bounds, Draws, Fitted, Spread
from v2g_bench.pack.ageing.laws import LAWS
from v2g_bench.pack.ageing.power import CalendarPart, PowerLaw, range_of, share_of, tilted
from v2g_bench.pack.ageing.series import Series
from v2g_bench.pack.ageing.stress import stress_of

POWER = [law for law in LAWS.values() if isinstance(law, PowerLaw)]


def history(shift=0.0, depth=0.4, warm=15.0, days=4):
    time_s = np.arange(days * 288 + 1) * 300.0
    soc = 0.55 + shift + 0.5 * depth * np.sin(2 * np.pi * time_s / 86400)
    return stress_of(Series(time_s, soc, warm + 6 * np.cos(2 * np.pi * time_s / 86400), None, 100.0, "NMC"))


def drawn(**values):
    n = len(next(iter(values.values())))
    given = {
        "calendar": np.ones(n),
        "cyclic": np.ones(n),
        "depth": np.ones(n),
        "activation": np.ones(n),
        "warmer_k": np.zeros(n),
    }
    return Draws(**(given | {name: np.array(value) for name, value in values.items()}))


def test_a_factor_that_varies_is_accumulated_exactly_in_any_order():
    """Stepped in small steps by dq = p k^(1/p) q^(1-1/p) dt, hot first or cold first, against the closed sum."""
    part = CalendarPart(0.75, 0.0, lambda soc, kelvins: 1e-3 * np.exp((kelvins - 298.15) / 20.0))
    for halves in ((35.0, 5.0), (5.0, 35.0)):
        warm = np.repeat(halves, 201)
        series = Series(np.arange(402) * 864.0, np.full(402, 0.5), warm, None, 100.0, "NMC")
        closed = part.loss(stress_of(series), np.array([1.0]), NOMINAL)[0, 0]
        q = 0.0
        for k in 1e-3 * np.exp((0.5 * (warm[1:] + warm[:-1]) - 25.0) / 20.0):
            q = (q ** (1 / 0.75) + k ** (1 / 0.75) * 0.01) ** 0.75
        assert closed == pytest.approx(q, rel=1e-4)


@pytest.mark.parametrize("law", POWER, ids=lambda law: law.name)
def test_the_middle_draw_is_the_law_itself(law):
    stress = history()
    for name, one in (("calendar", 1.0), ("depth", 1.0), ("activation", 1.0), ("warmer_k", 0.0)):
        other = 1.3 if name != "warmer_k" else 3.0
        fade = law.fade(stress, 10.0, drawn(**{name: [one, other]}))
        assert fade.capacity[0] == pytest.approx(law.fade(stress, 10.0).capacity[0], rel=1e-9)


@pytest.mark.parametrize("law", POWER, ids=lambda law: law.name)
def test_warmer_weather_as_a_draw_is_warmer_weather(law):
    drawn_warmer = law.fade(history(), 10.0, drawn(warmer_k=[3.0])).capacity
    assert drawn_warmer == pytest.approx(law.fade(history(warm=18.0), 10.0).capacity, rel=4e-3)


def test_depth_draws_follow_the_law_that_is_computed_with_them():
    law, stress = LAWS["schmalstieg"], history()
    cycles = stress.cycles
    for factor in (0.8, 1.17):  # beside the factors that are computed
        exact = np.sqrt(law.cycling.inner(cycles, factor).sum())
        assert law.cycling.loss(cycles, np.array([1.0]), drawn(depth=[factor]))[0, 0] == pytest.approx(exact, rel=2e-4)


@pytest.mark.parametrize("law", POWER, ids=lambda law: law.name)
def test_shapes_of_years_and_draws(law):
    stress, draws = history(), Spread().draws(5, np.random.default_rng(1))
    assert law.fade(stress, 10.0).capacity.shape == (1,)
    assert law.fade(stress, 10.0, draws).capacity.shape == (5,)
    fade = law.fade(stress, np.array([1.0, 5.0, 10.0]), draws)
    assert fade.capacity.shape == (5, 3)
    assert (np.diff(fade.capacity, axis=1) > 0).all()
    assert fade.capacity == pytest.approx(fade.calendar + fade.cyclic)


def test_paired_draws_narrow_a_difference():
    law, draws = LAWS["schmalstieg"], Spread().draws(4000, np.random.default_rng(1))
    low, high = (law.fade(history(depth=depth), 10.0, draws).capacity for depth in (0.4, 0.42))
    assert np.std(high - low) < 0.1 * np.std(high)


def test_the_share_in_range_is_of_the_damage_not_of_the_time():
    law = dataclasses.replace(
        LAWS["schmalstieg"],
        facts=dataclasses.replace(
            LAWS["schmalstieg"].facts,
            fitted=Fitted(
                calendar_c=Bounds(15, 90, "test"), calendar_soc=Bounds(0, 1, "test"), cycling_c=Bounds(-50, 90, "test")
            ),
        ),
    )
    found = range_of(law, history(warm=15.0))
    assert 0.5 < found.calendar < 0.9  # half of the time, but the warmer half
    assert found.cyclic == 0.0  # no source states the depth and the C-rate
    assert min(found.calendar, found.cyclic) < found.total < max(found.calendar, found.cyclic)
    assert range_of(LAWS["schmalstieg"], history()).cyclic == 0.0


def test_share_of_nothing_is_all():
    assert share_of(np.zeros(2), np.array([True, False])) == 1.0
    assert share_of(np.array([1.0, 3.0]), np.array([True, False])) == 0.25


def test_the_activation_energy_turns_about_25_degrees():
    for warm, sign in ((10.0, -1), (25.0, 0), (40.0, 1)):
        value = tilted(np.array([1.0]), np.array([warm]), 50e3, drawn(activation=[1.1]))[0]
        assert np.sign(round(value - 1.0, 6)) == sign
