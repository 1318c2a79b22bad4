import pytest
from pydantic import ValidationError

from v2g_bench.plant.config import PlantConfig, PlantDefects


def test_unknown_keys_are_errors():
    with pytest.raises(ValidationError, match="ripple_percent"):
        PlantConfig.model_validate({"ripple_percent": 2})
    with pytest.raises(ValidationError, match="welded"):
        PlantConfig.model_validate({"defects": {"welded": True}})


def test_defects_come_from_plain_data():
    assert PlantConfig.model_validate({"defects": {"ignore_stop": True}}).defects == PlantDefects(ignore_stop=True)


@pytest.mark.parametrize("bad", [{"modules": 7}, {"strings": 5}, {"efficiency": 1.2}, {"capacity_ah": 0}])
def test_impossible_plants_are_refused(bad):
    with pytest.raises(ValidationError):
        PlantConfig.model_validate(bad)


def test_nominal_energy():
    assert PlantConfig().nominal_energy_kwh == 55.3
