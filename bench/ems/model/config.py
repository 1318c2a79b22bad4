"""ems.toml: what the controller is wired to, where its files are, and its thresholds.

Unknown keys are errors. Paths that are not absolute count from the folder of the file.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from v2g_bench.inputs.models import Checked, validated
from v2g_bench.inputs.ranges import (
    BitRate,
    CanId,
    CapacityAh,
    CurrentA,
    DifferenceK,
    PauseS,
    Percent,
    Port,
    PowerFromZeroW,
    PowerW,
    Share,
    SharePct,
    TimeS,
    Within,
)
from v2g_bench.inputs.text import read_toml

HysteresisK = Annotated[float, Within(0, 100)]
CellV = Annotated[float, Within(0, 6, over=True)]  # of any lithium chemistry


class BusConfig(Checked):
    """The CAN interface to the BMS. max_delta: the step of a counter that still counts as lost frames (AUTOSAR E2E)."""

    interface: str = "socketcan"
    channel: str = "can0"
    fd: bool = True
    bitrate: BitRate = 500_000
    data_bitrate: BitRate = 2_000_000
    max_delta: Annotated[int, Within(1, 254)] = 3


class BmsConfig(Checked):
    """The BMS's database and which signal plays which role."""

    dbc: Path
    roles: dict[str, str | dict[str, Any]]


class InverterConfig(Checked):
    """Modbus TCP, SunSpec. revert_s: the inverter falls back to zero power when it has received nothing for this long."""

    host: str
    port: Port = 502
    unit_id: Annotated[int, Within(0, 255)] = 1
    request_timeout_s: TimeS = 0.3
    poll_s: TimeS = 0.2
    revert_s: Annotated[int, Within(2, 86_400)] = 4


class FilesConfig(Checked):
    """limits and thermal_policy may be absent (the defaults hold); state keeps the latches over a restart."""

    limits: Path = Path("/etc/v2g/limits.conf")
    thermal_policy: Path = Path("/etc/v2g/thermal-policy.json")
    log: Path = Path("/var/log/v2g-main.log")
    state: Path | None = None
    audit: Path | None = None  # without it: audit.jsonl in the folder of the state file
    log_max_bytes: Annotated[int, Within(4096, 2**40)] = 10_000_000
    log_keep: Annotated[int, Within(1, 99)] = 5

    @property
    def audit_trail(self) -> Path | None:
        """Where the audit trail is kept; None without a place for it."""
        return self.audit or (self.state.with_name("audit.jsonl") if self.state else None)


class ControlConfig(Checked):
    """The UNIX socket of v2g-ctrl and v2g-health. Who may write to it is authorised to reset."""

    socket: Path = Path("/run/v2g/ems.sock")


class DiagnosisConfig(Checked):
    """Trouble codes (DTCs) by UDS, or by OBD mode 03 where the BMS has no UDS.

    fd: None as the bus. Each readout runs a process for about a second, so the period should be minutes.
    """

    enabled: bool = True
    request_id: CanId = 0x7E4
    response_id: CanId = 0x7EC
    fd: bool | None = None
    first_s: TimeS = 5.0
    period_s: Annotated[float, Within(1, 86_400)] = 300.0
    timeout_s: Annotated[float, Within(0, 10, over=True)] = 1.0
    # SAE J2012: hybrid/EV battery pack voltage variation
    imbalance_codes: tuple[Annotated[str, Field(pattern="^[PCBU][0-3][0-9A-F]{3}$")], ...] = ("P0BBD",)

    def on_fd(self, bus: BusConfig) -> bool:
        """Whether requests go out as FD frames on this bus."""
        return bus.fd if self.fd is None else self.fd


class Thresholds(Checked):
    """Every number that the cores judge by. Sources: the V2G manual; where it gives none, the value is our choice."""

    trip_temperature_c: Annotated[float, Within(0, 60, over=True)] = 45.0
    trip_string_difference_v: Annotated[float, Within(0, 1, over=True)] = 0.3
    open_below_a: CurrentA = 3.0  # foxBMS opens below 3.5 A; less, as the BMS's sensor has an error
    # 50 ms less what a contactor takes to open (12 ms) and what the machine takes
    open_last_moment_s: TimeS = 0.031
    contactors_stuck_s: TimeS = 0.3  # foxBMS waits 100 ms for the feedback; the BMS repeats it every 20 ms
    bms_timeout_s: Annotated[float, Within(0.02, 5)] = 0.1
    bms_recover_s: PauseS = 0.5
    startup_s: TimeS = 2.0
    inverter_timeout_s: TimeS = 1.0
    inverter_recover_s: PauseS = 0.5
    gradient_k: DifferenceK = 8.0
    gradient_hysteresis_k: HysteresisK = 2.0
    gradient_hold_s: PauseS = 1.5
    gradient_discharge_pct: Percent = 50.0
    cooling_hysteresis_k: HysteresisK = 2.0
    soc_divergence_pct: SharePct = 5.0
    soc_hysteresis_pct: Percent = 0.5
    packet_loss_pct: Percent = 10.0
    noise_window_s: TimeS = 1.0
    cell_upper_v: CellV = 4.1
    cell_lower_v: CellV = 3.2
    cell_full_v: CellV = 4.2
    cell_hysteresis_v: Annotated[float, Within(0, 1)] = 0.05
    capacity_ah: CapacityAh | None = None  # only for a BMS that does not send it
    rated_power_w: PowerW = 11_000.0
    # The BMS limits DC power, the setpoint is AC: this much of the DC power arrives at worst.
    inverter_efficiency: Share = 0.95
    inverter_standby_w: PowerFromZeroW = 50.0  # and so much of it its own supply takes
    contactor_linger_s: PauseS = 10.0
    soh_review_pct: Percent = 80.0
    derating_rise_pct_per_s: Annotated[float, Within(0, 1e6, over=True)] = 10.0
    micro_cycle_pct: SharePct = 10.0
    departure_horizon_s: TimeS = 7200.0
    departure_soc_pct: Percent = 80.0
    departure_charge_margin: Share = 0.8
    precool_lead_s: TimeS = 1800.0
    precool_target_c: Annotated[float, Within(20, 35)] = 25.0
    force_min_soc_pct: Percent = 10.0
    force_max_soc_pct: Percent = 95.0
    force_limit_s: TimeS = 3600.0
    meter_tolerance_w: PowerW = 400.0
    meter_tolerance_pct: SharePct = 15.0
    meter_hold_s: TimeS = 3.0


class EmsConfig(Checked):
    """The whole of ems.toml."""

    bus: BusConfig = BusConfig()
    bms: BmsConfig
    inverter: InverterConfig
    files: FilesConfig = FilesConfig()
    control: ControlConfig = ControlConfig()
    diagnosis: DiagnosisConfig = DiagnosisConfig()
    thresholds: Thresholds = Thresholds()


def load_config(path: Path) -> EmsConfig:
    """Read ems.toml. Raises: BenchError with file, key and a hint."""
    raw = read_toml(path, "the line above names the place", unreadable="give the file with --config")
    return _anchored(validated(EmsConfig, raw, str(path), "correct it in the file"), path.resolve().parent)


def _anchored(config: EmsConfig, folder: Path) -> EmsConfig:
    """The same configuration with absolute paths."""
    files = config.files
    return config.model_copy(
        update={
            "bms": config.bms.model_copy(update={"dbc": folder / config.bms.dbc}),
            "files": files.model_copy(
                update={
                    "limits": folder / files.limits,
                    "thermal_policy": folder / files.thermal_policy,
                    "log": folder / files.log,
                    "state": folder / files.state if files.state else None,
                    "audit": folder / files.audit if files.audit else None,
                }
            ),
            "control": config.control.model_copy(update={"socket": folder / config.control.socket}),
        }
    )
