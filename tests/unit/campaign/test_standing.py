import pytest

from v2g_bench.campaign.plan import Plan, campaign_path, parse_campaign
from v2g_bench.campaign.run import digest_of
from v2g_bench.campaign.scenario import Stand, Timed
from v2g_bench.campaign.standing import MOMENT_S, MOMENTS, Standing, at, play
from v2g_bench.errors import BenchError
from v2g_bench.faults import EmiNoise, OverTemperature

HOT = OverTemperature(cell=17, to_c=45.5)
NOISY = EmiNoise(loss_pct=20.0, flip_pct=20.0, burst_frames=2, jitter_ms=2.0)  # draws from the noise in every way


def test_the_power_stands_before_the_scenario_begins(standing, told):
    played = standing.play(told())
    assert played.before_a == pytest.approx(-8.78, abs=0.05)
    assert played.times_s[-1] == pytest.approx(played.start_s + 0.3)
    assert played.current_a.max() < -8.5
    assert played.answer[0]


def test_no_scenario_knows_of_another(setup, standing, told):
    """After others, alone, and from nothing: the same bytes."""
    noisy, hot = told(EmiNoise(loss_pct=20.0, jitter_ms=2.0)), told(HOT)
    first = digest_of(standing.play(noisy))
    standing.play(hot)
    assert digest_of(standing.play(noisy)) == first == digest_of(play(setup, noisy))
    assert digest_of(standing.play(hot)) != first


def test_a_core_that_cannot_be_copied_is_built_anew(setup, told):
    """Slower, and the same."""

    def factory(settings):
        ems = setup.factory(settings)
        ems.uncopied = lambda: None
        return ems

    import dataclasses

    odd = dataclasses.replace(setup, factory=factory)
    standing = Standing(odd, told().stand)
    assert "lambda" in standing.uncopied
    copied = Standing(setup, told().stand)
    for faults in ((HOT,), (NOISY,)):
        assert digest_of(standing.play(told(*faults))) == digest_of(copied.play(told(*faults)))


def test_the_reference_controller_and_its_world_can_be_copied(standing):
    """Built anew, a scenario takes four times as long, and nothing else tells."""
    assert standing.uncopied == ""


@pytest.mark.parametrize("name", ["shutdown", "fallbacks", "benign", "frozen"])
def test_a_start_shortly_before_the_fault_leaves_nothing_out(setup, name, monkeypatch):
    """The time before the first fault passes once for all scenarios of a stand, and no byte differs by it."""
    plan = Plan(parse_campaign(campaign_path(name).read_text("utf-8"), name), trials=12, seed=5)
    scenarios = [plan.scenario(index) for index in plan.members(0)]
    assert len({at(one) for one in scenarios}) > 2
    standing = Standing(setup, plan.stand(0))
    late = [digest_of(standing.play(one)) for one in scenarios]
    monkeypatch.setattr("v2g_bench.campaign.standing.at", lambda scenario: 0)
    assert [digest_of(standing.play(one)) for one in scenarios] == late


def test_a_world_is_copied_before_the_fault_and_never_after_it(told):
    import dataclasses

    def first(at_s):
        return dataclasses.replace(told(), faults=(Timed(at_s, HOT), Timed(at_s + 0.1, NOISY)))

    for at_s in (0.0, 0.0001, MOMENT_S, 0.0213, 0.5, 100.0):
        assert at(first(at_s)) * MOMENT_S <= at_s
    assert [at(first(at_s)) for at_s in (0.0, MOMENT_S, 0.0213, 100.0)] == [0, 0, 2, MOMENTS - 1]
    assert at(told()) == 0


def test_a_scenario_of_another_stand_is_refused(standing, told):
    with pytest.raises(BenchError, match="belongs to another operating point"):
        standing.play(told(stand=Stand(2, 50.0, 25.0, -3000.0)))
