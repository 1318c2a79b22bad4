"""The health of the nodes on one bus: what frames and errors do to their counters, who goes bus off, and when it returns.

The rules of each node's own counters are in `confinement`; here is what happens on the bus that they answer to, and the
reports of it.
"""

from collections import deque
from collections.abc import Mapping, Sequence

from v2g_bench.can.physics.confinement import RECOVERY_BITS, WARNING
from v2g_bench.can.physics.errors import ErrorNotice
from v2g_bench.can.physics.events import Event
from v2g_bench.can.physics.frame import WireFrame
from v2g_bench.can.physics.node import NEVER_S, Item, Node
from v2g_bench.can.physics.outcome import FLAG, Outcome
from v2g_bench.can.physics.timing import BitTiming

SUSPEND = 8  # bits that an error-passive transmitter waits longer

Level = tuple[str, bool]  # state, and whether a counter has reached the warning level


class Health:
    """The nodes of one bus and their states; their events are collected in `_now`."""

    def __init__(self, timing: BitTiming) -> None:
        self.timing = timing
        self.nodes: list[Node] = []
        self._free_s = float("-inf")
        self._begin_s = float("-inf")  # of the last frame
        self._idle_from_s = float("-inf")  # where the counting of 11 recessive bits continues
        self._short_since_s: float | None = None
        self._now: deque[Event] = deque()
        self._troubled = False  # a counter is not zero, or a node is off

    def _count_good_frame(self, senders: Sequence[Node], others: dict[Node, WireFrame | None], end_s: float) -> None:
        """Counters after a good frame; an error-passive sender waits longer."""
        for node in self.nodes:
            if not node.takes_part:
                continue
            before = self._level(node)
            if node in senders:
                node.counters.transmitted()
                if node.counters.state == "passive":
                    node.next_at(self._free_s + SUSPEND * self.timing.bit_s)
            elif others.get(node, node) is not None:
                node.counters.received()
            self._report_level(node, before, end_s)
        self._recover_by(1, self._free_s)
        self._troubled = any(not node.counters.quiet or node.counters.state != "active" for node in self.nodes)

    def _blame(
        self, outcome: Outcome, senders: Sequence[Node], at_s: float, levels: Mapping[Node, Level] | None = None
    ) -> None:
        """Counters and reports of all that found something, by the rules of the standard. levels: those before it."""
        saw_error_flag = any(node.counters.state == "active" for node in outcome.found if node not in senders)
        for node, (at, kind) in outcome.found.items():
            before = levels[node] if levels else self._level(node)
            node.errors += 1
            transmits = node in senders and node not in outcome.lost
            if not transmits:
                node.counters.receive_error()
                if 0 <= at + FLAG < outcome.flags_end:
                    node.counters.receive_error(heavy=True)
            elif kind != "ack" or node.counters.state == "active" or saw_error_flag:
                # A passive transmitter that no node acknowledges, and that sees no flag, does not count further.
                node.counters.transmit_error()
            self._troubled = True
            self._now.append(self._trouble(at_s, node, kind, transmits))
            self._report_level(node, before, at_s)

    def _level(self, node: Node) -> Level:
        return node.counters.state, max(node.counters.tec, node.counters.rec) >= WARNING

    def _report_level(self, node: Node, before: Level, at_s: float) -> None:
        after = self._level(node)
        if after == before:
            return
        if after[0] == "off" and before[0] != "off":
            self._gone_off(node, at_s)
        else:
            self._now.append(self._trouble(at_s, node, "state", False))

    def _gone_off(self, node: Node, at_s: float) -> None:
        node.forget()
        self._troubled = True
        self._now.append(self._trouble(at_s, node, "bus off", True))

    def _trouble(self, at_s: float, node: Node, kind: str, transmits: bool) -> ErrorNotice:
        counters = node.counters
        return ErrorNotice(at_s, node, kind, counters.tec, counters.rec, counters.state, transmits)

    def _recovery_s(self) -> float:
        """When the first node that is off would have counted enough recessive bits if nothing more happens."""
        if not self._troubled or self._short_since_s is not None:
            return NEVER_S
        left = [node.counters.sequences_left for node in self.nodes if node.counters.state == "off"]
        return self._idle_from_s + min(left) * RECOVERY_BITS * self.timing.bit_s if left else NEVER_S

    def _recover(self, at_s: float) -> None:
        sequences = round((at_s - self._idle_from_s) / (RECOVERY_BITS * self.timing.bit_s))
        self._idle_from_s = at_s
        self._recover_by(sequences, at_s)

    def _recover_by(self, sequences: int, at_s: float) -> None:
        if not sequences:
            return
        for node in self.nodes:
            if node.counters.on_recessive(sequences):
                if node.source is not None:
                    node.put(Item(node.source, at_s, None))
                self._now.append(self._trouble(at_s, node, "restarted", False))

    def _count_idle(self, begin_s: float) -> None:
        """A frame begins: the idle time before it counts for those that are off."""
        if self._troubled and any(node.counters.state == "off" for node in self.nodes):
            passed_s = max(0.0, begin_s - self._idle_from_s)
            self._recover_by(int(passed_s / (RECOVERY_BITS * self.timing.bit_s)), begin_s)
        self._begin_s = begin_s
