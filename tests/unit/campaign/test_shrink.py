from dataclasses import replace

from v2g_bench.campaign.scenario import OperatingPoint, Scenario, Timed
from v2g_bench.campaign.shrink import shrink
from v2g_bench.faults import EmiNoise, OverTemperature, SocDivergence

LARGE = Scenario(
    "large",
    OperatingPoint(4711, 63.2, 31.4, 8123.0),
    (
        Timed(0.0412, SocDivergence(by_pct=3.3)),
        Timed(0.0637, OverTemperature(cell=88, to_c=47.3, ramp_k_per_s=800.0)),
        Timed(0.07, EmiNoise(loss_pct=12.0)),
    ),
    0.31,
    0.37,
)


def hot(scenario):
    """Fails wherever some cell gets hot."""
    return {"isolation"} if any(isinstance(one.fault, OverTemperature) for one in scenario.faults) else set()


def test_what_does_not_matter_goes():
    small = shrink(LARGE, hot)
    assert small.name == "large-small"
    assert small.operating_point == OperatingPoint(1, 50.0, 25.0, 3000.0)
    assert small.faults == (Timed(0.0, OverTemperature(cell=17, to_c=45.5)),)
    assert small.clear_s <= 0.1
    assert small.end_s - small.clear_s >= 0.02


def test_what_matters_stays():
    def both(scenario):
        kinds = {one.fault.kind for one in scenario.faults}
        hotter = any(isinstance(one.fault, OverTemperature) and one.fault.to_c > 47 for one in scenario.faults)
        return {"isolation"} if hotter and "emi_noise" in kinds and scenario.operating_point.soc_pct > 60 else set()

    small = shrink(LARGE, both)
    assert both(small)
    assert {one.fault.kind for one in small.faults} == {"over_temperature", "emi_noise"}
    assert small.operating_point.soc_pct == 63.2


def test_another_failure_is_not_the_same():
    """Without its noise the scenario fails in another way: the noise stays."""

    def fails(scenario):
        return {"log"} if any(isinstance(one.fault, EmiNoise) for one in scenario.faults) else {"latch"}

    assert any(isinstance(one.fault, EmiNoise) for one in shrink(LARGE, fails).faults)


def test_a_good_scenario_is_left_alone():
    assert shrink(LARGE, lambda scenario: set()) is LARGE


def test_it_gives_the_same_again():
    assert shrink(LARGE, hot) == shrink(LARGE, hot)


def test_a_cell_is_one_of_the_pack_that_it_was_found_on():
    """A pack of eight cells has no cell 17."""
    first = replace(LARGE, faults=(Timed(0.0637, OverTemperature(cell=8, to_c=47.3)),))
    assert shrink(first, hot).faults == (Timed(0.0, OverTemperature(cell=8, to_c=45.5)),)
