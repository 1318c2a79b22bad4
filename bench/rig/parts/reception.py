"""What an open rig receives on the controller's bus: values, frames, and whether a time measured on it is valid."""

from collections.abc import Callable
from typing import Any

from v2g_bench.can.capture import Capture
from v2g_bench.can.columns import Frame
from v2g_bench.can.values import newest, sound
from v2g_bench.clock import Clock, wall_offset_ns
from v2g_bench.errors import BenchError
from v2g_bench.gateway.host import GatewayProcess
from v2g_bench.metrology.stall import StallMonitor
from v2g_bench.rig.parts.bus_watch import BusWatch
from v2g_bench.rig.parts.opening import Opening
from v2g_bench.rig.parts.timing import Stamp
from v2g_bench.rig.safety.supervisor_client import Guard

# A kernel stamp against the moment the frame was complete: 135 us was the largest error of 150 under full load (kernel
# stamps on both buses); it includes bringing the stamp over to the bench clock.
STAMP_HALF_WIDTH_S = 150e-6


class Hearing(Opening):
    """A rig with a node of the bench's own on the controller's bus."""

    clock: Clock
    guard: Guard
    buses: BusWatch
    bus: Any
    capture: Capture
    monitor: StallMonitor
    gateway: GatewayProcess | None
    _bus_choice: dict[str, Any]
    _test_began_s: float
    _begun_s: float  # when the controller was started last; see `traffic.newest`
    _lost: int  # frames that the capture had lost when last asked

    def wall_minus_bench_s(self) -> float:
        """The capture's file has stamps of the wall clock: this much ahead of the bench clock, now."""
        return wall_offset_ns() / 1e9

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
        """The newest good value of every role received during the last second; BenchError as `pause`, or for a bus error.

        What the controller sent before its last start is ignored.
        """
        self.guard.check()
        self.require_buses()
        return newest(self.db, self.capture.frames(since_s=self.clock.now_s() - 1.0), self._begun_s)

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
