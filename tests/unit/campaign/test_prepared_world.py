import pytest

from v2g_bench.campaign.plan import CampaignPlan, campaign_path, parse_campaign
from v2g_bench.campaign.prepared_world import MOMENT_S, MOMENTS, PreparedWorld, at, play
from v2g_bench.campaign.run import digest_of
from v2g_bench.campaign.scenario import OperatingPoint, Timed
from v2g_bench.errors import BenchError
from v2g_bench.faults import EmiNoise, OverTemperature

HOT = OverTemperature(cell=17, to_c=45.5)
NOISY = EmiNoise(loss_pct=20.0, flip_pct=20.0, burst_frames=2, jitter_ms=2.0)  # draws from the noise in every way


def test_the_power_stands_before_the_scenario_begins(prepared, reported):
    scenario_run = prepared.play(reported())
    assert scenario_run.before_a == pytest.approx(-8.78, abs=0.05)
    assert scenario_run.times_s[-1] == pytest.approx(scenario_run.start_s + 0.3)
    assert scenario_run.current_a.max() < -8.5
    assert scenario_run.answer[0]


def test_no_scenario_knows_of_another(setup, prepared, reported):
    """After others, alone, and from nothing: the same bytes."""
    noisy, hot = reported(EmiNoise(loss_pct=20.0, jitter_ms=2.0)), reported(HOT)
    first = digest_of(prepared.play(noisy))
    prepared.play(hot)
    assert digest_of(prepared.play(noisy)) == first == digest_of(play(setup, noisy))
    assert digest_of(prepared.play(hot)) != first


def test_a_core_that_cannot_be_copied_is_built_anew(setup, reported):
    """Slower, and the same."""

    def factory(settings):
        ems = setup.factory(settings)
        ems.uncopied = lambda: None
        return ems

    import dataclasses

    odd = dataclasses.replace(setup, factory=factory)
    prepared = PreparedWorld(odd, reported().operating_point)
    assert "lambda" in prepared.uncopied
    copied = PreparedWorld(setup, reported().operating_point)
    for faults in ((HOT,), (NOISY,)):
        assert digest_of(prepared.play(reported(*faults))) == digest_of(copied.play(reported(*faults)))


def test_the_reference_controller_and_its_world_can_be_copied(prepared):
    """Built anew, a scenario takes four times as long, and nothing else tells."""
    assert prepared.uncopied == ""


@pytest.mark.parametrize("name", ["shutdown", "fallbacks", "benign", "frozen"])
def test_a_start_shortly_before_the_fault_leaves_nothing_out(setup, name, monkeypatch):
    """The time before the first fault passes once for all scenarios of a stand, and no byte differs by it."""
    plan = CampaignPlan(parse_campaign(campaign_path(name).read_text("utf-8"), name), trials=12, seed=5)
    drawn = sorted((plan.scenario(index) for index in plan.members(0)), key=lambda one: one.end_s)
    scenarios = list({at(one): one for one in reversed(drawn)}.values())[-2:]  # of different starts, the shortest
    assert len(scenarios) == 2
    assert max(map(at, scenarios)) > 0
    prepared = PreparedWorld(setup, plan.operating_point(0))
    late = [digest_of(prepared.play(one)) for one in scenarios]
    monkeypatch.setattr("v2g_bench.campaign.prepared_world.at", lambda scenario: 0)
    assert [digest_of(prepared.play(one)) for one in scenarios] == late


def test_a_world_is_copied_before_the_fault_and_never_after_it(reported):
    import dataclasses

    def first(at_s):
        return dataclasses.replace(reported(), faults=(Timed(at_s, HOT), Timed(at_s + 0.1, NOISY)))

    for at_s in (0.0, 0.0001, MOMENT_S, 0.0213, 0.5, 100.0):
        assert at(first(at_s)) * MOMENT_S <= at_s
    assert [at(first(at_s)) for at_s in (0.0, MOMENT_S, 0.0213, 100.0)] == [0, 0, 2, MOMENTS - 1]
    assert at(reported()) == 0


def test_a_scenario_of_another_stand_is_refused(prepared, reported):
    with pytest.raises(BenchError, match="belongs to another operating point"):
        prepared.play(reported(operating_point=OperatingPoint(2, 50.0, 25.0, -3000.0)))
