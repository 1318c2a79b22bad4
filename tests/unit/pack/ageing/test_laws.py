import numpy as np
import pytest

from v2g_bench.pack.ageing.law import Law
from v2g_bench.pack.ageing.laws import LAWS, MISSING, may_ever_vote
from v2g_bench.pack.ageing.series import Series
from v2g_bench.pack.ageing.stress import stress_of

ASPECTS = {"window", "temperature", "cycling temperature", "depth", "c_rate", "calendar", "plating"}


def day(low=0.3, high=0.7, warm=20.0, rate=0.15, wiggle=0.0):
    time_s = np.arange(7 * 1440 + 1) * 60.0
    hour = time_s / 3600.0 % 24
    up = np.clip(low + rate * hour, low, high)
    soc = np.where(hour < 12, up, np.clip(high - rate * (hour - 12), low, high)) + wiggle * np.sin(time_s)
    return stress_of(Series(time_s, soc, np.full_like(soc, warm), None, 100.0, "NMC"))


@pytest.mark.parametrize("law", LAWS.values(), ids=lambda law: law.name)
def test_every_law_states_what_it_is(law):
    facts = law.facts
    assert LAWS[law.name] is law
    assert facts.chemistry in {"NMC", "LFP", "LMO"}
    assert facts.source
    assert facts.cell
    assert facts.blind_to <= ASPECTS
    assert not set(MISSING) & set(LAWS)


@pytest.mark.parametrize("law", LAWS.values(), ids=lambda law: law.name)
def test_what_a_law_is_blind_to_does_not_move_it_and_what_it_sees_does(law):
    base = law.fade(day(), 10.0).capacity[0]
    assert (abs(law.fade(day(0.5, 0.9), 10.0).capacity[0] / base - 1) < 1e-6) == ("window" in law.blind_to)
    assert abs(law.fade(day(warm=30.0), 10.0).capacity[0] / base - 1) > 1e-3  # none is blind to all temperature


@pytest.mark.parametrize("law", LAWS.values(), ids=lambda law: law.name)
def test_loss_grows_and_is_a_share(law: Law):
    loss = law.fade(day(), np.array([0.0, 1.0, 5.0, 10.0])).capacity[0]
    assert loss[0] == 0.0
    assert (np.diff(loss) > 0).all()
    assert loss[-1] < 0.6


def test_clamps_are_counted():
    small = day(wiggle=0.004)
    assert LAWS["schmalstieg"].clamps(small)["resistance of small cycles held at 0"] > 0.1
    assert LAWS["schmalstieg"].clamps(day())["resistance of small cycles held at 0"] == 0.0
    (share,) = LAWS["xu"].clamps(small).values()
    assert share > 0.1
    (held,) = LAWS["wang2011"].clamps(day()).values()
    assert held == 1.0


@pytest.mark.parametrize("law", [law for law in LAWS.values() if not may_ever_vote(law)], ids=lambda law: law.name)
def test_who_can_never_vote_has_nothing_in_range_or_no_headline(law):
    """Whatever the battery went through: at rest, and in cycles in the middle of what others were tested at."""
    for history in (day(warm=25.0), day(low=0.0, high=1.0, warm=30.0, rate=1.0)):
        assert not law.facts.headline or law.in_range(history).total == 0.0
