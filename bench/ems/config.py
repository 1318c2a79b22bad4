"""ems.toml: what the controller is wired to, where its files are, and its thresholds.

Unknown keys are errors. Paths that are not absolute count from the folder of the file.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from v2g_bench.ems.files import read_text
from v2g_bench.errors import BenchError

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Percent = Annotated[float, Field(ge=0, le=100)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BusConfig(_Section):
    """The CAN interface to the BMS."""

    interface: str = "socketcan"
    channel: str = "can0"
    fd: bool = True
    bitrate: Annotated[int, Field(gt=0)] = 500_000
    data_bitrate: Annotated[int, Field(gt=0)] = 2_000_000


class BmsConfig(_Section):
    """The BMS's database and which signal plays which role."""

    dbc: Path
    roles: dict[str, str | dict[str, Any]]


class InverterConfig(_Section):
    """Modbus TCP, SunSpec. revert_s: the inverter falls back to zero power when it has not heard from us this long."""

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 502
    unit_id: Annotated[int, Field(ge=0, le=255)] = 1
    request_timeout_s: Positive = 0.3
    poll_s: Positive = 0.2
    revert_s: Annotated[int, Field(ge=2)] = 4


class FilesConfig(_Section):
    """limits and thermal_policy may be absent (the defaults hold); state keeps the latches over a restart."""

    limits: Path = Path("/etc/v2g/limits.conf")
    thermal_policy: Path = Path("/etc/v2g/thermal-policy.json")
    log: Path = Path("/var/log/v2g-main.log")
    state: Path | None = None
    audit: Path | None = None  # without it: audit.jsonl beside the state
    log_max_bytes: Annotated[int, Field(ge=4096)] = 10_000_000
    log_keep: Annotated[int, Field(ge=1, le=99)] = 5

    @property
    def audit_trail(self) -> Path | None:
        """Where the audit trail is kept; None without a place for it."""
        return self.audit or (self.state.with_name("audit.jsonl") if self.state else None)


class ControlConfig(_Section):
    """The UNIX socket of v2g-ctrl and v2g-health. Who may write to it is authorised to reset."""

    socket: Path = Path("/run/v2g/ems.sock")


class DiagnosisConfig(_Section):
    """Trouble codes (DTCs) by UDS, or by OBD mode 03 where the BMS has no UDS.

    fd: None as the bus. Each read-out takes a process of its own for a second, so the period should be minutes.
    """

    enabled: bool = True
    request_id: Annotated[int, Field(ge=0, le=0x1FFFFFFF)] = 0x7E4
    response_id: Annotated[int, Field(ge=0, le=0x1FFFFFFF)] = 0x7EC
    fd: bool | None = None
    first_s: Positive = 5.0
    period_s: Annotated[float, Field(ge=1)] = 300.0
    timeout_s: Annotated[float, Field(gt=0, le=10)] = 1.0
    # SAE J2012: hybrid/EV battery pack voltage variation
    imbalance_codes: tuple[Annotated[str, Field(pattern="^[PCBU][0-3][0-9A-F]{3}$")], ...] = ("P0BBD",)


class Thresholds(_Section):
    """Every number that the cores judge by. Sources: the V2G manual; where it gives none, the value is our choice."""

    trip_temperature_c: Annotated[float, Field(gt=0, le=60)] = 45.0
    trip_string_difference_v: Annotated[float, Field(gt=0, le=1)] = 0.3
    bms_timeout_s: Annotated[float, Field(ge=0.02, le=5)] = 0.1
    bms_recover_s: NotNegative = 0.5
    startup_s: Positive = 2.0
    inverter_timeout_s: Positive = 1.0
    inverter_recover_s: NotNegative = 0.5
    gradient_k: Positive = 8.0
    gradient_hysteresis_k: NotNegative = 2.0
    gradient_hold_s: NotNegative = 1.5
    gradient_discharge_pct: Percent = 50.0
    cooling_hysteresis_k: NotNegative = 2.0
    soc_divergence_pct: Positive = 5.0
    soc_hysteresis_pct: NotNegative = 0.5
    packet_loss_pct: Percent = 10.0
    noise_window_s: Positive = 1.0
    cell_upper_v: Positive = 4.1
    cell_lower_v: Positive = 3.2
    cell_full_v: Positive = 4.2
    cell_hysteresis_v: NotNegative = 0.05
    capacity_ah: Positive | None = None  # only for a BMS that does not send it
    rated_power_w: Positive = 11_000.0
    # The BMS limits DC power, the setpoint is AC: this much of the DC power arrives at worst.
    inverter_efficiency: Annotated[float, Field(gt=0, le=1)] = 0.95
    contactor_linger_s: NotNegative = 10.0
    soh_review_pct: Percent = 80.0
    derating_rise_pct_per_s: Positive = 10.0
    micro_cycle_pct: Annotated[float, Field(gt=0, le=100)] = 10.0
    departure_horizon_s: Positive = 7200.0
    departure_soc_pct: Percent = 80.0
    departure_charge_margin: Annotated[float, Field(gt=0, le=1)] = 0.8
    precool_lead_s: Positive = 1800.0
    precool_target_c: Annotated[float, Field(ge=20, le=35)] = 25.0
    force_min_soc_pct: Percent = 10.0
    force_max_soc_pct: Percent = 95.0
    force_limit_s: Positive = 3600.0
    meter_tolerance_w: Positive = 400.0
    meter_tolerance_pct: Annotated[float, Field(gt=0, le=100)] = 15.0
    meter_hold_s: Positive = 3.0


class EmsConfig(_Section):
    """The whole of ems.toml."""

    bus: BusConfig = BusConfig()
    bms: BmsConfig
    inverter: InverterConfig
    files: FilesConfig = FilesConfig()
    control: ControlConfig = ControlConfig()
    diagnosis: DiagnosisConfig = DiagnosisConfig()
    thresholds: Thresholds = Thresholds()


def load_config(path: Path) -> EmsConfig:
    """Read ems.toml. Raises: BenchError naming file, key and mend."""
    try:
        raw = tomllib.loads(read_text(path))
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(str(path), f"cannot be read: {error}", "give the file with --config") from error
    except tomllib.TOMLDecodeError as error:
        raise BenchError(str(path), f"is not TOML: {error}", "the line above says where") from error
    try:
        config = EmsConfig.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BenchError(f"{path}: {key}", _reason(first), _mend(str(first["type"]))) from error
    return _anchored(config, path.resolve().parent)


def _reason(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key"
    if error["type"] == "missing":
        return "is missing"
    return f"{error['msg'][0].lower()}{error['msg'][1:]}, not {error['input']!r}"


def _mend(kind: str) -> str:
    if kind == "extra_forbidden":
        return "is it spelled right, and in its own section?"
    return "add it to the file" if kind == "missing" else "correct the value in the file"


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
