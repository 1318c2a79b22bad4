"""The CAN bus of a simulation with its physics: the same core as on the userland bus, under the simulated clock.

The bench is a node of its own ("bench"): it acknowledges, and the log is what it has received, its error frames included.
"""

from typing import Any

import can

from v2g_bench.can import wire as packet
from v2g_bench.can.physics.bus import Wire
from v2g_bench.can.physics.condition import Condition, Conditions
from v2g_bench.can.physics.errors import ErrorNotice, error_message
from v2g_bench.can.physics.events import Delivered
from v2g_bench.can.physics.frame import WireFrame
from v2g_bench.can.physics.node import NEVER_S, Node
from v2g_bench.can.physics.timing import BitTiming
from v2g_bench.sim.bus import OnFrame, SimBus
from v2g_bench.sim.timeline import Event, Timeline


class SimWireBus(SimBus):
    """A `SimBus` whose frames meet what a real wire has; and its `WireControl`."""

    def __init__(self, timeline: Timeline, timing: BitTiming, *, length_m: float = 5.0, seed: int = 0) -> None:
        super().__init__(timeline, timing.bitrate, timing.data_bitrate)
        self.wire = Wire(timing, seed)
        self._bench = self.wire.join("bench")
        self._conditions = Conditions(self.wire, length_m=length_m, seed=seed)
        self._on_wire: dict[int, tuple[Node, OnFrame]] = {}
        self._event: Event | None = None
        self._event_s = NEVER_S

    # As a bus

    def join(self, node: object, on_frame: OnFrame, name: str = "ems") -> None:
        on_wire = self.wire.join(name)
        self._on_wire[id(node)] = on_wire, on_frame
        self._conditions.joined(on_wire, self._timeline.now_s())

    def leave(self, node: object) -> None:
        on_wire = self._on_wire.pop(id(node), None)
        if on_wire is not None:
            self.wire.leave(on_wire[0])

    def send(self, node: object, message: can.Message) -> None:
        """Queue a frame. A node that is off, or whose queue is full, loses it; it is counted there (`dropped`)."""
        on_wire = self._on_wire.get(id(node))
        if on_wire is not None:
            self.wire.submit(on_wire[0], WireFrame.of(message), self._timeline.now_s(), message)
            self._arm()

    # As a wire

    def set(self, conditions: list[Condition]) -> None:
        self._conditions.set(conditions, self._timeline.now_s())
        self._arm()

    def power(self, power_w: float) -> None:
        self._conditions.power(power_w)

    def status(self) -> dict[str, Any]:
        return self._conditions.status(self._timeline.now_s())

    def _arm(self) -> None:
        """Wake when the wire has something next."""
        next_s = self.wire.next_s
        if next_s == self._event_s and self._event is not None and self._event.do is not None:
            return
        if self._event is not None:
            self._event.cancel()
        self._event_s = next_s
        self._event = self._timeline.at(next_s, self._turn) if next_s < NEVER_S else None

    def _turn(self) -> None:
        self._event, self._event_s = None, NEVER_S
        for event in self.wire.advance(self._timeline.now_s()):
            if isinstance(event, Delivered):
                self._deliver(event)
            elif event.node is self._bench:
                self._log_error(event)
        self._arm()

    def _deliver(self, event: Delivered) -> None:
        if (seen := self._seen(event, self._bench)) is not None:
            self._log(seen, event.at_s)
        for on_wire, on_frame in list(self._on_wire.values()):
            if on_wire is event.sender or not on_wire.takes_part:
                continue
            message = self._seen(event, on_wire)
            if message is not None:
                on_frame(message)

    @staticmethod
    def _seen(event: Delivered, node: Node) -> can.Message | None:
        """What this node has got of it."""
        if node in event.others:
            other = event.others[node]
            return None if other is None else other.message()
        return event.token if isinstance(event.token, can.Message) else event.frame.message()

    def _log(self, message: can.Message, at_s: float) -> None:
        flags = (packet.EXTENDED if message.is_extended_id else 0) | (packet.FD if message.is_fd else 0)
        flags |= packet.BRS if message.bitrate_switch else 0
        self._keep(at_s, message.arbitration_id, flags, bytes(message.data))

    def _log_error(self, event: ErrorNotice) -> None:
        message = error_message(event)
        self._keep(event.at_s, message.arbitration_id, packet.ERROR | packet.EXTENDED, bytes(message.data))
