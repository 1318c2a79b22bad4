"""What an open rig receives on the controller's bus: values, frames, and whether a time measured on it is valid."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import can

from v2g_bench.can.buses import open_bus
from v2g_bench.can.capture import Capture
from v2g_bench.can.columns import Frame
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.values import memory_s, newest, sound
from v2g_bench.clock import Clock
from v2g_bench.errors import BenchError
from v2g_bench.gateway.host import GatewayProcess
from v2g_bench.metrology.stall import TOLERANCE_S, StallMonitor
from v2g_bench.rig.file.load import LoadedRig
from v2g_bench.rig.parts.bus_watch import BusWatch
from v2g_bench.rig.parts.opening import Later, open_database, opened
from v2g_bench.rig.parts.timing import Timestamp

# A kernel stamp against the moment the frame was complete: 135 us was the largest error of 150 under full load (kernel
# stamps on both buses); it includes bringing the stamp over to the bench clock.
TIMESTAMP_HALF_WIDTH_S = 150e-6


@dataclass(frozen=True)
class Node:
    """The bench's own node on the controller's bus, open. choice: the arguments of `can.buses.open_bus`."""

    bus: can.BusABC
    capture: Capture
    monitor: StallMonitor
    choice: Mapping[str, Any]


class Reception:
    """What the bench receives on the controller's bus. require: BenchError where the rig has been made safe."""

    def __init__(self, loaded: LoadedRig, clock: Clock, require: Callable[[], None]) -> None:
        self._loaded, self._clock, self._require = loaded, clock, require
        self.buses = BusWatch()
        self._db: BusDatabase | None = None
        self._node: Node | None = None
        self._gateway: GatewayProcess | None = None
        self._test_began_s = clock.now_s()
        self._begun_s = -math.inf  # when the controller was started last; see `can.values.newest`
        self._lost = 0  # frames that the capture had lost when last asked

    @property
    def db(self) -> BusDatabase:
        """The database of the rig's BMS."""
        return opened(self._db, "database")

    @property
    def node(self) -> Node:
        """The bench's own node."""
        return opened(self._node, "capture")

    @property
    def capture(self) -> Capture:
        """What it has received."""
        return self.node.capture

    def open_database(self) -> str:
        """Read the database."""
        self._db, words = open_database(self._loaded)
        return words

    def open(self, choice: Mapping[str, Any], path: Path, later: Later) -> None:
        """Open the node on this bus; its capture goes to `path`."""
        bus = open_bus(**choice, name="bench")
        later("bus", bus.shutdown)
        capture = Capture(bus, path)
        capture.start()
        later("capture", capture.stop)
        monitor = StallMonitor()
        monitor.start()
        later("stall monitor", monitor.stop)
        self._node = Node(bus, capture, monitor, choice)

    def behind(self, gateway: GatewayProcess) -> None:
        """The controller's bus is behind this gateway."""
        self._gateway = gateway

    def begin_test(self) -> None:
        """What a bus did before is no matter of the test that begins now."""
        self._test_began_s = self._clock.now_s()

    def begin_controller(self) -> None:
        """What the controller has sent before now is not its word any more."""
        self._begun_s = self._clock.now_s()

    def latest(self, role: str) -> float:
        """The newest value of a role on the bus; BenchError if none came for a second (of a slow message: three cycles)."""
        values = self.latest_all()
        if role not in values:
            self._require_whole(role)
            raise BenchError(f"bus, role {role}", "no frame with it came lately", "is its sender alive?")
        return values[role]

    def _require_whole(self, role: str) -> None:
        """BenchError where its frames come, but shorter than the database states: nothing of such a frame is taken."""
        spec = self.db.message_of(role)
        frames = self.capture.frames(since_s=self._clock.now_s() - memory_s(self.db)).carrying(spec)
        if len(frames) and (length := len(frames.frame(len(frames) - 1).data)) < spec.length:
            what = f"{spec.name} comes with {length} bytes, where the database states {spec.length}"
            raise BenchError(f"bus, role {role}", what, f"is {self.db.path.name} of this BMS, in this version?")

    def latest_all(self) -> dict[str, float]:
        """The newest good value of every role received lately, as `latest`; BenchError as `pause`, or for a bus error.

        What the controller sent before its last start is ignored.
        """
        self._require()
        self.require_good()
        now_s = self._clock.now_s()
        frames = self.capture.frames(since_s=now_s - memory_s(self.db))
        return newest(self.db, frames, self._begun_s, now_s=now_s)

    def wait_for(self, accept: Callable[[dict[str, float]], bool], since_s: float, timeout_s: float) -> Frame | None:
        """The first sound frame since then whose roles are accepted; None if there is none in time."""

        def fits(frame: Frame) -> bool:
            return sound(self.db, frame) and accept(self.db.decode(frame.message()))

        try:
            return self.capture.wait_for(fits, since_s, timeout_s)
        except TimeoutError:
            self.require_good()
            return None

    def timestamp(self, time_s: float) -> Timestamp:
        """A time on the bus with what is known of it."""
        return Timestamp(time_s, TIMESTAMP_HALF_WIDTH_S, self.stamped_by())

    def disturbed(self, from_s: float, to_s: float, tolerated_s: float = TOLERANCE_S) -> str:
        """Why a latency measured between these times is not to be trusted; "" if nothing speaks against it.

        A stall of the machine may last for `tolerated_s`. BenchError where a bus was sick, or the gateway has lost frames.
        """
        self.require_good()
        if self._gateway is not None:
            self._gateway.require_whole()
        step_s = self.capture.wall.step_between(from_s, to_s)
        if step_s is not None:
            return f"the wall clock, which stamps the frames, was set by {1000.0 * step_s:+.3f} ms"
        lost, self._lost = self.capture.lost - self._lost, self.capture.lost
        if lost:
            return f"the bench's own node has lost {lost} frames of the bus"
        return self.node.monitor.reason(from_s, to_s, tolerated_s)

    def require_good(self) -> None:
        """BenchError with the cause if a bus was sick at any time since the test began."""
        self.buses.require(self._test_began_s)
        if self._gateway is not None:
            self._gateway.require_alive()

    def stamped_by(self) -> str:
        """What stamps the frames of the controller's bus, in words."""
        if self.node.choice["interface"] == "v2g_userland":
            wire = "end of the frame on the modelled wire, from the " if self._loaded.rig.physics else ""
            return f"{wire}kernel stamp at the sender's send(), userland bus"
        hardware = getattr(self.node.bus, "timestamp_source", "") == "hardware"
        return ("hardware stamp, joined to the bench clock" if hardware else "kernel stamp at receive") + ", SocketCAN"
