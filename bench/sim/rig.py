"""A simulated rig, with the surface of an open one (`v2g_bench.rig.parts.protocol.Parts`).

>>> from v2g_bench.rig.file.load import load_rig
>>> with SimRig(load_rig("sim"), folder, seed=1, note=print) as parts:                        # doctest: +SKIP
...     parts.clock.pause(3600)          # an hour, in seconds of computing
"""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from v2g_bench.can.physics.timing import BitTiming
from v2g_bench.plant.settings import PlantSettings
from v2g_bench.rig.file.load import LoadedRig
from v2g_bench.rig.parts.controller_config import write_reference_config
from v2g_bench.rig.parts.opening import Opening, Step, opened, roles_of
from v2g_bench.rig.parts.protocol import emi_mark, plant_config
from v2g_bench.sim.bus import SimBus
from v2g_bench.sim.controller import SimController
from v2g_bench.sim.inverter import SimInverter
from v2g_bench.sim.loop import SimLoop
from v2g_bench.sim.network import TRANSIT_S, Network
from v2g_bench.sim.parts import SimDut, SimInstruments, SimReception, SimSafety, SimSync, SimWorld
from v2g_bench.sim.plant import SimPlant
from v2g_bench.sim.timeline import Timeline
from v2g_bench.sim.wirebus import SimWireBus

START_S = 1000.0  # where the simulated clock begins: far from zero, so that nothing takes it for a duration
MARK = (
    "simulated: virtual clock, computing takes no time, no scheduling, no bus arbitration or errors, "
    f"Modbus transit {1e6 * TRANSIT_S:.0f} us each way; latencies are those of the design, not of an implementation"
)


class SimRig(Opening):
    """The parts of one simulated rig. `with SimRig(...)` opens all of them or none.

    The same rig file, seed, sources and calls give the same bytes, whatever the machine is doing.
    """

    def __init__(self, loaded: LoadedRig, folder: Path, seed: int, *, note: Callable[[str], None]) -> None:
        super().__init__(loaded)
        self.folder, self._seed, self._note = folder, seed, note
        self.clock = Timeline(START_S)
        self.loop = SimLoop(self.clock, Network())  # type: ignore[abstract]  # what it lacks, nobody here calls
        self.safety = SimSafety()
        self.bus = SimReception(loaded, self.clock)
        self.world = SimWorld()
        self.instruments = SimInstruments(loaded, self.clock)
        self.dut = SimDut(self.world, self.bus, self.clock)
        self._wire: SimBus | None = None
        self._inverter: SimInverter | None = None

    @property
    def inverter(self) -> SimInverter:
        """The bench's own look at the inverter."""
        return opened(self._inverter, "inverter")

    def steps(self) -> list[Step]:
        """What opening this rig consists of, in order."""
        opening = [
            Step("database", self.bus.open_database),
            Step("bus", self._open_bus, ("database",)),
            Step("plant", self._open_plant, ("database", "bus")),
            Step("capture", self._open_capture, ("plant",)),
        ]
        for name in self.loaded.rig.meters.named():
            opening.append(Step(f"meters.{name}", partial(self._open_meter, name), ("plant",)))
        opening.append(Step("inverter", self._open_inverter, ("plant",)))
        opening.append(Step("controller", self._open_controller, ("database", "bus", "capture", "inverter")))
        return opening

    def _troubles(self) -> list[str]:
        troubles = [f"{one.get('message')}: {one.get('exception')!r}" for one in self.loop.trouble]
        self.loop.trouble.clear()
        return troubles

    def _open_bus(self) -> str:
        bus = self.loaded.rig.bus["main"]
        if bus.physics:
            timing = BitTiming(bus.bitrate, bus.data_bitrate)
            self._wire = SimWireBus(self.clock, timing, length_m=bus.cable_m, seed=self._seed)
        else:
            self._wire = SimBus(self.clock, bus.bitrate, bus.data_bitrate)
        self._note(MARK.replace("no bus arbitration or errors, ", "") if bus.physics else MARK)
        self._note(emi_mark(self.loaded.rig))
        return f"simulated bus, {'CAN FD' if bus.fd else 'classic CAN'}{', with physics' if bus.physics else ''}"

    def _open_plant(self) -> str:
        rig, db = self.loaded.rig, self.bus.db
        config = plant_config(rig, self._seed, db.path, roles_of(self.loaded)) | {"control": "simulated"}
        wire = opened(self._wire, "bus")
        plant = SimPlant(PlantSettings.model_validate(config), db, self.clock, self.loop, wire)
        self.world.open(plant, self._later)
        return f"simulates {', '.join(rig.emulated_parts())}"

    def _open_capture(self) -> str:
        return self.bus.open(opened(self._wire, "bus"), self.folder / "main.blf", self._later)

    def _open_meter(self, name: str) -> str:
        return self.instruments.open(name, self.world.plant, self._later)

    def _open_inverter(self) -> str:
        self._inverter = SimInverter(self.world.plant.inverter, self.world.plant.stage)
        return str(self._inverter.identity())

    def _open_controller(self) -> str:
        rig = self.loaded.rig
        self.instruments.sync = SimSync(self.world.plant, self.clock)
        values = {
            "folder": str(self.folder),
            "socket": "simulated",
            "interface": "sim",
            "channel": "",
            "inverter_host": "127.0.0.1",
            "inverter_port": str(self.world.plant.modbus_port),
            "config": str(self.folder / "ems.toml"),
        }
        values["log"] = rig.dut.log.format(**values)
        write_reference_config(self.loaded, self.folder, Path(values["config"]), values)
        wire = opened(self._wire, "bus")
        controller = SimController(rig.dut, values, self.folder, self.bus.db, self.clock, self.loop, wire)
        self.dut.open(controller, self._later)
        self._later("state", lambda: shutil.rmtree(self.folder / "state", ignore_errors=True))
        self.dut.fresh()
        return f"{rig.dut.name} {controller.version()}".strip()
