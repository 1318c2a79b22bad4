import math

import pytest
from pydantic import ValidationError

from v2g_bench.inverter.nameplate import InverterConfig, power_up_image, write_limits


def test_an_unknown_key_is_an_error():
    with pytest.raises(ValidationError, match="rated_power"):
        InverterConfig(rated_power=11_000)


def test_all_writable_points_with_a_value_have_limits_or_states():
    image, limits = power_up_image(InverterConfig()), write_limits(InverterConfig())
    for model in (1, 702, 703, 704, 715):
        for key, (_, point) in image._at.items():
            if point.model == model and point.writable and image.raw(key) is not None:
                assert key in limits or point.states, key


def test_power_up_values_are_inside_their_own_limits():
    config = InverterConfig()
    image = power_up_image(config)
    for key, (low, high) in write_limits(config).items():
        assert low <= image.number(key, absent=math.nan) <= high, key


@pytest.mark.parametrize(("rated_w", "exponent"), [(11_000, 0), (30_000, 0), (50_000, 1)])
def test_a_large_inverter_counts_in_tens_of_watts(rated_w, exponent):
    image = power_up_image(InverterConfig(rated_power_w=rated_w))
    assert image.raw("701.W_SF") == exponent
    assert image.number("702.WMaxRtg") == rated_w


def test_a_battery_that_nobody_described_has_no_energy_rating():
    assert power_up_image(InverterConfig()).raw("713.WHRtg") is None
    assert power_up_image(InverterConfig(battery_wh=60_000)).number("713.WHRtg") == 60_000
