"""A simulated rig, with the surface of an open one (`v2g_bench.rig.parts.protocol.Parts`).

>>> from v2g_bench.rig.file.load import load_rig
>>> with SimRig(load_rig("sim"), folder, seed=1, note=print) as parts:                        # doctest: +SKIP
...     parts.pause(3600)          # an hour, in seconds of computing
"""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from v2g_bench.can.columns import Frame
from v2g_bench.can.physics.timing import BitTiming
from v2g_bench.can.values import newest, sound
from v2g_bench.errors import BenchError
from v2g_bench.metrology.calibration import CalibrationState
from v2g_bench.plant.control import PlantClient
from v2g_bench.plant.settings import PlantSettings
from v2g_bench.rig.file.load import LoadedRig
from v2g_bench.rig.parts.calibrated import UNCALIBRATED, Calibrated
from v2g_bench.rig.parts.controller_config import write_reference_config
from v2g_bench.rig.parts.opening import FIRST_FRAME_S, Opening, Step
from v2g_bench.rig.parts.protocol import emi_mark, plant_config
from v2g_bench.rig.parts.sync import EmulatedSync
from v2g_bench.rig.parts.timing import Edge, Stamp
from v2g_bench.sim.bus import SimBus, SimCapture
from v2g_bench.sim.controller import SimController
from v2g_bench.sim.inverter import SimInverter
from v2g_bench.sim.loop import SimLoop
from v2g_bench.sim.meters import connect
from v2g_bench.sim.network import TRANSIT_S, Network
from v2g_bench.sim.plant import SimPlant
from v2g_bench.sim.timeline import WALL_EPOCH_S, Timeline
from v2g_bench.sim.wirebus import SimWireBus

START_S = 1000.0  # where the simulated clock begins: far from zero, so that nothing takes it for a duration
IN_FLIGHT_S = 0.05
SYNC_ANSWER_S = 50e-6  # from the edge on the sync line until its time is reported to the bench
MARK = (
    "simulated: virtual clock, computing takes no time, no scheduling, no bus arbitration or errors, "
    f"Modbus transit {1e6 * TRANSIT_S:.0f} us each way; latencies are those of the design, not of an implementation"
)


class SimSync(EmulatedSync):
    """The plant's line to the instruments; its answer comes after the edge, never in the same instant."""

    def __init__(self, plant: SimPlant, timeline: Timeline) -> None:
        super().__init__(plant.client)
        self._timeline = timeline

    def pulse(self, seen: bool = False) -> Edge:
        edge = super().pulse(seen)
        self._timeline.pause(SYNC_ANSWER_S)
        return edge


class SimRig(Opening):
    """The parts of one simulated rig. `with SimRig(...)` opens all of them or none.

    The same rig file, seed, sources and calls give the same bytes, whatever the machine is doing.
    """

    def __init__(self, loaded: LoadedRig, folder: Path, seed: int, *, note: Callable[[str], None]) -> None:
        super().__init__(loaded)
        self.folder, self.seed = folder, seed
        self.runtime = folder
        self.clock = self.timeline = Timeline(START_S)
        self._begun_s = START_S  # when the controller was started last; see `traffic.newest`
        self.loop = SimLoop(self.timeline, Network())  # type: ignore[abstract]  # what it lacks, nobody here calls
        self._note = note
        self.plant: SimPlant

    def require_supervised(self) -> None:
        """Nothing: no current flows outside of this process."""

    def make_safe(self, why: str) -> None:
        """Nothing: no current flows outside of this process."""

    def expect_end(self, within_s: float | None) -> None:
        """Nothing: simulated time does not hang."""

    def allow_silence(self, allowed: bool) -> None:
        """Does nothing: a simulated bus has no supervisor."""

    def require_buses(self) -> None:
        """A simulated bus never fails."""

    @property
    def faults(self) -> PlantClient:
        """Where faults are injected."""
        return self.plant.client

    def steps(self) -> list[Step]:
        """What opening this rig consists of, in order."""
        opening = [
            Step("database", self._open_database),
            Step("bus", self._open_bus, ("database",)),
            Step("plant", self._open_plant, ("database", "bus")),
            Step("capture", self._open_capture, ("plant",)),
        ]
        for name in self.loaded.rig.meters.named():
            opening.append(Step(f"meters.{name}", partial(self._open_meter, name), ("plant",)))
        opening.append(Step("inverter", self._open_inverter, ("plant",)))
        opening.append(Step("controller", self._open_controller, ("database", "bus", "capture", "inverter")))
        return opening

    # What the bench does with it

    def pause(self, for_s: float) -> None:
        self.timeline.pause(for_s)

    def wall_minus_bench_s(self) -> float:
        return WALL_EPOCH_S

    def fresh_controller(self, *, heal: bool = True) -> None:
        self.controller.stop()
        if heal:
            self.plant.client.reset()
        self.controller.forget()
        self.pause(IN_FLIGHT_S)  # a process takes longer to start than a frame with the pack of before is on its way
        self._begun_s = self.timeline.now_s()
        self.controller.start()

    def latest(self, role: str) -> float:
        spec = self.db.message_of(role)
        frames = self.capture.frames(spec.frame_id, self.timeline.now_s() - 1.0, is_extended=spec.is_extended)
        seen = newest(self.db, frames, self._begun_s)
        if role not in seen:
            raise BenchError(
                f"bus, role {role}", "no frame with it came during the last second", "is its sender alive?"
            )
        return seen[role]

    def latest_all(self) -> dict[str, float]:
        return newest(self.db, self.capture.frames(since_s=self.timeline.now_s() - 1.0), self._begun_s)

    def physical(self) -> dict[str, float]:
        return self.plant.client.truth_pack()

    def wait_for(self, accept: Callable[[dict[str, float]], bool], since_s: float, timeout_s: float, /) -> Frame | None:
        def fits(frame: Frame) -> bool:
            return sound(self.db, frame) and accept(self.db.decode(frame.message()))

        try:
            return self.capture.wait_for(fits, since_s, timeout_s)
        except TimeoutError:
            return None

    def stamp(self, time_s: float) -> Stamp:
        return Stamp(time_s, 0.0, "simulated clock at the end of the frame: exact")

    def disturbed(self, from_s: float, to_s: float) -> str:
        """Nothing disturbs a simulation."""
        return ""

    def left_out(self) -> int:
        return int(self.plant.client.status()["frames_missed"])

    def calibration(self, name: str) -> CalibrationState:
        raise BenchError(f"meters.{name}", "a simulated meter has no calibration")

    def calibrated(self, name: str) -> Calibrated:
        return UNCALIBRATED

    # How it is opened

    def _troubles(self) -> list[str]:
        troubles = [f"{one.get('message')}: {one.get('exception')!r}" for one in self.loop.trouble]
        self.loop.trouble.clear()
        return troubles

    def _open_bus(self) -> str:
        bus = self.loaded.rig.bus["main"]
        self.bus = SimBus(self.timeline, bus.bitrate, bus.data_bitrate)
        if bus.physics:
            timing = BitTiming(bus.bitrate, bus.data_bitrate)
            self.bus = SimWireBus(self.timeline, timing, length_m=bus.cable_m, seed=self.seed)
        self._note(MARK.replace("no bus arbitration or errors, ", "") if bus.physics else MARK)
        self._note(emi_mark(self.loaded.rig))
        return f"simulated bus, {'CAN FD' if bus.fd else 'classic CAN'}{', with physics' if bus.physics else ''}"

    def _open_plant(self) -> str:
        rig = self.loaded.rig
        config = plant_config(rig, self.seed, self.db.path, self.roles) | {"control": "simulated"}
        self.plant = SimPlant(PlantSettings.model_validate(config), self.db, self.timeline, self.loop, self.bus)
        self.plant.open()
        self._later("plant", self.plant.close)
        return f"simulates {', '.join(rig.emulated_parts())}"

    def _open_capture(self) -> str:
        self.capture = SimCapture(self.bus, self.timeline, self.folder / "main.blf")
        self._later("capture", self.capture.stop)
        if self.wait_for(lambda seen: "contactor_state" in seen, self.timeline.now_s(), FIRST_FRAME_S) is None:
            raise BenchError("bus", f"no frame of the BMS within {FIRST_FRAME_S:g} s", "is its database right?")
        return "the BMS is heard"

    def _open_meter(self, name: str) -> str:
        meter = self.loaded.rig.meters.named()[name]
        options = dict(meter.options) | ({"shunt_ohm": meter.shunt_ohm} if meter.shunt_ohm else {})
        where = f"{self.loaded.path}: meters.{name}"
        self.meters[name] = opened = connect(meter.driver, self.plant.meters[name], self.timeline, where, **options)
        self._later(f"meters.{name}", opened.close)
        return str(opened.identity())

    def _open_inverter(self) -> str:
        self.inverter = SimInverter(self.plant.inverter, self.plant.stage)
        return str(self.inverter.identity())

    def _open_controller(self) -> str:
        rig = self.loaded.rig
        self.sync = SimSync(self.plant, self.timeline)
        values = {
            "folder": str(self.folder),
            "socket": "simulated",
            "interface": "sim",
            "channel": "",
            "inverter_host": "127.0.0.1",
            "inverter_port": str(self.plant.modbus_port),
            "config": str(self.folder / "ems.toml"),
        }
        values["log"] = rig.dut.log.format(**values)
        write_reference_config(self, Path(values["config"]), values)
        self.controller = SimController(rig.dut, values, self.folder, self.db, self.timeline, self.loop, self.bus)
        self._later("controller", self.controller.close)
        self._later("state", lambda: shutil.rmtree(self.folder / "state", ignore_errors=True))
        self.fresh_controller()
        return f"{rig.dut.name} {self.controller.version()}".strip()
