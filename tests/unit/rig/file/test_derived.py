"""What other rooms are configured to is what the rig file states, and nothing states it a second time."""

import pytest

from v2g_bench.ems.model.config import Thresholds
from v2g_bench.errors import BenchError
from v2g_bench.plant.config import PlantConfig
from v2g_bench.rig.file.derived import plant_ratings, reference_thresholds
from v2g_bench.rig.file.load import load_rig, shipped_rigs


def rig_with(folder, inverter="", plant=""):
    """The rig sim, in whose file these lines are added to [inverter] and [plant]."""
    text = shipped_rigs()["sim"].read_text().replace("rated_power_w = 11_000\nripple_hz = 20_000\n", inverter)
    path = folder / "mine.toml"
    path.write_text(f"{text}\n[plant]\n{plant}")
    return load_rig(str(path)).rig


def test_the_emulated_inverter_is_the_one_that_the_rig_states(tmp_path):
    rig = rig_with(tmp_path, "rated_power_w = 7400\nripple_hz = 16_000\n", "cells = 48\n")
    plant = PlantConfig.model_validate(plant_ratings(rig))
    assert (plant.rated_power_w, plant.ripple_hz, plant.cells) == (7400, 16_000, 48)


def test_a_ripple_that_nobody_knows_is_the_plant_s_own(tmp_path):
    rig = rig_with(tmp_path, plant="ripple_hz = 8000\n")
    assert rig.inverter.ripple_hz is None, "the bench does not know it"
    assert PlantConfig.model_validate(plant_ratings(rig)).ripple_hz == 8000


def test_the_reference_controller_knows_the_inverter_that_the_rig_states(tmp_path):
    rig = rig_with(tmp_path, "rated_power_w = 7400\nefficiency = 0.9\nstandby_w = 30\n", "efficiency = 0.92\n")
    limits = Thresholds(**reference_thresholds(rig))
    assert (limits.rated_power_w, limits.inverter_efficiency, limits.inverter_standby_w) == (7400, 0.9, 30)
    assert limits.bms_timeout_s == rig.dut.thresholds.bms_timeout_s


@pytest.mark.parametrize(
    ("inverter", "plant", "message"),
    [
        ("rated_power_w = 7400\n", "rated_power_w = 11_000\n", "[plant] rated_power_w = 11000 and [inverter]"),
        ("ripple_hz = 16_000\n", "ripple_hz = 20_000\n", "[plant] ripple_hz = 20000 and [inverter]"),
        ("", "efficiency = 0.9\n", "[plant] efficiency = 0.9 is below [inverter] efficiency = 0.95"),
    ],
)
def test_a_fact_that_is_stated_twice_and_differs_is_refused(tmp_path, inverter, plant, message):
    with pytest.raises(BenchError) as reported:
        rig_with(tmp_path, inverter, plant)
    assert message in str(reported.value)


def test_a_fact_that_is_stated_twice_alike_is_taken(tmp_path):
    rig_with(tmp_path, "rated_power_w = 7400\nripple_hz = 16_000\n", "rated_power_w = 7400\nripple_hz = 16_000\n")
