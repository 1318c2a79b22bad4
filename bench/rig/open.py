"""An open rig: every part running and answering.

Parts are opened in the order in which they need each other: userland bus hub, plant, the bench's own node with its
capture, meters, inverter client, stall monitor; the controller comes with `fresh_controller`. They are closed in the
reverse order, each on its own, and whatever failed to close is one error at the end.
"""

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from v2g_bench.can.buses import open_bus, socketcan_problem
from v2g_bench.can.capture import Capture
from v2g_bench.can.columns import Frame
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.hub import HubProcess
from v2g_bench.can.roles import read_roles
from v2g_bench.clock import Clock, RealClock, wall_offset_ns
from v2g_bench.errors import BenchError
from v2g_bench.inverter.client import InverterClient
from v2g_bench.meters.protocols import CurrentDigitizer, PowerAnalyzer
from v2g_bench.meters.registry import open_meter
from v2g_bench.metrology.calibration import CalibrationRecord, CalibrationState, state_of
from v2g_bench.metrology.calibration import load as read_record
from v2g_bench.metrology.stall import StallMonitor
from v2g_bench.plant.host import PlantProcess
from v2g_bench.rig.calibrated import Calibrated, timing_calibration
from v2g_bench.rig.controller_config import write_reference_config
from v2g_bench.rig.dut import Controller
from v2g_bench.rig.load import LoadedRig
from v2g_bench.rig.parts import plant_config
from v2g_bench.rig.sync import EmulatedSync, NoSync
from v2g_bench.rig.trace import Stamp, SyncLine
from v2g_bench.rig.traffic import newest, sound

if TYPE_CHECKING:
    from v2g_bench.qualification.trigger import MeasuredTiming

# A kernel stamp against the moment the frame was complete: 135 us was the largest error of 150 under full load (kernel
# stamps on both buses); it includes bringing the stamp over to the bench clock.
STAMP_HALF_WIDTH_S = 150e-6

FIRST_FRAME_S = 5.0

# What a meter's calibration record must cover.
MEASURES = {"dc_current": "dc_voltage", "ac_power": "ac_power", "multimeter": "ac_voltage"}

# What every conformance test stands on; further roles are asked for by the tests that need them.
NEEDED_ROLES = (
    "cell_temperature_max",
    "string_voltage_difference",
    "soc",
    "pack_voltage",
    "pack_current",
    "contactor_state",
    "contactor_request",
)


@dataclass(frozen=True)
class Step:
    """One part's opening: `open` opens it and says who it is; `needs` names the parts that must be open before."""

    part: str
    open: Callable[[], object]
    needs: tuple[str, ...] = ()


class OpenRig:
    """The parts of one rig. `with OpenRig(...)` opens all of them or none."""

    def __init__(
        self, loaded: LoadedRig, folder: Path, seed: int, *, strict: bool, note: Callable[[str], None]
    ) -> None:
        if loaded.rig.simulated:
            raise BenchError(
                f"{loaded.path}: evidence", "a simulated rig has no wires to open", "try --rig=virtual here"
            )
        self.loaded, self.folder, self.seed = loaded, folder, seed
        self.clock: Clock = RealClock()
        self._strict, self._note = strict, note
        self._closers: list[tuple[str, Callable[[], None]]] = []
        self._controllers = 0
        self.plant: PlantProcess | None = None
        self._bus_choice: dict[str, Any] = {}
        self.meters: dict[str, Any] = {}
        self.timing: MeasuredTiming | None = None
        self._calibrated: dict[str, Calibrated] = {}
        self._lost = 0

    def __enter__(self) -> "OpenRig":
        try:
            for step in self.steps():
                step.open()
        except BaseException:
            self.close(quiet=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close(quiet=error is not None)

    def close(self, *, quiet: bool = False) -> None:
        """Close everything that is open, the last first; BenchError with all that failed (unless quiet)."""
        failed = []
        while self._closers:
            name, closer = self._closers.pop()
            try:
                closer()
            except Exception as error:  # noqa: BLE001  (the parts after this one must be closed whatever it was)
                failed.append(f"{name}: {error}")
        if failed and not quiet:
            raise BenchError(f"rig {self.loaded.rig.name}", "not all parts closed: " + "; ".join(failed))

    def pause(self, for_s: float) -> None:
        """Let this much time pass."""
        time.sleep(for_s)

    def wall_minus_bench_s(self) -> float:
        """The capture's file has stamps of the wall clock: this much ahead of the bench clock, now."""
        return wall_offset_ns() / 1e9

    def fresh_controller(self, *, heal: bool = True) -> None:
        """A healthy pack at rest (heal False: as it is), and the controller started anew without a past.

        An external one is only reset.
        """
        if self._controllers:
            self.controller.stop()
        self._controllers += 1
        if self.plant is not None and heal:
            self.plant.client.reset()
        shutil.rmtree(self.runtime / "state", ignore_errors=True)
        self.controller.start()
        if self.controller.dut.kind == "external":
            for command in ("reset_trip", "reset_soc_offset"):
                if command in self.controller.dut.commands:
                    self.controller.run(command)

    def latest(self, role: str) -> float:
        """The newest value of a role on the bus; BenchError if none came during the last second."""
        values = self.latest_all()
        if role not in values:
            self.db.message_of(role)
            raise BenchError(
                f"bus, role {role}", "no frame with it came during the last second", "is its sender alive?"
            )
        return values[role]

    def latest_all(self) -> dict[str, float]:
        """The newest sound value of every role heard during the last second."""
        return newest(self.db, self.capture.frames(since_s=self.clock.now_s() - 1.0))

    def wait_for(self, accept: Callable[[dict[str, float]], bool], since_s: float, timeout_s: float) -> Frame | None:
        """The first sound frame since then whose roles are accepted; None if there is none in time."""

        def fits(frame: Frame) -> bool:
            return sound(self.db, frame) and accept(self.db.decode(frame.message()))

        try:
            return self.capture.wait_for(fits, since_s, timeout_s)
        except TimeoutError:
            return None

    def stamp(self, time_s: float) -> Stamp:
        """A time on the bus with what is known of it."""
        userland = self._bus_choice["interface"] == "v2g_userland"
        source = (
            "kernel stamp at the sender's send(), userland bus" if userland else "kernel stamp at receive, SocketCAN"
        )
        return Stamp(time_s, STAMP_HALF_WIDTH_S, source)

    def disturbed(self, from_s: float, to_s: float) -> str:
        """Why a latency measured between these times is not to be trusted; "" if nothing speaks against it."""
        lost, self._lost = self.capture.lost - self._lost, self.capture.lost
        if lost:
            return f"the bench's own node has lost {lost} frames of the bus"
        return self.monitor.reason(from_s, to_s)

    def steps(self) -> list["Step"]:
        """What opening this rig consists of, in order."""
        rig = self.loaded.rig
        opening = [Step("database", self._open_database), Step("bus", self._open_hub)]
        if rig.needs_plant():
            opening.append(Step("plant", self._open_plant, ("database", "bus")))
        emulated = ("plant",)
        opening.append(
            Step("capture", self._open_capture, ("database", "bus", *(emulated if rig.needs_plant() else ())))
        )
        for name, meter in rig.meters.named().items():
            part = f"meters.{name}"
            opening.append(Step(part, partial(self._open_meter, name), emulated if meter.emulated else ()))
        opening.append(Step("inverter", self._open_inverter, emulated if rig.inverter.kind == "emulated" else ()))
        opening.append(Step("controller", self._open_controller, ("database", "bus", "capture", "inverter")))
        return opening

    def _later(self, name: str, close: Callable[[], None]) -> None:
        """Remember how to close a part."""
        self._closers.append((name, close))

    def _open_database(self) -> str:
        bms = self.loaded.rig.bms
        path = self.loaded.resolve(bms.dbc, "bms.dbc")
        if isinstance(bms.roles, str):
            self.roles = read_roles(self.loaded.resolve(bms.roles, "bms.roles"))
        else:
            self.roles = {
                role: signal if isinstance(signal, str) else signal.model_dump() for role, signal in bms.roles.items()
            }
        self.db = BusDatabase.load(path, self.roles)
        self.db.require(NEEDED_ROLES)
        return f"{path}, {len(self.db.messages)} messages, {len(self.roles)} roles"

    def _open_hub(self) -> str:
        """Choose how every node of this run opens the bus; starts the userland hub where it is that."""
        if "main" not in self.loaded.rig.bus:
            raise BenchError(
                f"{self.loaded.path}: bus",
                "a real BMS behind two channels needs the bench as gateway, which this version cannot be",
                "use an emulated BMS on one [bus.main]",
            )
        self.runtime = Path(tempfile.mkdtemp(prefix="v2g-"))
        self._later("runtime folder", lambda: shutil.rmtree(self.runtime))
        bus = self.loaded.rig.bus["main"]
        common: dict[str, Any] = {"fd": bus.fd, "bitrate": bus.bitrate, "data_bitrate": bus.data_bitrate}
        if bus.interface == "socketcan":
            problem = socketcan_problem(bus.channel, **common)
            if problem is None:
                self._bus_choice = {"interface": "socketcan", "channel": bus.channel, **common}
                return f"SocketCAN {bus.channel}"
            if self._strict or self.loaded.rig.evidence == "hardware":
                raise BenchError(f"{self.loaded.path}: bus.main", *problem.split("\n", 1))
            self._note(f"userland bus in place of SocketCAN {bus.channel}: {problem.splitlines()[0]}")
        hub = HubProcess(self.runtime / "bus")
        hub.start()
        self._later("userland bus hub", hub.stop)
        self._bus_choice = {"interface": "v2g_userland", "channel": hub.path, **common}
        return f"userland bus, {'CAN FD' if bus.fd else 'classic CAN'}"

    def _open_plant(self) -> str:
        rig = self.loaded.rig
        dbc = self.loaded.resolve(rig.bms.dbc, "bms.dbc")
        config = plant_config(rig, self.seed, dbc, self.roles)
        config |= {"bus": self._bus_choice, "control": str(self.runtime / "plant")}
        self.plant = PlantProcess(config, self.folder)
        self.plant.start()
        self._later("plant", self.plant.stop)
        return f"emulates {', '.join(rig.emulated_parts())}"

    def _open_capture(self) -> str:
        self.bus = open_bus(**self._bus_choice)
        self._later("bus", self.bus.shutdown)
        self.capture = Capture(self.bus, self.folder / "main.blf")
        self.capture.start()
        self._later("capture", self.capture.stop)
        self.monitor = StallMonitor()
        self.monitor.start()
        self._later("stall monitor", self.monitor.stop)
        started_s = self.clock.now_s()
        if self.wait_for(lambda seen: "contactor_state" in seen, started_s, FIRST_FRAME_S) is None:
            raise BenchError(
                "bus", f"no frame of the BMS within {FIRST_FRAME_S:g} s", "is the BMS on, and its database right?"
            )
        return "the BMS is heard"

    def _open_meter(self, name: str) -> str:
        meter = self.loaded.rig.meters.named()[name]
        resource = self.plant.resource(name) if meter.emulated and self.plant else meter.resource
        options: dict[str, Any] = {"shunt_ohm": meter.shunt_ohm} if meter.shunt_ohm else {}
        where = f"{self.loaded.path}: meters.{name}"
        if name == "dc_current":
            from v2g_bench.qualification.trigger import timing_of  # it opens rigs itself

            self.timing = timing_of(self.loaded)
            if (latency_s := self._trigger_latency_s()) is not None:
                options["trigger_latency_s"] = latency_s
        self.meters[name] = opened = open_meter(meter.driver, resource, where=where, clock=self.clock, **options)
        self._later(f"meters.{name}", opened.close)
        if (
            name == "dc_current"
            and self.timing
            and (problem := self.timing.problem(opened.identity(), datetime.now(UTC)))
        ):
            raise BenchError(f"{where}: trigger", problem, f"run: v2g-bench calibrate --rig={self.loaded.rig.name}")
        self._calibrated[name] = self._calibration_of(name)
        return str(opened.identity())

    def _trigger_latency_s(self) -> float | None:
        """From the edge to its effect in the record: as measured on this rig, else as the record states it, else None."""
        if self.timing is not None:
            return self.timing.offset_s
        record = self._record("dc_current")
        return record.timing.trigger_latency_s if record is not None and record.timing is not None else None

    def _record(self, name: str) -> CalibrationRecord | None:
        """The calibration record that the rig file names; None where it names none, or one that cannot be used: what is
        wrong with it is `calibration`'s to say."""
        named = self.loaded.rig.meters.named()[name].calibration
        try:
            return read_record(self.loaded.path.parent / named) if named else None
        except BenchError:
            return None

    def _calibration_of(self, name: str) -> Calibrated:
        meter = self.loaded.rig.meters.named()[name]
        state = self.calibration(name)
        record = state.record if state.ok else None
        if name != "dc_current":
            return Calibrated(record, MEASURES[name])
        measured = (self.timing.expanded_s / self.timing.k, "v2g-bench calibrate") if self.timing else (None, "")
        return Calibrated(record, MEASURES[name], meter.shunt_ohm or 1.0, timing_calibration(record, *measured))

    def calibrated(self, name: str) -> Calibrated:
        """What a meter's calibration adds to the budgets; nothing where none counts."""
        return self._calibrated[name]

    def calibration(self, name: str) -> CalibrationState:
        """Whether a meter's calibration supports the grade `hardware`."""
        meter = self.loaded.rig.meters.named()[name]
        path = self.loaded.path.parent / meter.calibration if meter.calibration else None
        needs_timing = name == "dc_current" and self.timing is None
        return state_of(path, self.meters[name].identity(), date.today(), (MEASURES[name],), needs_timing=needs_timing)

    def _open_inverter(self) -> str:
        inverter = self.loaded.rig.inverter
        emulated = inverter.kind == "emulated" and self.plant is not None
        self.inverter_address = (inverter.host, inverter.port)
        if emulated and self.plant is not None:
            self.inverter_address = ("127.0.0.1", self.plant.modbus_port)
        self.inverter = InverterClient(*self.inverter_address, inverter.unit_id)
        self._later("inverter", self.inverter.close)
        return str(self.inverter.identity())

    def _open_controller(self) -> str:
        rig = self.loaded.rig
        self.sync: SyncLine = (
            EmulatedSync(self.plant.client) if self.plant and rig.sync.kind == "emulated" else NoSync()
        )
        self.controller = Controller(rig.dut, self._placeholders(), self.folder, favour=rig.needs_plant())
        self._later("controller", self.controller.close)
        self.fresh_controller()
        return f"{rig.dut.name} {self.controller.version()}".strip()

    @property
    def digitizer(self) -> CurrentDigitizer:
        """The meter that records the DC current."""
        return cast(CurrentDigitizer, self.meters["dc_current"])

    @property
    def analyzer(self) -> PowerAnalyzer:
        """The meter of the AC power."""
        return cast(PowerAnalyzer, self.meters["ac_power"])

    def _placeholders(self) -> dict[str, str]:
        values = {
            "folder": str(self.folder),
            "socket": str(self.runtime / "ems"),
            "interface": str(self._bus_choice["interface"]),
            "channel": str(self._bus_choice["channel"]),
            "inverter_host": self.inverter_address[0],
            "inverter_port": str(self.inverter_address[1]),
            "config": str(self.folder / "ems.toml"),
        }
        values["log"] = self.loaded.rig.dut.log.format(**values)
        write_reference_config(self, Path(values["config"]), values)
        return values
