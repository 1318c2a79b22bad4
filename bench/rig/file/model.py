"""What a rig file may contain: checked models, unknown keys forbidden.

A rig file is TOML; `load.py` reads it. Everything that a run judges by (limits, tolerances, thresholds that the manual
leaves open, the decision rule) is stated here before the run and printed in the report; nothing of it changes after.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, RootModel, ValidationInfo, field_validator, model_validator

from v2g_bench.can.roles import CYCLE_MS
from v2g_bench.inputs.models import Checked
from v2g_bench.inputs.ranges import (
    AccuracyPct,
    AnswerS,
    BaudRate,
    BitRate,
    CableM,
    CellLimitC,
    CellVoltageV,
    Count,
    CurrentA,
    CurrentFromZeroA,
    DifferenceK,
    ErrorPct,
    FrequencyHz,
    LongTimeS,
    Port,
    PowerFromZeroW,
    PowerW,
    Share,
    SharePct,
    ShuntOhm,
    TimeMs,
    TimeS,
    Trials,
    UnitId,
    VoltageV,
    Within,
)
from v2g_bench.plant.config import PlantConfig

MIN_SOC_PCT, MAX_SOC_PCT = 25.0, 75.0  # of limits.conf in every test that writes no other: V2G manual, Step 2
Pin = Annotated[int, Within(0, 65_535)]  # of a GPIO chip


class Bus(Checked):
    """One CAN channel."""

    interface: Literal["userland", "socketcan", "sim"]
    channel: str = ""  # the interface's name for socketcan; the others need none
    fd: bool = True
    bitrate: BitRate = 500_000
    data_bitrate: BitRate = 2_000_000
    physics: bool = False  # bits, arbitration, error counters and EMI on a modelled wire
    cable_m: CableM = 5.0  # of that wire

    @model_validator(mode="after")
    def _physics_needs_the_benchs_own_bus(self) -> "Bus":
        if self.physics and self.interface == "socketcan":
            raise ValueError("physics = true is for the bench's own bus: interface = userland or sim")
        if not self.physics and "cable_m" in self.model_fields_set:
            raise ValueError("cable_m is for a bus with physics = true")
        return self

    @model_validator(mode="after")
    def _socketcan_needs_a_channel(self) -> "Bus":
        if self.interface == "socketcan" and not self.channel:
            raise ValueError('socketcan needs a channel, for instance channel = "can0"')
        return self


class Gateway(Checked):
    """Who forwards between [bus.bms] and [bus.ems]: the bench, or the kernel's module can-gw (see `gateway.kernelshell`)."""

    path: Literal["bench", "kernel", "auto"] = "bench"


class SignalOfRole(Checked):
    """A role's signal where the database counts the other way round, or has words of its own for its counts."""

    signal: str
    invert: bool = False
    labels: dict[str, str] = {}
    unit: str = ""


class StatedMessage(Checked):
    """What the database does not say of a message, or says otherwise."""

    sender: str = ""
    cycle_ms: Annotated[float, CYCLE_MS] | None = None


class StatedMessages(RootModel[dict[str, StatedMessage]]):
    """`messages` in a role table."""


class BmsAccuracy(Checked):
    """How far the BMS's own sensors may be off, by its data sheet; the defaults are assumed of any BMS.

    Its current sensor's two parts add up; one of them may be 0.
    """

    current_pct: ErrorPct = 5.0
    current_a: CurrentFromZeroA = 0.5
    voltage_pct: AccuracyPct = 0.5
    soc_pct: AccuracyPct = 5.0

    @model_validator(mode="after")
    def _no_sensor_is_exact(self) -> "BmsAccuracy":
        if self.current_pct == 0 and self.current_a == 0:
            raise ValueError("current_pct and current_a are both 0, and no sensor is without error")
        return self


class InverterAccuracy(Checked):
    """The accuracy of the inverter's own measurements, by its data sheet.

    power_pct: of its rating, on both sides (the default: IEEE 1547-2018, table 3); voltage_pct: of the reading.
    """

    power_pct: AccuracyPct = 5.0
    voltage_pct: AccuracyPct = 1.0
    soc_pct: AccuracyPct = 5.0


class Bms(Checked):
    """The battery management system: emulated by the plant, or a real one."""

    kind: Literal["emulated", "real"]
    dbc: str
    roles: str | dict[str, str | SignalOfRole | StatedMessages]  # a table, or a file with a [roles] table
    accuracy: BmsAccuracy = BmsAccuracy()


class Inverter(Checked):
    """The bidirectional inverter: emulated by the plant, or a real one behind Modbus TCP or on a serial line.

    map: a file with its register map (see `inverter.vendor`); without one it speaks SunSpec.
    service: of an emulated one that has a second port, a serial line or Modbus TCP, where it speaks its maker's registers, for
    the bench; the controller has its first port.
    """

    kind: Literal["emulated", "modbus-tcp", "modbus-rtu"]
    host: str = "127.0.0.1"
    port: Port = 502
    device: str = ""
    baudrate: BaudRate = 9600
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1
    unit_id: UnitId = 1
    timeout_s: AnswerS = 1.0  # within so long it answers the bench
    service: Literal["none", "modbus-rtu", "modbus-tcp"] = "none"
    map: str | None = None
    rated_power_w: PowerW = 11_000.0
    ripple_hz: FrequencyHz | None = None  # its switching frequency, where it is known
    efficiency: Share = 0.95  # between its DC and its AC side, at the least: what the controller is configured to
    standby_w: PowerFromZeroW = 50.0  # what its own supply takes from the battery, at the most: likewise
    accuracy: InverterAccuracy = InverterAccuracy()

    @model_validator(mode="after")
    def _real_needs_a_host(self) -> "Inverter":
        if self.kind == "modbus-tcp" and "host" not in self.model_fields_set:
            raise ValueError('a real inverter needs its address, for instance host = "192.0.2.9"')
        if self.kind == "modbus-rtu" and not self.device:
            raise ValueError('an inverter on a serial line needs it, for instance device = "/dev/ttyUSB0"')
        if self.kind == "emulated" and bool(self.map) != (self.service != "none"):
            raise ValueError(
                "the emulated inverter speaks SunSpec; its maker's registers (map) are on its service port alone: "
                'service = "modbus-rtu" or "modbus-tcp" and map, or neither'
            )
        if self.kind != "emulated" and self.service != "none":
            raise ValueError("service is for an emulated inverter; of a real one, kind states how the bench reaches it")
        return self


class Meter(Checked):
    """One SCPI instrument; `resource = "emulated"` lets the plant bring its emulator."""

    driver: str
    resource: str = "emulated"
    backend: str = "@py"  # PyVISA's; "" for the VISA library that is installed
    timeout_s: TimeS = 2.0
    transport: Literal["hislip", "socket"] = "hislip"  # of the emulator
    shunt_ohm: ShuntOhm | None = None  # or V/A of a current probe
    options: dict[str, Any] = {}  # the driver's own, such as range_v
    calibration: str | None = None

    @field_validator("options")
    @classmethod
    def _options_of_its_driver(cls, options: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if options:
            from v2g_bench.instruments import registry  # not before: a rig without options does not pay for it

            registry.check_options(info.data.get("driver", ""), options)
        return options

    @property
    def emulated(self) -> bool:
        return self.resource == "emulated"


class Meters(Checked):
    """The instruments by what they measure."""

    dc_current: Meter
    ac_power: Meter
    multimeter: Meter | None = None

    def named(self) -> dict[str, Meter]:
        """The meters of this rig by name."""
        found = {"dc_current": self.dc_current, "ac_power": self.ac_power, "multimeter": self.multimeter}
        return {name: meter for name, meter in found.items() if meter is not None}


class Sync(Checked):
    """Two wires that the bench raises at a known time: `trigger` starts the digitizer, `mark` shows in its samples.

    gpio: pins of this machine by number, behind `device`, for instance "/dev/gpiochip0". serial: its handshake lines,
    "rts" and "dtr". Without a mark the digitizer's time base is not checked, nor its trigger calibrated, nor the rig
    qualified. inverted: the wires rest high.
    """

    kind: Literal["emulated", "gpio", "serial", "none"] = "emulated"
    device: str = ""
    trigger: Pin | Literal["rts", "dtr"] | None = None
    mark: Pin | Literal["rts", "dtr"] | None = None
    inverted: bool = False

    @property
    def wired(self) -> bool:
        """Real wires of this machine."""
        return self.kind in ("gpio", "serial")

    def marks(self, digitizer_emulated: bool) -> bool:
        """Whether the line reaches the digitizer's input: by its mark, or inside the emulated world."""
        return self.mark is not None if self.wired else self.kind == "emulated" and digitizer_emulated

    @model_validator(mode="after")
    def _wires_fit_the_kind(self) -> "Sync":
        wires = [wire for wire in (self.trigger, self.mark) if wire is not None]
        if self.kind in ("emulated", "none"):
            if self.device or wires or self.inverted:
                raise ValueError(
                    f'device, trigger, mark and inverted are for kind = "gpio" or "serial", not {self.kind}'
                )
            return self
        example = ("/dev/gpiochip0", "17", "27") if self.kind == "gpio" else ("/dev/ttyS0", '"rts"', '"dtr"')
        if not self.device or self.trigger is None:
            raise ValueError(
                "{} needs a device and a trigger, for instance device = {!r}, trigger = {}, mark = {}".format(
                    self.kind, *example
                )
            )
        if any(isinstance(wire, int) != (self.kind == "gpio") for wire in wires) or len(set(wires)) < len(wires):
            raise ValueError(
                f"trigger and mark are two wires of a {self.kind}, for instance {example[1]} and {example[2]}"
            )
        return self


class Thresholds(Checked):
    """What the manual leaves open and the controller is configured to; printed in the report."""

    bms_timeout_s: Annotated[float, Within(0.02, 5)] = 0.1
    gradient_k: DifferenceK = 8.0
    soc_divergence_pct: SharePct = 5.0
    packet_loss_pct: SharePct = 10.0
    noise_window_s: TimeS = 1.0
    micro_cycle_pct: SharePct = 10.0
    counter_max_delta: Annotated[int, Within(1, 254)] = 3  # AUTOSAR's MaxDeltaCounter, which it prescribes no value for

    @property
    def noticed_within_s(self) -> float:
        """How long a test waits for the code of a fault above its threshold: ten windows, and 10 s at the least."""
        return 10.0 * max(1.0, self.noise_window_s)


CommandName = Literal[
    "set_power",
    "status",
    "reset_trip",
    "reset_soc_offset",
    "reload",
    "start",
    "stop",
    "restart",
    "kill",
    "power_cycle",
    "health",
    "force_limit",
    "departure",
    "v2g_window",
    "audit",
    "thermal",
]


class Dut(Checked):
    """The controller under test.

    `command` and the entries of `commands` may use {config}, {socket}, {log}, {folder}, {channel}, {interface},
    {inverter_host}, {inverter_port} and what the command is about: set_power {power_w}, force_limit {value}, departure
    {time} and {soc_pct}, v2g_window {start} and {end}; {config} is a file that the bench writes for the reference EMS.
    `files`: what the bench edits before a reload. `supports`: what the maker claims (PICS); the names are those of the
    requirements' `needs`.
    program: the file, or files, that the controller is, where `command` begins with a shell, an interpreter or another program
    that starts it; version: a command that prints its version. Both may use the placeholders.
    `log` is a file, or journal:UNIT. kind = "ssh": all of it is on `host`.
    `..._told`: how the controller tells what the bench compares with what it sees.
    """

    kind: Literal["process", "external", "ssh", "core"]  # core: the reference controller's core inside a simulation
    name: str = "v2g-daemon"
    host: Annotated[str, Field(pattern=r"^([^-\s]\S*)?$")] = ""
    ssh_options: list[str] = []
    command: list[str] = ["v2g-daemon", "--config", "{config}"]
    program: str | list[str] = []
    version: list[str] = []
    log: str = "{folder}/v2g-main.log"
    ready_s: TimeS = 10.0
    files: dict[Literal["limits", "thermal_policy"], str] = {
        "limits": "{folder}/limits.conf",
        "thermal_policy": "{folder}/thermal-policy.json",
    }
    commands: dict[CommandName, list[str]] = {
        "set_power": ["v2g-ctrl", "--socket", "{socket}", "--set-power", "{power_w}"],
        "status": ["v2g-ctrl", "--socket", "{socket}", "--status", "--json"],
        "reset_trip": ["v2g-ctrl", "--socket", "{socket}", "--reset-trip"],
        "reset_soc_offset": ["v2g-ctrl", "--socket", "{socket}", "--reset-soc-offset"],
        "reload": ["v2g-daemon", "--config", "{config}", "--reload"],
        "health": ["v2g-health", "--socket", "{socket}", "--status", "--json"],
        "force_limit": ["v2g-ctrl", "--socket", "{socket}", "--force-limit", "{value}"],
        "departure": ["v2g-ctrl", "--socket", "{socket}", "--departure", "{time}", "--departure-soc", "{soc_pct}"],
        "v2g_window": ["v2g-ctrl", "--socket", "{socket}", "--v2g-window", "{start}", "{end}"],
        "audit": ["v2g-ctrl", "audit", "--verify", "--socket", "{socket}"],
        "thermal": ["v2g-thermal-monitor", "--once", "--socket", "{socket}"],
    }
    last_moment_told: str = r"CONTACTORS_LAST_MOMENT|(?i:under load)"  # how the log states an opening under load
    weld_told: str = r"(?i)weld|stuck|contactors? (do|does|did|has|have|is|are) not open"  # and that they do not open
    derating_told: str = r"derated='"  # a regular expression: how `thermal` reports that the power is derated
    review_told: str = "review"  # and how `health` asks for a review: a place in its JSON, or a regular expression
    trip_told: str = r"\bEMERGENCY_SHUTDOWN\b"  # a regular expression: how the log tells of a trip; "": not stated
    audit_told: str = r"(\d+) entries"  # how `audit` tells its number of entries; "": not stated
    # Where `status` and `health` tell the value of a role: a place in their JSON, or a regular expression (`rig.dut.told`).
    status_told: dict[Literal["trip_latched", "charge_only", "power_setpoint"], str] = {
        "trip_latched": "trip_latched",
        "charge_only": "charge_only",
        "power_setpoint": "setpoint_w",
    }
    health_told: dict[Literal["soh", "cycle_count", "energy_throughput"], str] = {
        "soh": "soh_pct",
        "cycle_count": "cycle_count",
        "energy_throughput": "energy_throughput_kwh",
    }
    supports: dict[str, bool | str] = {
        "bidirectional": True,
        "cooling": True,
        "departure": True,
        "diagnosis": True,
        "force_limit": True,
        "health": True,
        "micro_cycles": True,
        "precooling": True,
        "reload": True,
        "restart": True,
        "thermal_log": True,
    }
    claims: list[str] | None = None  # the requirements that it claims at all; None: all of them
    thresholds: Thresholds = Thresholds()

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "Dut":
        given = self.model_fields_set
        if self.kind == "process" and not self.command:
            raise ValueError("a process needs its command")
        if self.kind == "ssh":
            if not self.host:
                raise ValueError('ssh needs a host, for instance host = "ems.lab"')
            if missing := [name for name in ("command", "log", "commands") if name not in given]:
                raise ValueError(
                    f"say what runs on {self.host}: {', '.join(missing)} (command = [] where it runs already)"
                )
        elif "host" in given or "ssh_options" in given:
            raise ValueError('host and ssh_options are for kind = "ssh"')
        return self


class Supply(Checked):
    """A supply on the rig whose output must be off in the safe state: what is sent, and how the answer shows it."""

    resource: str
    off: list[str] = ["OUTP OFF"]
    query: str = "OUTP?"
    is_off: str = "0"


class Safety(Checked):
    """Never exceeded by any test: checked before a power is set and a fault injected, and watched by the supervisor.

    They are about the battery itself (see `physical`), not about what a stimulus shows the controller. A limit that is left
    out is not stated. bus_silent_s: for how long the BMS, and each quantity that a limit needs, may be missing (of a slow
    message: five of its cycles); heartbeat_s: for how long the bench may be silent.
    safe_within_s: the current is zero at the latest this long after the supervisor had a reason.
    """

    max_cell_temperature_c: CellLimitC = 60.0
    max_cell_voltage_v: CellVoltageV | None = None
    min_cell_voltage_v: CellVoltageV | None = None
    max_pack_voltage_v: VoltageV | None = None
    max_current_a: CurrentA | None = None
    max_power_w: PowerW = 11_000.0
    max_at_power_s: LongTimeS = 43_200.0  # a calibration charge of half a day
    bus_silent_s: TimeS = 1.0
    heartbeat_s: TimeS = 5.0
    safe_within_s: TimeS = 2.0


class Judging(Checked):
    """How a measurement becomes a verdict. Stated before the run, printed with every verdict."""

    rule: Literal["guarded", "non-binary", "simple"] = "non-binary"
    isolation_fraction: Annotated[float, Within(0, 0.5, over=True, under=True)] = 0.05
    power_tolerance_pct: AccuracyPct = 2.0
    silence_limit_ms: TimeMs = 500.0  # BMS silence: the manual names the error, not its time
    diagnosis_s: TimeS = 15.0  # from a trouble code in the BMS to V2G being off
    offline_limit_ms: TimeMs = 3000.0  # the same for an inverter that does not answer
    derated_below_pct: SharePct = 90.0  # a derated discharge is at most this share of the power before
    sensor_to_isolation_ms: TimeMs = 200.0  # the longest wait for a frame, and the reaction to it
    no_discharge_w: PowerW = 50.0  # less than this is a controller's own consumption, not V2G
    # where "the SoC is too low" for full power
    low_soc_pct: Annotated[float, Within(MIN_SOC_PCT, MAX_SOC_PCT, over=True, under=True)] = 27.0
    open_below_a: CurrentA = 3.5  # contactors may open below this; foxBMS, until the part's data sheet replaces it
    last_moment_ms: TimeMs = 30.0  # and from here on whatever flows: 50 ms less an opening time of 15 ms, less 5 ms
    contactors_open_ms: TimeMs = 100.0  # until the BMS reports them open
    link_discharged_s: TimeS = 5.0  # from the frame until the DC link is below 60 V; Formula SAE EV.8.4.2, UN R100
    fallback_s: TimeS = 0.5  # from the log line to the fallback being in force
    trials: Trials | None = None  # None: what the profile demands of each requirement
    max_voids: Count = 20  # of a measurement, for each five trials of it


class Rig(Checked):
    """One bench set-up: one TOML file."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    evidence: Literal["simulated", "emulated", "hardware"]
    profile: str = ""  # shipped, or a file beside this one; "": `hardware` or `emulated`, by evidence
    place: str = ""
    publish: list[str] = []  # a command that takes the head of the chain of records elsewhere (reports/README.md)
    bus: dict[Literal["main", "bms", "ems"], Bus]
    gateway: Gateway = Gateway()
    bms: Bms
    inverter: Inverter
    meters: Meters
    dut: Dut
    sources: dict[str, Supply] = {}
    sync: Sync = Sync()
    record_truth: bool = (
        False  # the emulated world also writes what really happened, to truth.csv: to test the bench by
    )
    plant: PlantConfig = PlantConfig()
    safety: Safety = Safety()
    judging: Judging = Judging()

    @model_validator(mode="after")
    def _grade_is_true(self) -> "Rig":
        if self.evidence == "hardware" and self.emulated_parts():
            raise ValueError(
                f'evidence = "hardware", but these parts are emulated: {", ".join(self.emulated_parts())}; '
                'say evidence = "emulated"'
            )
        return self

    @model_validator(mode="after")
    def _buses_fit(self) -> "Rig":
        names = set(self.bus)
        if names not in ({"main"}, {"bms", "ems"}):
            raise ValueError("say either [bus.main], or [bus.bms] and [bus.ems] with the bench as gateway between them")
        if "main" not in names and any(bus.interface == "sim" for bus in self.bus.values()):
            raise ValueError("a simulation has one bus, [bus.main], and no gateway")
        if len({bus.interface for bus in self.bus.values()}) > 1:
            raise ValueError("[bus.bms] and [bus.ems] must be of the same interface")
        if "main" not in names and len({(bus.interface, bus.channel) for bus in self.bus.values() if bus.channel}) == 1:
            raise ValueError(
                "[bus.bms] and [bus.ems] are two channels; with one there is nothing to be gateway between"
            )
        return self

    @model_validator(mode="after")
    def _gateway_has_two_sides(self) -> "Rig":
        if "gateway" in self.model_fields_set and not self.has_gateway:
            raise ValueError("[gateway] is for a rig with [bus.bms] and [bus.ems]")
        if self.gateway.path == "kernel" and self.controller_bus.interface != "socketcan":
            raise ValueError('gateway.path = "kernel" needs both buses with interface = "socketcan"')
        return self

    @model_validator(mode="after")
    def _plant_is_this_inverter(self) -> "Rig":
        """What [inverter] states of the emulated one as well is not something else in [plant]."""
        own, given = self.plant, self.plant.model_fields_set
        if "rated_power_w" in given and own.rated_power_w != self.inverter.rated_power_w:
            raise ValueError(
                f"[plant] rated_power_w = {own.rated_power_w:g} and [inverter] rated_power_w = "
                f"{self.inverter.rated_power_w:g}: state it once, in [inverter]"
            )
        if "ripple_hz" in given and self.inverter.ripple_hz not in (None, own.ripple_hz):
            raise ValueError(
                f"[plant] ripple_hz = {own.ripple_hz:g} and [inverter] ripple_hz = {self.inverter.ripple_hz:g}: "
                "state it once, in [inverter]"
            )
        if self.inverter.kind == "emulated" and own.efficiency < self.inverter.efficiency:
            raise ValueError(
                f"[plant] efficiency = {own.efficiency:g} is below [inverter] efficiency = {self.inverter.efficiency:g}, "
                "which the controller is configured to, as the least: lower it too"
            )
        return self

    @model_validator(mode="after")
    def _simulated_throughout(self) -> "Rig":
        """A simulation is one from end to end, and states it."""
        given = {
            'evidence = "simulated"': self.evidence == "simulated",
            '[bus.main] interface = "sim"': any(bus.interface == "sim" for bus in self.bus.values()),
            '[dut] kind = "core"': self.dut.kind == "core",
        }
        if [*given.values()] == [True, True, False]:
            raise ValueError(
                f'[dut] kind = "{self.dut.kind}": a simulated rig starts no program, it holds the core of the reference '
                "controller alone. To test your controller in real time on emulated parts state "
                'evidence = "emulated" and [bus.main] interface = "userland", as virtual.toml does; '
                'to stay in the simulation leave [dut] at kind = "core"'
            )
        if len(set(given.values())) > 1:
            raise ValueError(f"these go together or not at all: {', '.join(given)}")
        real = [f"meters.{name}" for name, meter in self.meters.named().items() if not meter.emulated]
        real += ["bms"] if self.bms.kind != "emulated" else []
        real += ["inverter"] if self.inverter.kind != "emulated" else []
        if self.simulated and real:
            raise ValueError(f"these parts are real and cannot be in a simulation: {', '.join(real)}")
        return self

    @property
    def has_gateway(self) -> bool:
        """The BMS is on a separate bus and the bench forwards its frames; faults are injected on the way."""
        return "main" not in self.bus

    @property
    def controller_bus(self) -> Bus:
        """The bus that the controller is on."""
        return self.bus["ems"] if self.has_gateway else self.bus["main"]

    @property
    def simulated(self) -> bool:
        """One process under a simulated clock."""
        return self.evidence == "simulated"

    @property
    def physics(self) -> bool:
        """The bus has a modelled wire, which faults of the wire can disturb."""
        return any(bus.physics for bus in self.bus.values())

    def emulated_parts(self) -> list[str]:
        """The names of the parts that are not hardware."""
        parts = [f"bus.{name}" for name, bus in self.bus.items() if bus.interface in ("userland", "sim")]
        parts += [f"bus.{name}" for name, bus in self.bus.items() if bus.channel.startswith("vcan")]
        parts += ["bms"] if self.bms.kind == "emulated" else []
        parts += ["inverter"] if self.inverter.kind == "emulated" else []
        parts += [f"meters.{name}" for name, meter in self.meters.named().items() if meter.emulated]
        return parts

    def needs_plant(self) -> bool:
        """True when the plant process has a part to play on this rig."""
        return any(not part.startswith("bus.") for part in self.emulated_parts())
