"""The interface of a rig's parts, one protocol per capability, the same for every kind of rig.

`OpenRig` has real time, processes and wires; `v2g_bench.sim.rig.SimRig` has none of them. `open_parts` chooses.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from v2g_bench.can.columns import Columns, Frame, Held
from v2g_bench.can.database import BusDatabase
from v2g_bench.clock import Clock
from v2g_bench.instruments.protocols import CurrentDigitizer, PowerAnalyzer
from v2g_bench.inverter.client import InverterIdentity
from v2g_bench.inverter.port import InverterReading
from v2g_bench.metrology.calibration import CalibrationState
from v2g_bench.metrology.stall import TOLERANCE_S
from v2g_bench.plant.control import PlantClient
from v2g_bench.rig.dut.controller import Controller
from v2g_bench.rig.file.derived import plant_ratings
from v2g_bench.rig.file.load import LoadedRig
from v2g_bench.rig.file.model import Rig
from v2g_bench.rig.parts.calibrated import Calibrated
from v2g_bench.rig.parts.timing import SyncLine, Timestamp

if TYPE_CHECKING:
    from v2g_bench.rig.parts.opening import Step


class RigClock(Clock, Protocol):
    """The bench clock of this rig, whatever makes it run."""

    def pause(self, for_s: float) -> None:
        """Let this much time pass: sleep, or move the simulated clock. BenchError if the supervisor has ended the rig."""
        ...

    def wall_minus_bench_s(self) -> float:
        """The timestamps in the capture's file minus the bench clock, now."""
        ...


class EmulatedWorld(Protocol):
    """The plant: what the bench does to it goes through its client."""

    @property
    def client(self) -> PlantClient: ...


class BusRecord(Protocol):
    """What the bench's own node has received."""

    def frames(self, frame_id: int | None = None, since_s: float = ..., *, is_extended: bool = False) -> Columns:
        """The frames stamped at or after `since_s`; BenchError if they are not all in memory any more."""
        ...

    def hold(self, since_s: float, until_s: float) -> Held:
        """The frames of this time, those still to come included, for as long as the answer lives."""
        ...

    def holding(self, since_s: float) -> AbstractContextManager[None]:
        """Nothing stamped at or after `since_s` leaves the memory while the block runs."""
        ...


class BusNode(Protocol):
    """The bench's own node on the controller's bus."""

    @property
    def db(self) -> BusDatabase: ...

    @property
    def capture(self) -> BusRecord: ...

    def latest(self, role: str) -> float:
        """The newest value of a role on the bus; BenchError where none came lately."""
        ...

    def latest_all(self) -> dict[str, float]:
        """The newest good value of every role received lately."""
        ...

    def wait_for(self, accept: Callable[[dict[str, float]], bool], since_s: float, timeout_s: float, /) -> Frame | None:
        """The first frame since then that is good and whose roles are accepted; None if there is none in time."""
        ...

    def timestamp(self, time_s: float) -> Timestamp:
        """A time on the bus with what is known of it."""
        ...

    def require_good(self) -> None:
        """BenchError with the cause if a bus was faulty at any time since the test began: bus-off, down, not captured."""
        ...

    def disturbed(self, from_s: float, to_s: float, tolerated_s: float = TOLERANCE_S) -> str:
        """Why a latency between these times is not to be trusted; "" if nothing speaks against it."""
        ...


class InverterPart(Protocol):
    """The bench's own look at the inverter."""

    def identity(self) -> InverterIdentity:
        """Who it says it is."""
        ...

    def reading(self) -> InverterReading:
        """What it measures now, + = charge."""
        ...


class MeasuringInstruments(Protocol):
    """The meters, the line that starts the digitizer, and what their calibrations say."""

    @property
    def meters(self) -> Mapping[str, Any]:
        """Name in the rig file -> driver, of those that are open."""
        ...

    @property
    def digitizer(self) -> CurrentDigitizer: ...

    @property
    def analyzer(self) -> PowerAnalyzer: ...

    @property
    def sync(self) -> SyncLine: ...

    def calibration(self, name: str) -> CalibrationState:
        """Whether a meter's calibration supports the grade `hardware`."""
        ...

    def calibrated(self, name: str) -> Calibrated:
        """What a meter's calibration adds to the budgets; nothing where none counts."""
        ...


class World(Protocol):
    """The battery's side of the rig."""

    @property
    def plant(self) -> EmulatedWorld | None:
        """The emulated world; None where everything is real."""
        ...

    @property
    def faults(self) -> PlantClient | None:
        """Where faults are injected; None where nothing can."""
        ...

    def physical(self) -> dict[str, float]:
        """What is true of the battery now, by role: of an emulated one by its world, else by its BMS before any gateway.

        Never what the bench has written into a frame; for what is safe, never for a measurement.
        """
        ...

    def omitted(self) -> int:
        """Frames that the emulated BMS has not sent so far, because the machine did not let it run in their time."""
        ...


class DutPart(Protocol):
    """The device under test."""

    @property
    def controller(self) -> Controller: ...

    def fresh(self, *, heal: bool = True) -> None:
        """A healthy pack at rest (heal False: as it is, faults included), and a controller without a past."""
        ...


class Safety(Protocol):
    """The supervisor of this rig."""

    def require(self) -> None:
        """BenchError if it has made the rig safe by itself, or is gone."""
        ...

    def make_safe(self, why: str) -> None:
        """Zero power, by the supervisor; BenchError if it cannot be had."""
        ...

    def expect_end(self, within_s: float | None) -> None:
        """The running test has hung if it has not ended within this time; None: none runs."""
        ...

    def allow_silence(self, allowed: bool) -> None:
        """The BMS is silenced on purpose, or no longer is."""
        ...


class Parts(Protocol):
    """The open parts of one rig. Times are bench-clock seconds, on whatever clock this rig has."""

    @property
    def loaded(self) -> LoadedRig: ...

    @property
    def clock(self) -> RigClock: ...

    @property
    def bus(self) -> BusNode: ...

    @property
    def instruments(self) -> MeasuringInstruments: ...

    @property
    def inverter(self) -> InverterPart: ...

    @property
    def world(self) -> World: ...

    @property
    def dut(self) -> DutPart: ...

    @property
    def safety(self) -> Safety: ...


class ClosedRig(Protocol):
    """A rig that is not open yet. `with` opens all of its parts or none, and closes them; `check` opens them one by one."""

    def steps(self) -> "list[Step]":
        """What opening this rig consists of, in order."""
        ...

    def close(self, *, quiet: bool = False) -> None:
        """Close everything that is open."""
        ...

    def __enter__(self) -> Parts: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


def emi_mark(rig: Rig) -> str:
    """For the report: what stands for interference on this rig's bus."""
    if rig.physics:
        bus = next(bus for bus in rig.bus.values() if bus.physics)
        return f"EMI by physics: bits on a modelled wire ({bus.cable_m:g} m) and by frame-level faults at the BMS"
    return "EMI by frame-level faults at the BMS: frames lost, damaged or late; no bits, no bus errors"


def plant_config(rig: Rig, seed: int, dbc: Path, roles: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of this rig's emulated world, without its bus and its control socket; see `plant.settings`."""
    meters = {
        name: {"driver": meter.driver, "transport": meter.transport}
        | ({"shunt_ohm": meter.shunt_ohm} if meter.shunt_ohm else {})
        | {key: meter.options[key] for key in ("current_ratio",) if key in meter.options}  # it is wired in, not set
        for name, meter in rig.meters.named().items()
        if meter.emulated
    }
    return {
        "plant": plant_ratings(rig),
        "seed": seed,
        "dbc": str(dbc),
        "roles": dict(roles),
        "meters": meters,
        "inverter": {"unit_id": rig.inverter.unit_id},
        "service_port": rig.inverter.service,
    }
