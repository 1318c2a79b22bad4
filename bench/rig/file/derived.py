"""What other rooms are configured to, made of the rig file: each fact is stated there once, and handed on from here."""

from typing import Any

from v2g_bench.rig.file.model import Rig


def plant_ratings(rig: Rig) -> dict[str, Any]:
    """The fields of the emulated world's `PlantConfig`: [plant], and what [inverter] states of its power stage."""
    inverter = rig.inverter
    known = {} if inverter.ripple_hz is None else {"ripple_hz": inverter.ripple_hz}
    return rig.plant.model_dump(exclude={"counter_max_delta"}) | {"rated_power_w": inverter.rated_power_w} | known


def reference_thresholds(rig: Rig) -> dict[str, Any]:
    """What the reference controller is configured to: [dut.thresholds], and what [inverter] states of its power stage."""
    inverter = rig.inverter
    return rig.dut.thresholds.model_dump(exclude={"counter_max_delta"}) | {
        "rated_power_w": inverter.rated_power_w,
        "inverter_efficiency": inverter.efficiency,
        "inverter_standby_w": inverter.standby_w,
    }
