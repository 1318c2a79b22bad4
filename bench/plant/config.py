"""What describes a plant: its ratings (`PlantConfig`, checked) and what is wrong with its parts (`PlantDefects`).

>>> PlantConfig(capacity_ah=120.0).nominal_energy_kwh
42.5
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, model_validator

from v2g_bench.inputs.models import Checked
from v2g_bench.inputs.ranges import (
    MOST_PARTS,
    CapacityAh,
    CurrentFromZeroA,
    FrequencyHz,
    PackTemperatureC,
    PauseS,
    Percent,
    PowerW,
    Ranged,
    Share,
    SharePct,
    TimeS,
    VoltageV,
    Within,
)

NOMINAL_CELL_V = 3.69
Factor = Annotated[float, Within(-100, 100)]  # what a part that is sick makes of a number; also the other sign


Parts = Annotated[int, Within(1, MOST_PARTS)]


@dataclass(slots=True)
class PlantDefects(Ranged):
    """Part defects that a bench must detect. All at their defaults: a plant without defects. They act at once.

    weld_contactor: the main contactor stays closed when asked to open (sensed as contactor state 3).
    weld_pole: one of its two poles stays closed when asked to open: the current ends, and the BMS senses contactor state 3.
    stuck_feedback: the contactors open, and the BMS goes on sensing them closed.
    skip_precharge: they close without precharge.
    contactor_open_extra_s: it opens, but this much later.
    ignore_stop: the inverter takes a stop command and does not act on it.
    ignore_setpoint: the inverter takes a power setpoint and stays where it is.
    bridge_stop_extra_s: the bridge stops this much later than `PlantConfig.bridge_stop_s`.
    power_gain: AC power delivered per watt asked for.
    pump_failed: the coolant does not flow whatever is requested.
    inverter_scale: factor on the power and the DC current that the inverter reports of itself.
    bms_current_scale: factor on the current that the BMS senses.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    weld_contactor: bool = False
    weld_pole: bool = False
    stuck_feedback: bool = False
    skip_precharge: bool = False
    contactor_open_extra_s: PauseS = 0.0
    ignore_stop: bool = False
    ignore_setpoint: bool = False
    bridge_stop_extra_s: PauseS = 0.0
    power_gain: Factor = 1.0
    pump_failed: bool = False
    inverter_scale: Factor = 1.0
    bms_current_scale: Factor = 1.0


class PlantConfig(Checked):
    """Ratings and times of pack, contactors, power stage and grid. Unknown keys are errors.

    The pack is one series chain: `cells` cells, seen as `strings` strings and `modules` modules of equal size.
    ripple_pct is the peak of the PWM ripple in percent of the current's magnitude. standby_current_a flows out of the
    pack while the contactors are closed (the inverter's own supply), leakage_current_a while they are open.
    soh_pct scales the cells' capacity; cycle_count is what the pack has behind it (energy throughput follows from it).
    defects are the defects as built: `Plant.reset` returns to them.
    """

    cells: Parts = 96
    strings: Parts = 4
    modules: Parts = 12
    capacity_ah: CapacityAh = 156.0
    soc_pct: Percent = 50.0
    soh_pct: SharePct = 96.0
    cycle_count: Annotated[float, Within(0, 1e6)] = 212.0
    temperature_c: PackTemperatureC = 25.0
    ambient_c: PackTemperatureC = 25.0
    max_charge_power_w: PowerW = 50_000.0
    max_discharge_power_w: PowerW = 60_000.0
    continuous_discharge_power_w: PowerW = 27_000.0
    contactor_open_s: PauseS = 0.012
    contactor_close_s: PauseS = 0.020
    precharge_s: PauseS = 0.100
    contactor_arc_s: TimeS = 0.000_2
    leakage_current_a: CurrentFromZeroA = 0.000_5
    standby_current_a: CurrentFromZeroA = 0.05
    bridge_stop_s: PauseS = 0.004
    current_decay_s: TimeS = 0.001_5
    ramp_w_per_s: Annotated[float, Within(0, 1e10, over=True)] = 20_000.0
    rated_power_w: PowerW = 11_000.0
    efficiency: Share = 0.97
    ripple_pct: Percent = 2.0
    ripple_hz: FrequencyHz = 20_000.0
    grid_hz: FrequencyHz = 50.0
    grid_v: VoltageV = 230.0
    defects: PlantDefects = Field(default_factory=PlantDefects)

    @property
    def nominal_energy_kwh(self) -> float:
        """Energy of the new pack, kWh, from its nominal cell voltage."""
        return round(self.cells * self.capacity_ah * NOMINAL_CELL_V / 1000, 1)

    @model_validator(mode="after")
    def _equal_parts(self) -> "PlantConfig":
        for parts, name in ((self.strings, "strings"), (self.modules, "modules")):
            if self.cells % parts:
                raise ValueError(f"{self.cells} cells cannot be split into {parts} equal {name}")
        return self
