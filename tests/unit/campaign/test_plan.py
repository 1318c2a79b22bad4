import pytest

from v2g_bench.campaign.plan import SHIPPED, CampaignPlan, campaign_path, parse_campaign
from v2g_bench.errors import BenchError
from v2g_bench.faults import OverTemperature

TEXT = """
name = "small"
trials = 40
per_stand = 10
[stand]
soc_pct = [40, 60]
power_w = [-5000, 5000]
[time]
second_share = 0.5
[[fault]]
kind = "over_temperature"
weight = 3
cell = [1, 96, 1]
to_c = [44.0, 46.0, 0.1]
ramp_k_per_s = [100, 200]
[[fault]]
kind = "bms_silence"
hold_s = [0.3, 0.4]
"""


@pytest.fixture(scope="module")
def plan():
    return CampaignPlan(parse_campaign(TEXT, "small.toml"))


def test_the_same_file_gives_the_same_scenarios_in_any_order(plan):
    again = CampaignPlan(parse_campaign(TEXT, "small.toml"))
    assert [again.scenario(index) for index in reversed(range(40))][::-1] == [plan.scenario(i) for i in range(40)]
    other = CampaignPlan(parse_campaign(TEXT, "small.toml"), seed=2)
    assert other.scenario(3).faults != plan.scenario(3).faults


def test_everything_lies_in_its_span(plan):
    scenarios = [plan.scenario(index) for index in range(40)]
    hot = [one.fault for s in scenarios for one in s.faults if isinstance(one.fault, OverTemperature)]
    assert {len(s.faults) for s in scenarios} == {1, 2}
    assert all(44.0 <= fault.to_c <= 46.0 and round(10 * fault.to_c, 6) % 1 == 0 for fault in hot)
    assert {fault.ramp_k_per_s == 0 for fault in hot} == {True, False}
    assert all(fault.ramp_k_per_s == 0 or 100 <= fault.ramp_k_per_s <= 200 for fault in hot)
    assert all(40 <= s.operating_point.soc_pct <= 60 and -5000 <= s.operating_point.power_w <= 5000 for s in scenarios)
    assert all(s.clear_s > max(one.at_s for one in s.faults) for s in scenarios)


def test_a_latin_hypercube_fills_every_stratum(plan):
    """Of 40 scenarios each fortieth of the first fault's time has one."""
    at_s = sorted(plan.scenario(index).faults[0].at_s for index in range(40))
    assert [int(one / 0.1 * 40) for one in at_s] == list(range(40))


def test_stands_share_their_pack(plan):
    assert plan.operating_points == 4
    assert [list(plan.members(place)) for place in range(4)] == [list(range(k, k + 10)) for k in (0, 10, 20, 30)]
    assert len({plan.scenario(index).operating_point for index in range(40)}) == 4
    assert all(plan.scenario(index).operating_point == plan.operating_point(index // 10) for index in range(40))
    assert list(CampaignPlan(parse_campaign(TEXT, "x"), trials=15).members(1)) == [10, 11, 12, 13, 14]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "bms_silence"', 'kind = "bms_noise"', "fault[1].kind"),
        ("to_c", "to_f", "fault over_temperature"),
        ("46.0", "400.0", "to_c: 400.0 is not a number from -40 to 150"),
        ("second_share = 0.5", "second_share = 1.5", "time.second_share"),
        ("trials", "trial", "trial: unknown key, did you mean trials?"),
        ("[stand]", "[limits]\nisolation = 3\n[stand]", "limits.isolation: unknown key"),
        ("[stand]", "[stand", "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused(old, new, message):
    assert old in TEXT
    with pytest.raises(BenchError) as error:
        parse_campaign(TEXT.replace(old, new, 1), "small.toml")
    assert message in str(error.value)
    assert "small.toml" in str(error.value)


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_what_ships_can_be_read(path):
    assert campaign_path(path.stem) == path
    found = parse_campaign(path.read_text("utf-8"), str(path))
    assert found.name == path.stem
    CampaignPlan(found, trials=20).scenario(19)


def test_an_unknown_campaign_names_those_that_ship():
    with pytest.raises(BenchError, match="benign, fallbacks, frozen, shutdown"):
        campaign_path("shutdwon")
