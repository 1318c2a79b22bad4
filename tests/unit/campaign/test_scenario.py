import pytest

from v2g_bench.campaign.scenario import OperatingPoint, Scenario, Timed, read_scenario
from v2g_bench.errors import BenchError
from v2g_bench.faults import EmiNoise, OverTemperature

SCENARIO = Scenario(
    "two",
    OperatingPoint(7, 48.5, 23.0, -3000.0),
    (Timed(0.013, OverTemperature(cell=17, to_c=45.5)), Timed(0.0, EmiNoise(loss_pct=5.0))),
    0.2,
    0.26,
)


def test_a_file_gives_the_same_scenario_back(tmp_path):
    path = tmp_path / "two.toml"
    path.write_text(SCENARIO.to_toml(), "utf-8")
    assert read_scenario(path) == SCENARIO


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 7", "seed = 7.5", "seed: 7.5 is not a whole number"),
        ("power_w = -3000.0", "", "power_w: is missing"),
        ("clear_s = 0.2", "clear_s = nan", "clear_s: nan is not a number"),
        ("end_s = 0.26", "end_s = 0.2", "end_s: leaves no"),
        ("at_s = 0.013", "at_s = 0.21", "begins at 0.21 s, when all are taken back"),
        ('kind = "emi_noise"', 'kind = "emi_nose"', "faults[1]: fault: unknown kind 'emi_nose'"),
        ("to_c = 45.5", "to_c = 900", "faults[0]: fault over_temperature: to_c: 900 is not a number from -40 to 150"),
        ("soc_pct", "soc", "soc: unknown key"),
        ("name = ", "name == ", "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_key(tmp_path, old, new, message):
    path = tmp_path / "wrong.toml"
    assert old in SCENARIO.to_toml()
    path.write_text(SCENARIO.to_toml().replace(old, new, 1), "utf-8")
    with pytest.raises(BenchError) as error:
        read_scenario(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BenchError, match="none.toml: cannot be read"):
        read_scenario(tmp_path / "none.toml")
