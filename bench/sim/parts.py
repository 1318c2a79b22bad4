"""The parts of a simulated rig: each has the surface of a real one (`v2g_bench.rig.parts.protocol`)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from v2g_bench.can.columns import Frame
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.values import memory_s, newest, sound
from v2g_bench.errors import BenchError
from v2g_bench.instruments.protocols import SERVES, CurrentDigitizer, PowerAnalyzer
from v2g_bench.metrology.calibration import CalibrationState
from v2g_bench.metrology.stall import TOLERANCE_S
from v2g_bench.plant.control import PlantClient
from v2g_bench.rig.file.load import LoadedRig
from v2g_bench.rig.parts.calibrated import UNCALIBRATED, Calibrated
from v2g_bench.rig.parts.opening import FIRST_FRAME_S, Later, open_database, opened
from v2g_bench.rig.parts.sync import EmulatedSync, NoSync
from v2g_bench.rig.parts.timing import Edge, SyncLine, Timestamp
from v2g_bench.sim.bus import SimBus, SimCapture
from v2g_bench.sim.controller import SimController
from v2g_bench.sim.meters import connect
from v2g_bench.sim.plant import SimPlant
from v2g_bench.sim.timeline import Timeline

IN_FLIGHT_S = 0.05
SYNC_ANSWER_S = 50e-6  # from the edge on the sync line until its time is reported to the bench


class SimSync(EmulatedSync):
    """The plant's line to the instruments; its answer comes after the edge, never in the same instant."""

    def __init__(self, plant: SimPlant, timeline: Timeline) -> None:
        super().__init__(plant.client)
        self._timeline = timeline

    def pulse(self, seen: bool = False) -> Edge:
        edge = super().pulse(seen)
        self._timeline.pause(SYNC_ANSWER_S)
        return edge


class SimSafety:
    """No supervisor: no current flows outside of this process, simulated time does not hang."""

    def require(self) -> None:
        """Nothing."""

    def make_safe(self, why: str) -> None:
        """Nothing."""

    def expect_end(self, within_s: float | None) -> None:
        """Nothing."""

    def allow_silence(self, allowed: bool) -> None:
        """Nothing."""


class SimReception:
    """What the bench receives on the simulated bus."""

    def __init__(self, loaded: LoadedRig, timeline: Timeline) -> None:
        self._loaded, self._timeline = loaded, timeline
        self._db: BusDatabase | None = None
        self._capture: SimCapture | None = None
        self._begun_s = timeline.now_s()  # when the controller was started last; see `can.values.newest`

    @property
    def db(self) -> BusDatabase:
        return opened(self._db, "database")

    @property
    def capture(self) -> SimCapture:
        return opened(self._capture, "capture")

    def open_database(self) -> str:
        """Read the database."""
        self._db, words = open_database(self._loaded)
        return words

    def open(self, bus: SimBus, path: Path, later: Later) -> str:
        """Capture from this bus into this file."""
        self._capture = capture = SimCapture(bus, self._timeline, path)
        later("capture", capture.stop)
        if self.wait_for(lambda seen: "contactor_state" in seen, self._timeline.now_s(), FIRST_FRAME_S) is None:
            raise BenchError("bus", f"no frame of the BMS within {FIRST_FRAME_S:g} s", "is its database right?")
        return "the BMS is heard"

    def begin_controller(self) -> None:
        """What the controller has sent before now is not its word any more."""
        self._begun_s = self._timeline.now_s()

    def latest(self, role: str) -> float:
        spec = self.db.message_of(role)
        now_s = self._timeline.now_s()
        frames = self.capture.frames(since_s=now_s - memory_s(self.db)).carrying(spec)
        seen = newest(self.db, frames, self._begun_s, now_s=now_s)
        if role not in seen:
            raise BenchError(f"bus, role {role}", "no frame with it came lately", "is its sender alive?")
        return seen[role]

    def latest_all(self) -> dict[str, float]:
        now_s = self._timeline.now_s()
        return newest(self.db, self.capture.frames(since_s=now_s - memory_s(self.db)), self._begun_s, now_s=now_s)

    def wait_for(self, accept: Callable[[dict[str, float]], bool], since_s: float, timeout_s: float, /) -> Frame | None:
        def fits(frame: Frame) -> bool:
            return sound(self.db, frame) and accept(self.db.decode(frame.message()))

        try:
            return self.capture.wait_for(fits, since_s, timeout_s)
        except TimeoutError:
            return None

    def timestamp(self, time_s: float) -> Timestamp:
        return Timestamp(time_s, 0.0, "simulated clock at the end of the frame: exact")

    def require_good(self) -> None:
        """A simulated bus never fails."""

    def disturbed(self, from_s: float, to_s: float, tolerated_s: float = TOLERANCE_S) -> str:
        """Nothing disturbs a simulation."""
        return ""


class SimWorld:
    """The simulated world. `open` gives its plant."""

    def __init__(self) -> None:
        self._plant: SimPlant | None = None

    @property
    def plant(self) -> SimPlant:
        return opened(self._plant, "plant")

    def open(self, plant: SimPlant, later: Later) -> None:
        """Start this plant."""
        self._plant = plant
        plant.open()
        later("plant", plant.close)

    @property
    def faults(self) -> PlantClient:
        """Where faults are injected."""
        return self.plant.client

    def physical(self) -> dict[str, float]:
        return self.plant.client.truth_pack()

    def omitted(self) -> int:
        return int(self.plant.client.status()["frames_missed"])


class SimInstruments:
    """The simulated meters."""

    def __init__(self, loaded: LoadedRig, timeline: Timeline) -> None:
        self._loaded, self._timeline = loaded, timeline
        self.meters: dict[str, Any] = {}
        self.sync: SyncLine = NoSync()

    @property
    def digitizer(self) -> CurrentDigitizer:
        return cast(CurrentDigitizer, opened(self.meters.get("dc_current"), "meters.dc_current"))

    @property
    def analyzer(self) -> PowerAnalyzer:
        return cast(PowerAnalyzer, opened(self.meters.get("ac_power"), "meters.ac_power"))

    def open(self, name: str, plant: SimPlant, later: Later) -> str:
        """Open one meter of this plant."""
        meter = self._loaded.rig.meters.named()[name]
        options = dict(meter.options) | ({"shunt_ohm": meter.shunt_ohm} if meter.shunt_ohm else {})
        where = f"{self._loaded.path}: meters.{name}"
        self.meters[name] = driver = connect(
            meter.driver, plant.meters[name], self._timeline, where, SERVES[name], **options
        )
        later(f"meters.{name}", driver.close)
        return str(driver.identity())

    def calibration(self, name: str) -> CalibrationState:
        raise BenchError(f"meters.{name}", "a simulated meter has no calibration")

    def calibrated(self, name: str) -> Calibrated:
        return UNCALIBRATED


class SimDut:
    """The controller in the simulation."""

    def __init__(self, world: SimWorld, reception: SimReception, timeline: Timeline) -> None:
        self._world, self._reception, self._timeline = world, reception, timeline
        self._controller: SimController | None = None

    @property
    def controller(self) -> SimController:
        return opened(self._controller, "controller")

    def open(self, controller: SimController, later: Later) -> None:
        """This controller is the one."""
        self._controller = controller
        later("controller", controller.close)

    def fresh(self, *, heal: bool = True) -> None:
        self.controller.stop()
        if heal:
            self._world.plant.client.reset()
        self.controller.forget()
        self._timeline.pause(
            IN_FLIGHT_S
        )  # a process takes longer to start than a frame of the pack before is on its way
        self._reception.begin_controller()
        self.controller.start()
