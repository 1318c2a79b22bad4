"""An open rig: every part running and answering.

Parts are opened in the order in which they need each other: supervisor, userland bus hub, plant, the bench's own node with its
capture and stall monitor, meters, inverter client, controller. What every rig has in common is in `opening`, what keeps this
one safe in `supervised`, what it receives in `reception`, its battery in `world`, its meters in `instruments`, its controller
in `dut`.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from v2g_bench.clock import RealClock
from v2g_bench.errors import BenchError
from v2g_bench.rig.dut.controller import Controller
from v2g_bench.rig.file.connect import inverter_address
from v2g_bench.rig.file.load import LoadedRig
from v2g_bench.rig.parts.bus_watch import silence
from v2g_bench.rig.parts.buses import open_buses, runtime_folder
from v2g_bench.rig.parts.controller_config import write_reference_config
from v2g_bench.rig.parts.dut import RealDut
from v2g_bench.rig.parts.instruments import Instruments
from v2g_bench.rig.parts.opening import FIRST_FRAME_S, Opening, Step, opened
from v2g_bench.rig.parts.output import open_output
from v2g_bench.rig.parts.protocol import InverterPart, emi_mark
from v2g_bench.rig.parts.reception import Reception
from v2g_bench.rig.parts.supervised import SupervisedClock, Supervision
from v2g_bench.rig.parts.sync import EmulatedSync, WiredSync
from v2g_bench.rig.parts.world import Place, RealWorld
from v2g_bench.rig.safety.physical import physical_side


class OpenRig(Opening):
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
        machine = RealClock()
        self.folder, self._seed, self._strict, self._note = folder, seed, strict, note
        self.safety = Supervision(loaded, folder, machine, note=note, later=self._later, temporary=temporary)
        self.clock = SupervisedClock(self.safety.check)
        self.bus = Reception(loaded, machine, self.safety.require)
        self.world = RealWorld(loaded, machine, self.bus, self.safety.supervisor, self._later)
        self.instruments = Instruments(loaded, machine)
        self.dut = RealDut(self.world, self.bus)
        self._inverter: InverterPart | None = None
        self._inverter_at = loaded.rig.inverter.host, loaded.rig.inverter.port  # where a controller finds it
        self._place: Place | None = None
        self._buses: dict[str, dict[str, Any]] = {}

    @property
    def inverter(self) -> InverterPart:
        """The bench's own connection to the inverter."""
        return opened(self._inverter, "inverter")

    @property
    def runtime(self) -> Path:
        """The folder of this run's sockets and state."""
        return opened(self._place, "bus").runtime

    def steps(self) -> list[Step]:
        """What opening this rig consists of, in order."""
        rig, world = self.loaded.rig, self.world
        opening = [
            Step("supervisor", self.safety.open),
            Step("database", self.bus.open_database),
            Step("bus", self._open_hub, ("supervisor",)),
        ]
        if rig.needs_plant():
            opening.append(Step("plant", self._open_plant, ("database", "bus")))
        emulated = ("plant",)
        before = ("database", "bus", *(emulated if rig.needs_plant() else ()))
        if rig.has_gateway:
            opening.append(Step("gateway", lambda: world.open_gateway(self._buses, self._at, self._note), before))
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

    @property
    def _at(self) -> Place:
        return opened(self._place, "bus")

    @property
    def _bus_choice(self) -> dict[str, Any]:
        """How the controller's bus is opened."""
        return self._buses.get("main") or self._buses["ems"]

    def _open_hub(self) -> str:
        """Choose how every node of this run opens its bus."""
        supervisor = self.safety.supervisor
        self._place = Place(self.folder, runtime_folder(supervisor, self._later), self._seed)
        self._note(emi_mark(self.loaded.rig))
        self._buses, words = open_buses(
            self.loaded,
            self.runtime,
            supervisor,
            seed=self._seed,
            strict=self._strict,
            note=self._note,
            later=self._later,
        )
        return words

    def _open_plant(self) -> str:
        words = self.world.open_plant(self._buses, self._at)
        if self.loaded.rig.sync.kind == "emulated" and self.world.plant is not None:
            self.instruments.sync = EmulatedSync(self.world.plant.client)
        return words

    def _open_capture(self) -> str:
        bus, choice = self.bus, self._bus_choice
        bus.open(choice, self.folder / "main.blf", self._later)
        started_s = self.clock.now_s()
        name = "ems" if self.loaded.rig.has_gateway else "main"
        bus.buses.add(name, bus.capture, choice)
        if bus.wait_for(lambda seen: "contactor_state" in seen, started_s, FIRST_FRAME_S) is None:
            bus.buses.require(started_s)
            if self.world.gateway is not None:
                self.world.gateway.require_alive()
            raise silence(name, bus.capture, choice, FIRST_FRAME_S)
        for hint in bus.buses.hints():
            self._note(hint)
        side = physical_side(self.loaded.rig, bus.db)
        self.world.watch(side)
        self.safety.watch(side, self._buses, self.runtime / "plant")
        return f"the BMS is heard, {bus.stamped_by()}"

    def _open_meter(self, name: str) -> str:
        meter, plant = self.loaded.rig.meters.named()[name], self.world.plant
        resource = plant.resource(name) if meter.emulated and plant else meter.resource
        return self.instruments.open(name, resource, self.safety.exchanges.of(f"meters.{name}"), self._later)

    def _open_inverter(self) -> str:
        inverter, plant = self.loaded.rig.inverter, self.world.plant
        service = ""
        if inverter.kind == "emulated" and plant is not None:
            self._inverter_at, service = ("127.0.0.1", plant.modbus_port), plant.service
        address = inverter_address(self.loaded, self._inverter_at, service)
        self._inverter = client = address.open(log=self.safety.exchanges.of("inverter"))
        self._later("inverter", client.close)
        self.safety.inverter_at(address, client.close)
        identity = client.identity()
        self.safety.supervisor.send("inverter", **asdict(address))
        return str(identity)

    def _open_sync(self) -> str:
        sync = self.loaded.rig.sync
        output = open_output(sync)
        self._later("sync", output.close)
        self.instruments.sync = WiredSync(output, self.clock, time.sleep, marks=sync.mark is not None)
        mark = f", mark {sync.mark}" if sync.mark is not None else ", no mark: the digitizer's time base is not checked"
        return f"{sync.kind} {sync.device}, trigger {sync.trigger}{mark}"

    def _open_controller(self) -> str:
        rig = self.loaded.rig
        controller = Controller(
            rig.dut, self._placeholders(), self.folder, favour=rig.needs_plant(), supervisor=self.safety.supervisor
        )
        self.dut.open(controller, self.runtime, self._later)
        return f"{rig.dut.name} {controller.version()}".strip()

    def _placeholders(self) -> dict[str, str]:
        host, port = self._inverter_at
        values = {
            "folder": str(self.folder),
            "socket": str(self.runtime / "ems"),
            "plant": str(self.runtime / "plant"),
            "interface": str(self._bus_choice["interface"]),
            "channel": str(self._bus_choice["channel"]),
            "inverter_host": host,
            "inverter_port": str(port),
            "config": str(self.folder / "ems.toml"),
        }
        values["log"] = self.loaded.rig.dut.log.format(**values)
        write_reference_config(self.loaded, self.runtime, Path(values["config"]), values)
        return values
