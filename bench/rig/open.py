"""An open rig: every part running and answering.

Parts are opened in the order in which they need each other: supervisor, userland bus hub, plant, the bench's own node with its
capture, meters, inverter client, stall monitor; the controller comes with `fresh_controller`. They are closed in the
reverse order, each on its own, and whatever failed to close is one error at the end. Between the controller and the rest
stands the safe state: nothing is closed before the current is zero and the contactors are open.
"""

import contextlib
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from v2g_bench.can.buses import open_bus
from v2g_bench.can.capture import Capture
from v2g_bench.can.columns import Frame
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.clock import Clock, RealClock, wall_offset_ns
from v2g_bench.errors import BenchError
from v2g_bench.gateway.host import GatewayProcess
from v2g_bench.inverter.address import InverterAddress
from v2g_bench.meters.protocols import CurrentDigitizer, PowerAnalyzer
from v2g_bench.meters.registry import open_meter
from v2g_bench.metrology.calibration import CalibrationRecord, CalibrationState, state_of
from v2g_bench.metrology.calibration import load as read_record
from v2g_bench.metrology.stall import StallMonitor
from v2g_bench.plant.control import PlantClient
from v2g_bench.plant.host import PlantProcess
from v2g_bench.rig.buses import open_buses, runtime_folder
from v2g_bench.rig.buswatch import BusWatch, silence
from v2g_bench.rig.calibrated import Calibrated, timing_calibration
from v2g_bench.rig.connect import inverter_address
from v2g_bench.rig.controller_config import write_reference_config
from v2g_bench.rig.dut import Controller
from v2g_bench.rig.exchanges import Exchanges
from v2g_bench.rig.guard import Guard
from v2g_bench.rig.load import LoadedRig
from v2g_bench.rig.lock import shared, take
from v2g_bench.rig.output import open_output
from v2g_bench.rig.parts import emi_mark, plant_config
from v2g_bench.rig.safestate import stop_inverter
from v2g_bench.rig.sync import EmulatedSync, NoSync, WiredSync
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
    """The parts of one rig. `with OpenRig(...)` opens all of them or none.

    temporary: `folder` is one that nobody wants when this process is killed.
    """

    def __init__(
        self,
        loaded: LoadedRig,
        folder: Path,
        seed: int,
        *,
        strict: bool,
        note: Callable[[str], None],
        temporary: bool = False,
    ) -> None:
        if loaded.rig.simulated:
            raise BenchError(
                f"{loaded.path}: evidence", "a simulated rig has no wires to open", "try --rig=virtual here"
            )
        self.loaded, self.folder, self.seed = loaded, folder, seed
        self.clock: Clock = RealClock()
        self._strict, self._note, self._temporary = strict, note, temporary
        self.guard = Guard(folder / "supervisor.jsonl")
        self._closers: list[tuple[str, Callable[[], None]]] = []
        self._controllers = 0
        self._test_began_s = self.clock.now_s()
        self.buses = BusWatch()
        self.plant: PlantProcess | None = None
        self.gateway: GatewayProcess | None = None
        self._buses: dict[str, dict[str, Any]] = {}
        self._bus_choice: dict[str, Any] = {}
        self.meters: dict[str, Any] = {}
        self.sync: SyncLine = NoSync()
        self.timing: MeasuredTiming | None = None
        self._calibrated: dict[str, Calibrated] = {}
        self._address = InverterAddress()
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
        failed, interrupted = [], None
        while self._closers:
            name, closer = self._closers.pop()
            try:
                closer()
            except Exception as error:  # noqa: BLE001  (the parts after this one must be closed whatever it was)
                failed.append(f"{name}: {error}")
            except BaseException as error:  # noqa: BLE001  (Ctrl-C, or a test's timeout: it waits until all are closed)
                failed.append(f"{name}: interrupted")
                interrupted = error
        if interrupted is not None:
            raise interrupted
        if failed and not quiet:
            raise BenchError(f"rig {self.loaded.rig.name}", "not all parts closed: " + "; ".join(failed))

    def pause(self, for_s: float) -> None:
        """Let this much time pass; BenchError if the supervisor has made the rig safe, or is gone."""
        self.guard.check()
        self.exchanges.check()
        time.sleep(for_s)

    def require_supervised(self) -> None:
        """BenchError if the supervisor has made the rig safe by itself, or is gone."""
        self.guard.check()

    def make_safe(self, why: str) -> None:
        """Zero power and a stopped inverter now; if that is not enough, no controller and open contactors as well."""
        within_s = self.loaded.rig.safety.safe_within_s
        if self._address.device:
            self.inverter.close()  # a serial line has one master: the supervisor needs it now
        try:
            self.guard.make_safe(why, within_s, full=False)
        except BenchError:
            self.guard.make_safe(why, within_s)

    def expect_end(self, within_s: float | None) -> None:
        """The test that runs now has hung if it has not ended within this time; None: no test runs."""
        self.guard.tell("deadline", at_s=None if within_s is None else self.clock.now_s() + within_s)

    def allow_silence(self, allowed: bool) -> None:
        """The BMS is silenced on purpose, or no longer is."""
        self.guard.tell("silence", allowed=allowed)

    def wall_minus_bench_s(self) -> float:
        """The capture's file has stamps of the wall clock: this much ahead of the bench clock, now."""
        return wall_offset_ns() / 1e9

    def fresh_controller(self, *, heal: bool = True) -> None:
        """A healthy pack at rest (heal False: as it is), and the controller started anew without a past.

        One that goes on is only reset.
        """
        self._test_began_s = self.clock.now_s()
        if self._controllers:
            self.controller.stop()
        self._controllers += 1
        if self.plant is not None and heal:
            self.plant.client.reset()
        if self.gateway is not None:
            self.gateway.client.clear_all()
        shutil.rmtree(self.runtime / "state", ignore_errors=True)
        self.controller.start()
        if not self.controller.restarts:
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
        """The newest sound value of every role heard during the last second; BenchError as `pause`, or for a sick bus."""
        self.guard.check()
        self.require_buses()
        return newest(self.db, self.capture.frames(since_s=self.clock.now_s() - 1.0))

    def wait_for(self, accept: Callable[[dict[str, float]], bool], since_s: float, timeout_s: float) -> Frame | None:
        """The first sound frame since then whose roles are accepted; None if there is none in time."""

        def fits(frame: Frame) -> bool:
            return sound(self.db, frame) and accept(self.db.decode(frame.message()))

        try:
            return self.capture.wait_for(fits, since_s, timeout_s)
        except TimeoutError:
            self.require_buses()
            return None

    def stamp(self, time_s: float) -> Stamp:
        """A time on the bus with what is known of it."""
        return Stamp(time_s, STAMP_HALF_WIDTH_S, self._stamped_by())

    def disturbed(self, from_s: float, to_s: float) -> str:
        """Why a latency measured between these times is not to be trusted; "" if nothing speaks against it.

        BenchError where a bus was sick, or the gateway has lost frames.
        """
        self.require_buses()
        if self.gateway is not None:
            self.gateway.require_whole()
        step_s = self.capture.wall.step_between(from_s, to_s)
        if step_s is not None:
            return f"the wall clock, which stamps the frames, was set by {1000.0 * step_s:+.3f} ms"
        lost, self._lost = self.capture.lost - self._lost, self.capture.lost
        if lost:
            return f"the bench's own node has lost {lost} frames of the bus"
        return self.monitor.reason(from_s, to_s)

    @property
    def faults(self) -> PlantClient | None:
        """Where faults are injected: the gateway in front of the BMS, else the emulated world."""
        part = self.gateway or self.plant
        return None if part is None else part.client

    def steps(self) -> list["Step"]:
        """What opening this rig consists of, in order."""
        rig = self.loaded.rig
        opening = [
            Step("supervisor", self._open_guard),
            Step("database", self._open_database),
            Step("bus", self._open_hub, ("supervisor",)),
        ]
        if rig.needs_plant():
            opening.append(Step("plant", self._open_plant, ("database", "bus")))
        emulated = ("plant",)
        before = ("database", "bus", *(emulated if rig.needs_plant() else ()))
        if rig.has_gateway:
            opening.append(Step("gateway", self._open_gateway, before))
            before = (*before, "gateway")
        opening.append(Step("capture", self._open_capture, before))
        for name, meter in rig.meters.named().items():
            part = f"meters.{name}"
            needs = emulated if meter.emulated else ("supervisor",)  # what another run holds is not touched
            opening.append(Step(part, partial(self._open_meter, name), needs))
        needs = emulated if rig.inverter.kind == "emulated" else ("supervisor",)
        opening.append(Step("inverter", self._open_inverter, needs))
        if rig.sync.wired:
            opening.append(Step("sync", self._open_sync, ("supervisor",)))
        opening.append(Step("controller", self._open_controller, ("database", "bus", "capture", "inverter")))
        return opening

    def _later(self, name: str, close: Callable[[], None]) -> None:
        """Remember how to close a part."""
        self._closers.append((name, close))

    def _open_guard(self) -> str:
        """The supervisor, and the lock on what this rig shares with others: before anything of the rig is touched."""
        rig, guard = self.loaded.rig, self.guard
        guard.start()
        self._later("supervisor", guard.close)
        holding, notes = take(shared(rig), rig.name, guard.pid)
        for note in notes:
            self._note(note)
        guard.tell("hold", paths=[str(path) for path in holding.paths], token=holding.token)
        self._later("lock", holding.release)
        self.exchanges = Exchanges(self.folder / "exchanges.jsonl")
        self._later("log of exchanges", self.exchanges.close)
        guard.tell("limits", safety=rig.safety.model_dump())
        sources = [source.model_dump() | {"name": name} for name, source in rig.sources.items()]
        guard.tell("sources", sources=sources)
        if self._temporary:
            guard.tell("folder", path=str(self.folder))
        return f"watches over {', '.join(shared(rig)) or 'an emulated rig'}"

    def _safe_at_the_end(self) -> None:
        """The safe state before the parts are closed; without a supervisor, the inverter at least.

        A controller that goes on without the bench keeps its contactors, unless the current cannot be stopped otherwise.
        """
        why, rig = "the rig is closed", self.loaded.rig
        try:
            if rig.dut.kind == "process":
                self.guard.make_safe(why, rig.safety.safe_within_s)
            else:
                self.make_safe(why)
        except BenchError:
            self.guard.tell("disarm", well=False)
            with contextlib.suppress(BenchError, AttributeError):  # no address: no inverter was found
                stop_inverter(self._address)
            raise
        self.guard.tell("disarm", well=True)

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
        """Choose how every node of this run opens its bus; `_bus_choice` is the controller's."""
        self.runtime = runtime_folder(self.guard, self._later)
        self._note(emi_mark(self.loaded.rig))
        self._buses, words = open_buses(
            self.loaded,
            self.runtime,
            self.guard,
            seed=self.seed,
            strict=self._strict,
            note=self._note,
            later=self._later,
        )
        self._bus_choice = self._buses.get("main") or self._buses["ems"]
        return words

    def _open_plant(self) -> str:
        rig = self.loaded.rig
        dbc = self.loaded.resolve(rig.bms.dbc, "bms.dbc")
        config = plant_config(rig, self.seed, dbc, self.roles)
        if rig.bms.kind == "emulated":
            config["bus"] = (self._buses.get("main") or self._buses["bms"]) | {"physics": rig.physics}
        config["control"] = str(self.runtime / "plant")
        config |= {"truth": str(self.folder / "truth.csv")} if rig.record_truth else {}
        self.plant = PlantProcess(config, self.folder, self.guard.lifeline)
        self.plant.start()
        self._later("plant", self.plant.stop)
        if rig.sync.kind == "emulated":
            self.sync = EmulatedSync(self.plant.client)
        self.guard.tell("world", pid=self.plant.pid)
        return f"emulates {', '.join(rig.emulated_parts())}"

    def _open_gateway(self) -> str:
        rig = self.loaded.rig
        dbc = self.loaded.resolve(rig.bms.dbc, "bms.dbc")
        config = {"seed": self.seed, "dbc": str(dbc), "roles": self.roles, "control": str(self.runtime / "gateway")}
        config |= {"bms": self._buses["bms"], "controller": self._buses["ems"]}
        self.gateway = GatewayProcess(config, self.folder, self.guard.lifeline)
        self.gateway.start()
        self._later("gateway", self.gateway.stop)
        self.guard.tell("child", pid=self.gateway.pid)
        self._later("gateway's account", self._gateway_account)
        self._bms_bus = open_bus(**self._buses["bms"])
        self._later("bus of the BMS", self._bms_bus.shutdown)
        self.bms_capture = Capture(self._bms_bus, self.folder / "bms.blf", keep_s=60.0)
        self.bms_capture.start()
        self._later("capture of the BMS's bus", self.bms_capture.stop)
        self.buses.add("bms", self.bms_capture, self._buses["bms"])
        return "forwards between the BMS and the controller"

    def _gateway_account(self) -> None:
        assert self.gateway is not None
        self._note(self.gateway.account())

    def _open_capture(self) -> str:
        self.bus = open_bus(**self._bus_choice, name="bench")
        self._later("bus", self.bus.shutdown)
        self.capture = Capture(self.bus, self.folder / "main.blf")
        self.capture.start()
        self._later("capture", self.capture.stop)
        self.monitor = StallMonitor()
        self.monitor.start()
        self._later("stall monitor", self.monitor.stop)
        started_s = self.clock.now_s()
        name = "ems" if self.loaded.rig.has_gateway else "main"
        self.buses.add(name, self.capture, self._bus_choice)
        if self.wait_for(lambda seen: "contactor_state" in seen, started_s, FIRST_FRAME_S) is None:
            self.buses.require(started_s)
            if self.gateway is not None:
                self.gateway.require_alive()
            raise silence(name, self.capture, self._bus_choice, FIRST_FRAME_S)
        for hint in self.buses.hints():
            self._note(hint)
        dbc = str(self.loaded.resolve(self.loaded.rig.bms.dbc, "bms.dbc"))
        self.guard.tell("bus", bus=self._bus_choice, dbc=dbc, roles=self.roles)
        self.guard.tell("arm")
        self._later("safe state", self._safe_at_the_end)
        return f"the BMS is heard, {self._stamped_by()}"

    def require_buses(self) -> None:
        """BenchError with the cause if a bus was sick at any time since the test began."""
        self.buses.require(self._test_began_s)
        if self.gateway is not None:
            self.gateway.require_alive()

    def _stamped_by(self) -> str:
        """What stamps the frames of the controller's bus, in words."""
        if self._bus_choice["interface"] == "v2g_userland":
            wire = "end of the frame on the modelled wire, from the " if self.loaded.rig.physics else ""
            return f"{wire}kernel stamp at the sender's send(), userland bus"
        hardware = getattr(self.bus, "stamp_source", "") == "hardware"
        return ("hardware stamp, joined to the bench clock" if hardware else "kernel stamp at receive") + ", SocketCAN"

    def _open_meter(self, name: str) -> str:
        meter = self.loaded.rig.meters.named()[name]
        resource = self.plant.resource(name) if meter.emulated and self.plant else meter.resource
        options: dict[str, Any] = dict(meter.options) | ({"shunt_ohm": meter.shunt_ohm} if meter.shunt_ohm else {})
        options |= {"backend": meter.backend, "timeout_s": meter.timeout_s}
        where = f"{self.loaded.path}: meters.{name}"
        if name == "dc_current":
            from v2g_bench.qualification.trigger import timing_of  # it opens rigs itself

            self.timing = timing_of(self.loaded)
            if (latency_s := self._trigger_latency_s()) is not None:
                options["trigger_latency_s"] = latency_s
        options |= {"log": self.exchanges.of(f"meters.{name}")}
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
        self._address = inverter_address(self.loaded, self.inverter_address)
        self.inverter = self._address.open(log=self.exchanges.of("inverter"))
        self._later("inverter", self.inverter.close)
        identity = self.inverter.identity()
        self.guard.tell("inverter", **asdict(self._address))
        return str(identity)

    def _open_sync(self) -> str:
        sync = self.loaded.rig.sync
        output = open_output(sync)
        self._later("sync", output.close)
        self.sync = WiredSync(output, self.clock, time.sleep, marks=sync.mark is not None)
        mark = f", mark {sync.mark}" if sync.mark is not None else ", no mark: the digitizer's time base is not checked"
        return f"{sync.kind} {sync.device}, trigger {sync.trigger}{mark}"

    def _open_controller(self) -> str:
        rig = self.loaded.rig
        self.controller = Controller(
            rig.dut, self._placeholders(), self.folder, favour=rig.needs_plant(), guard=self.guard
        )
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
            "plant": str(self.runtime / "plant"),
            "interface": str(self._bus_choice["interface"]),
            "channel": str(self._bus_choice["channel"]),
            "inverter_host": self.inverter_address[0],
            "inverter_port": str(self.inverter_address[1]),
            "config": str(self.folder / "ems.toml"),
        }
        values["log"] = self.loaded.rig.dut.log.format(**values)
        write_reference_config(self, Path(values["config"]), values)
        return values
