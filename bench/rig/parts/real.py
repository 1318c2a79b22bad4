"""An open rig: every part running and answering.

Parts are opened in the order in which they need each other: supervisor, userland bus hub, plant, the bench's own node with its
capture and stall monitor, meters, inverter client; the controller comes with `fresh_controller`. What every rig has in common
is in `opening`, what keeps this one safe in `supervised`, what it hears in `hearing`, its meters in `instruments`.
"""

import math
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from v2g_bench.can.buses import open_bus
from v2g_bench.can.capture import Capture
from v2g_bench.can.values import newest
from v2g_bench.clock import Clock, RealClock
from v2g_bench.errors import BenchError
from v2g_bench.gateway.host import GatewayProcess
from v2g_bench.inverter.address import InverterAddress
from v2g_bench.metrology.calibration import CalibrationState
from v2g_bench.metrology.stall import StallMonitor
from v2g_bench.plant.control import PlantClient
from v2g_bench.plant.host import PlantProcess
from v2g_bench.rig.dut.controller import Controller
from v2g_bench.rig.file.connect import inverter_address
from v2g_bench.rig.file.load import LoadedRig
from v2g_bench.rig.parts.bus_watch import BusWatch, silence
from v2g_bench.rig.parts.buses import gateway_path, open_buses, runtime_folder
from v2g_bench.rig.parts.calibrated import Calibrated
from v2g_bench.rig.parts.controller_config import write_reference_config
from v2g_bench.rig.parts.instruments import Instruments
from v2g_bench.rig.parts.opening import FIRST_FRAME_S, Step
from v2g_bench.rig.parts.output import open_output
from v2g_bench.rig.parts.protocol import emi_mark, plant_config
from v2g_bench.rig.parts.reception import Hearing
from v2g_bench.rig.parts.supervised import Supervised
from v2g_bench.rig.parts.sync import EmulatedSync, NoSync, WiredSync
from v2g_bench.rig.parts.timing import SyncLine
from v2g_bench.rig.safety.supervisor_client import Guard

if TYPE_CHECKING:
    pass


class OpenRig(Supervised, Hearing):
    """The parts of one rig with real time, processes and wires. `with OpenRig(...)` opens all of them or none.

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
        super().__init__(loaded)
        self.folder, self.seed = folder, seed
        self.clock: Clock = RealClock()
        self._strict, self._note, self._temporary = strict, note, temporary
        self.guard = Guard(folder / "supervisor.jsonl")
        self._controllers = 0
        self._test_began_s = self.clock.now_s()
        self._begun_s = -math.inf
        self.buses = BusWatch()
        self.plant: PlantProcess | None = None
        self.gateway: GatewayProcess | None = None
        self._buses: dict[str, dict[str, Any]] = {}
        self._bus_choice: dict[str, Any] = {}
        self.instruments = Instruments(loaded, self.clock)
        self.meters = self.instruments.opened
        self.sync: SyncLine = NoSync()
        self._address = InverterAddress()
        self._lost = 0

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
        if self.controller.restarts:
            self._begun_s = self.clock.now_s()
        self.controller.start()
        if not self.controller.restarts:
            for command in ("reset_trip", "reset_soc_offset"):
                if command in self.controller.dut.commands:
                    self.controller.run(command)

    @property
    def faults(self) -> PlantClient | None:
        """Where faults are injected: the gateway in front of the BMS, else the emulated world."""
        part = self.gateway or self.plant
        return None if part is None else part.client

    def physical(self) -> dict[str, float]:
        """What is true of the battery now: see `Parts.physical`."""
        if self.side.source == "plant" and self.plant is not None:
            return {role: value for role, value in self.plant.client.truth_pack().items() if role in self.side.roles}
        if self.gateway is None:
            return self.latest_all()
        return newest(self.db, self.bms_capture.frames(since_s=self.clock.now_s() - 1.0))

    def left_out(self) -> int:
        """Frames that the emulated BMS has left out so far; 0 where none is emulated."""
        return 0 if self.plant is None else int(self.plant.client.status()["frames_missed"])

    def calibrated(self, name: str) -> Calibrated:
        """What a meter's calibration adds to the budgets; nothing where none counts."""
        return self.instruments.calibrated(name)

    def calibration(self, name: str) -> CalibrationState:
        """Whether a meter's calibration supports the grade `hardware`."""
        return self.instruments.calibration(name)

    def steps(self) -> list[Step]:
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
        config |= {"bms": self._buses["bms"], "controller": self._buses["ems"], "path": gateway_path(rig, self._buses)}
        channels = [self._buses["bms"]["channel"], self._buses["ems"]["channel"]] if config["path"] != "bench" else []
        self.guard.tell("gateway", channels=channels)  # before there is anything to remove
        self.gateway = GatewayProcess(config, self.folder, self.guard.lifeline)
        self.gateway.start()
        self._later("gateway", self.gateway.stop)
        self.guard.tell("child", pid=self.gateway.pid)
        self.guard.tell("gateway", channels=channels, pid=self.gateway.pid)
        for words in self.gateway.notes(rig.gateway.path):
            self._note(words)
        self._later("gateway's account", self._gateway_account)
        self._bms_bus = open_bus(**self._buses["bms"])
        self._later("bus of the BMS", self._bms_bus.shutdown)
        self.bms_capture = Capture(self._bms_bus, self.folder / "bms.blf")
        self.bms_capture.start()
        self._later("capture of the BMS's bus", self.bms_capture.stop)
        self.buses.add("bms", self.bms_capture, self._buses["bms"])
        return f"{self.gateway.forwarder} forwards between the BMS and the controller"

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
        self._watch_physical(self._buses, self.runtime / "plant")
        return f"the BMS is heard, {self._stamped_by()}"

    def _open_meter(self, name: str) -> str:
        meter = self.loaded.rig.meters.named()[name]
        resource = self.plant.resource(name) if meter.emulated and self.plant else meter.resource
        return self.instruments.open(name, resource, self.exchanges.of(f"meters.{name}"), self._later)

    def _open_inverter(self) -> str:
        inverter = self.loaded.rig.inverter
        emulated = inverter.kind == "emulated" and self.plant is not None
        self.inverter_address = (inverter.host, inverter.port)
        if emulated and self.plant is not None:
            self.inverter_address = ("127.0.0.1", self.plant.modbus_port)
        service = self.plant.service if emulated and self.plant is not None else ""
        self._address = inverter_address(self.loaded, self.inverter_address, service)
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
