"""The plant process's configuration: one JSON file, checked. Unknown keys are errors.

{"control": "/run/bench/control", "seed": 1,
 "dbc": "dbc/v2g_bms_fd.dbc", "roles": {"soc": "BMS_PackStatus.StateOfCharge"},
 "bus": {"interface": "v2g_userland", "channel": "/run/bench/bus", "fd": true},
 "plant": {"soc_pct": 60}, "inverter": {"unit_id": 1},
 "meters": {"dc_current": {"driver": "keysight-34465a", "transport": "hislip", "shunt_ohm": 0.001}}}
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from v2g_bench.bms.emulator import COMMAND_TIMEOUT_S
from v2g_bench.inputs.models import Checked, validated
from v2g_bench.inputs.ranges import BitRate, Seed, TimeS, Within
from v2g_bench.inputs.text import read_json
from v2g_bench.inverter.nameplate import InverterConfig
from v2g_bench.plant.config import PlantConfig


class BusSettings(Checked):
    """The bus that the BMS speaks on; the arguments of `v2g_bench.can.buses.open_bus`."""

    interface: str = "v2g_userland"
    channel: str
    fd: bool = True
    bitrate: BitRate = 500_000
    data_bitrate: BitRate = 2_000_000
    physics: bool = False  # the hub at `channel` has a wire, which faults can disturb

    def opening(self) -> dict[str, Any]:
        """The arguments of `open_bus`."""
        return self.model_dump(exclude={"physics"}) | {"name": "bms"}


class BmsSettings(Checked):
    """command_timeout_s: without a good command for this long the BMS opens its contactors."""

    command_timeout_s: TimeS = COMMAND_TIMEOUT_S


class MeterSettings(Checked):
    """One emulated instrument; all other keys are options of its emulator (shunt_ohm …), checked by it."""

    model_config = ConfigDict(extra="allow")

    driver: str
    transport: Literal["hislip", "socket"] = "hislip"

    def options(self) -> dict[str, Any]:
        """The emulator's own options."""
        return dict(self.__pydantic_extra__ or {})


class SyncSettings(Checked):
    """The sync line. Its edge is uniformly distributed within ± half_width_s of the time reported to the bench."""

    half_width_s: Annotated[float, Within(0, 0.1, under=True)] = 5e-6


class PlantSettings(Checked):
    """The whole file. Paths are relative to the working directory. bus null: no BMS (a real one is on the bench)."""

    control: str
    seed: Seed = 0
    dbc: str = ""
    roles: dict[str, Any] = Field(default_factory=dict)
    bus: BusSettings | None = None
    plant: PlantConfig = PlantConfig()
    bms: BmsSettings = BmsSettings()
    inverter: InverterConfig | None = Field(default_factory=lambda: InverterConfig.model_validate({}))
    # the inverter has a second port as well: see `inverter.service_port`
    service_port: Literal["none", "modbus-rtu", "modbus-tcp"] = "none"
    meters: dict[str, MeterSettings] = Field(default_factory=dict)
    sync: SyncSettings = SyncSettings()
    truth: str | None = None  # a file for what really happened: see `recorder`

    def inverter_config(self) -> InverterConfig | None:
        """The inverter; ratings that the file leaves out follow from the plant's power stage, grid and pack."""
        if self.inverter is None:
            return None
        plant = self.plant
        ratings = {
            "rated_power_w": plant.rated_power_w,
            "nominal_v": plant.grid_v,
            "nominal_hz": plant.grid_hz,
            "battery_wh": 1000 * plant.nominal_energy_kwh,
        }
        given = self.inverter.model_dump(exclude_unset=True)
        return InverterConfig.model_validate(ratings | given)


def read_settings(path: Path) -> PlantSettings:
    """The checked file; BenchError that names the file and the key."""
    return validated(PlantSettings, read_json(path), str(path))
