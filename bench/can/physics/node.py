"""A node on the wire: its queue, its error counters, and what may be wrong with it."""

from collections import deque
from typing import Any, NamedTuple

from v2g_bench.can.physics.confinement import Confinement
from v2g_bench.can.physics.frame import WireFrame

NEVER_S = float("inf")
QUEUE_FRAMES = 64
BACKLOG_S = 0.05


class Item(NamedTuple):
    """A frame that waits. token: any object that its owner gets back with it."""

    frame: WireFrame
    ready_s: float
    token: object


class Node:
    """One controller with its transceiver. Its frames leave in the order in which they came (as from SocketCAN's queue).

    attached: its wires are whole; otherwise it is alone. sick_share: of its own frames, those in which
    its transceiver sends a wrong bit. ready_s: when its first frame may begin, `NEVER_S` if there is none.
    period_s: a node that makes its own frames (a babbling one, or traffic) begins `source` so often; 0 for all others.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.counters = Confinement()
        self.queue: deque[Item] = deque()
        self.attached = True
        self.sick_share = 0.0
        self.period_s = 0.0
        self.source: WireFrame | None = None
        self.ready_s = NEVER_S
        self.free_s = 0.0  # the wire as a node that is alone sees it
        self.sent = self.errors = self.attempts = self.lost_arbitration = self.dropped = 0

    def __repr__(self) -> str:
        return f"<node {self.name}>"

    @property
    def takes_part(self) -> bool:
        """It receives, acknowledges, and destroys frames in which it finds an error."""
        return self.attached and self.counters.state != "off"

    def full(self) -> bool:
        """Its queue takes no more."""
        return len(self.queue) >= QUEUE_FRAMES

    def room(self) -> int:
        """How many more frames its queue takes."""
        return QUEUE_FRAMES - len(self.queue)

    def put(self, item: Item) -> bool:
        """Queue a frame; False if it is dropped: the node is off, or its queue full."""
        if self.counters.state == "off" or self.full():
            self.dropped += 1
            return False
        self.queue.append(item)
        if len(self.queue) == 1:
            self.ready_s = item.ready_s
        return True

    def next_at(self, earliest_s: float) -> None:
        """After an attempt: the first frame may begin then, not before it is ready."""
        if not self.queue or self.counters.state == "off":
            self.ready_s = NEVER_S
        else:
            ready_s = self.queue[0].ready_s
            self.ready_s = ready_s if ready_s > earliest_s else earliest_s

    def done(self, earliest_s: float) -> None:
        """The first frame has been sent."""
        self.sent += 1
        item = self.queue.popleft()
        if self.period_s:
            # What the others kept it from sending it makes up for, but not a long silence.
            ready_s = max(item.ready_s + self.period_s, earliest_s - BACKLOG_S)
            self.queue.append(item._replace(ready_s=ready_s))
        self.next_at(earliest_s)

    def forget(self) -> None:
        """Nothing waits any more: it has gone bus off, or its wires were changed."""
        self.dropped += len(self.queue)
        self.queue.clear()
        self.ready_s = NEVER_S

    def status(self) -> dict[str, Any]:
        """The node as JSON-ready data."""
        counters = self.counters
        return {
            "state": counters.state,
            "tec": counters.tec,
            "rec": counters.rec,
            "restarts": counters.restarts,
            "sent": self.sent,
            "attempts": self.attempts,
            "errors": self.errors,
            "lost_arbitration": self.lost_arbitration,
            "dropped": self.dropped,
            "waiting": len(self.queue),
            "attached": self.attached,
        }
