"""The medium: nodes that compete, frames that take their bits' time, errors and their repetition. No I/O, no clock.

    bus = Wire(BitTiming(), seed=1)
    bms, ems = bus.join("bms"), bus.join("ems")
    bus.submit(bms, WireFrame(0x80, data), at_s=0.0)
    for event in bus.advance(until_s=1.0): ...          # Delivered and ErrorNotice, in order of their times

Between two frames the wire is idle. When it is, all nodes with a frame begin together and the lowest arbitration field
wins; the others wait for the end. A frame without a hit costs a table look-up; one with a hit is judged on its true
bits (`outcome`). A frame is delivered at the end of its EOF. Times are seconds on the caller's clock.
"""

from collections.abc import Sequence

from v2g_bench.can.physics.encode import INTERMISSION
from v2g_bench.can.physics.events import Delivered, Event
from v2g_bench.can.physics.frame import WireFrame
from v2g_bench.can.physics.health import SUSPEND, Health
from v2g_bench.can.physics.interference import Interference
from v2g_bench.can.physics.length import frame_bits
from v2g_bench.can.physics.load import Load
from v2g_bench.can.physics.node import NEVER_S, Item, Node
from v2g_bench.can.physics.outcome import FLAG, Outcome, encoded, judge
from v2g_bench.can.physics.timing import BitTiming

DELIMITER = 8  # of an error frame
MOST_FLAGS = 32  # hits inside one error frame; after this many it ends all the same


_NOTHING: dict[Node, WireFrame | None] = {}


class Wire(Health):
    """One CAN bus. `interference` is what disturbs all nodes, `own` a node's own (a wrong sample point)."""

    def __init__(self, timing: BitTiming, seed: int = 0) -> None:
        super().__init__(timing)
        self.interference = Interference(timing, seed)
        self.own: dict[Node, Interference] = {}
        self.load = Load()
        self.frames = self.destroyed = 0
        self._sick = 0
        self._alone = False  # a node is cut off

    # Nodes and their frames

    def join(self, name: str) -> Node:
        """A new node; its name is numbered if it is in use."""
        names = {node.name for node in self.nodes}
        number, free = 1, name
        while free in names:
            number += 1
            free = f"{name}-{number}"
        node = Node(free)
        self.nodes.append(node)
        return node

    def leave(self, node: Node) -> None:
        """It is unplugged. A frame of it that is on the wire now is still delivered."""
        self.nodes = [known for known in self.nodes if known is not node]
        self.own.pop(node, None)

    def submit(self, node: Node, frame: WireFrame, at_s: float, token: object = None) -> bool:
        """Queue a frame from `at_s` on; False if the node drops it (bus off, or its queue is full)."""
        return node.put(Item(frame, at_s, token))

    def babble(self, node: Node, frame: WireFrame, period_s: float, at_s: float) -> None:
        """From now on the node tries to begin this frame once in every period, independently of the others."""
        node.period_s, node.source = period_s, frame
        node.put(Item(frame, at_s, None))

    def node(self, name: str) -> Node:
        """The node of that name; KeyError."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    # What is wrong with the wires

    def short(self, on: bool, at_s: float) -> None:
        """The line is held dominant from now on, or no longer."""
        if on and self._short_since_s is None:
            self._short_since_s = at_s
            self._hold_dominant(at_s)
        elif not on and self._short_since_s is not None:
            self._short_since_s = None
            # Error delimiter and intermission, then all nodes may begin again.
            self._free_s = self._idle_from_s = max(self._free_s, at_s + (DELIMITER + INTERMISSION) * self.timing.bit_s)

    def cut(self, node: Node, off: bool, at_s: float) -> None:
        """Its wires are open from now on (it is alone), or whole again."""
        node.attached, node.free_s = not off, at_s
        self._alone = any(not known.attached for known in self.nodes)
        node.next_at(at_s)

    def make_sick(self, node: Node, share: float) -> None:
        """The share of its own frames in which it sends a wrong bit; 0: it has no defect."""
        node.sick_share = share
        self._sick = sum(known.sick_share > 0 for known in self.nodes)

    # Time

    @property
    def next_s(self) -> float:
        """When `advance` next has something to do or to report; inf if nothing will happen."""
        if self._now:
            return self._now[0].at_s
        return min(self._start_s(), self._recovery_s())

    def advance(self, until_s: float) -> list[Event]:
        """Everything up to and at `until_s`, in order."""
        events: list[Event] = []
        waiting = self._now
        while True:
            while waiting and waiting[0].at_s <= until_s:
                events.append(waiting.popleft())
            if waiting:
                return events
            begin_s = self._start_s()
            if self._troubled and (recovery_s := self._recovery_s()) <= min(begin_s, until_s):
                self._recover(recovery_s)
            elif begin_s <= until_s:
                self._attempt(begin_s)
            else:
                return events

    def _start_s(self) -> float:
        if self._short_since_s is not None:
            return NEVER_S
        ready_s = NEVER_S
        for node in self.nodes:
            if node.ready_s < ready_s:
                ready_s = node.ready_s
        if self._alone:
            return self._start_with_lonely_s()
        return ready_s if ready_s > self._free_s else self._free_s if ready_s < NEVER_S else NEVER_S

    def _start_with_lonely_s(self) -> float:
        return min(
            (
                max(node.ready_s, self._free_s if node.attached else node.free_s)
                for node in self.nodes
                if node.ready_s < NEVER_S
            ),
            default=NEVER_S,
        )

    def _attempt(self, begin_s: float) -> None:
        """All that are ready begin; the frame of one of them is on the wire, or is destroyed."""
        if self._alone and self._lonely(begin_s):
            return
        senders = [node for node in self.nodes if node.ready_s <= begin_s and node.attached]
        sender = senders[0]
        clash: dict[Node, list[int]] = {}
        if len(senders) > 1:
            sender, senders, clash = self._arbitrate(senders)
        sender.attempts += 1
        item = sender.queue[0]
        frame = item.frame
        bits = frame_bits(frame)
        self._count_idle(begin_s)
        total = bits.nominal + bits.data
        if not self._sick and not self.own and not clash and self.interference.passes(total):
            others = [node for node in self.nodes if node is not sender and node.attached]
            if any(node.counters.state != "off" for node in others):
                self._complete(sender, item, senders, begin_s + self.timing.duration_s(*bits[:2]), _NOTHING)
                return
        self._judge(begin_s, sender, senders, clash)

    def _arbitrate(self, ready: list[Node]) -> tuple[Node, list[Node], dict[Node, list[int]]]:
        """The winner, all that send its very bits or clash with it, and where those that clash find out."""
        best = min(node.queue[0].frame.priority for node in ready)
        winners = [node for node in ready if node.queue[0].frame.priority == best]
        for node in ready:
            node.lost_arbitration += node not in winners
        frames = [encoded(node.queue[0].frame).bits for node in winners]
        winner = winners[0]
        clash: dict[Node, list[int]] = {}
        if len(set(frames)) > 1:
            # The first bit in which two differ is dominant on the wire: the sender of the recessive one detects it.
            winner = winners[frames.index(min(frames))]
            clash = {
                node: [next(at for at, (mine, wire) in enumerate(zip(bits, min(frames), strict=False)) if mine != wire)]
                for node, bits in zip(winners, frames, strict=True)
                if bits != min(frames)
            }
        return winner, winners, clash

    def _complete(
        self,
        sender: Node,
        item: Item,
        senders: Sequence[Node],
        end_s: float,
        others: dict[Node, WireFrame | None],
    ) -> None:
        """The frame reached its end."""
        self.frames += 1
        bit_s = self.timing.bit_s
        free_s = self._free_s = self._idle_from_s = end_s + INTERMISSION * bit_s
        duration_s = self._free_s - self._begin_s
        self.load.busy(self._begin_s, duration_s)
        for node in senders:
            node.done(free_s)
        self._now.append(Delivered(end_s, sender, item.frame, item.token, others))
        if self._troubled:
            self._count_good_frame(senders, others, end_s)

    def _judge(self, begin_s: float, sender: Node, senders: list[Node], clash: dict[Node, list[int]]) -> None:
        """The frame meets a hit, a clash, or no acknowledging node."""
        item = sender.queue[0]
        code = encoded(item.frame)
        receivers = [node for node in self.nodes if node.takes_part and node not in senders]
        common, local = self._hits(begin_s, sender, senders, receivers, clash)
        outcome = judge(item.frame, senders, receivers, common, local)
        others: dict[Node, WireFrame | None] = {
            node: outcome.accepted.get(node) for node in receivers if outcome.accepted.get(node) != item.frame
        }
        end_s = begin_s + self.timing.end_s(code, len(code.bits) - 1)
        if outcome.ok and outcome.flags_end < 0:
            self._blame(outcome, senders, end_s)
            self._complete(sender, item, senders, end_s, others)
            return
        known_s = begin_s + self.timing.end_s(code, outcome.last)
        before = {node: self._level(node) for node in outcome.found}
        over_s = self._error_frame(outcome, senders, known_s)
        self._blame(outcome, senders, known_s, before)
        if outcome.accepted:
            self._now.append(Delivered(end_s, sender, item.frame, item.token, others, repeated=not outcome.ok))
        bit_s = self.timing.bit_s
        self._free_s = self._idle_from_s = over_s + INTERMISSION * bit_s
        self.load.busy(begin_s, self._free_s - begin_s)
        if outcome.ok:
            self.frames += 1
        else:
            self.destroyed += 1
        for node in senders:
            if outcome.ok:
                node.done(self._free_s)
            else:
                node.next_at(self._free_s + (SUSPEND * bit_s if node.counters.state == "passive" else 0.0))
        self._recover_by(1, self._free_s)

    def _hits(
        self,
        begin_s: float,
        sender: Node,
        senders: list[Node],
        receivers: list[Node],
        clash: dict[Node, list[int]],
    ) -> tuple[int | None, dict[Node, list[int]]]:
        """The bits that are wrong: the first for all, and those of single nodes."""
        noise, local, common = self.interference, {node: list(at) for node, at in clash.items()}, None
        code = encoded(sender.queue[0].frame)
        everybody = [*senders, *receivers]
        for at in noise.hits(code, begin_s):
            if not noise.local():
                common = at
                break
            local.setdefault(everybody[noise.choose(len(everybody))], []).append(at)
        for node, own in self.own.items():
            if node in everybody and (wrong := own.hits(code, begin_s)):
                local[node] = sorted({*local.get(node, ()), *wrong})
        for node in senders:
            if node.sick_share and noise.chance(node.sick_share):
                # Its transceiver sends the first bit after the arbitration wrong: all see it, itself included.
                common = min(code.arbitration_end, len(code.bits) if common is None else common)
        return common, local

    def _error_frame(self, outcome: Outcome, senders: Sequence[Node], known_s: float) -> float:
        """When flags and delimiter are over; a hit in them makes another flag, and counts."""
        bit_s, noise = self.timing.bit_s, self.interference
        flags = max(FLAG, outcome.flags_end - outcome.last)
        over_s = known_s + (flags + DELIMITER) * bit_s
        begin_s, parts = known_s, [(flags, True), (DELIMITER, False)]
        for _ in range(MOST_FLAGS):
            if noise.quiet:
                break
            wrong = None
            for bits, dominant in parts:
                wrong = noise.next_wrong(begin_s, bits, dominant)
                if wrong is not None:
                    begin_s += (wrong + 1) * bit_s
                    break
                begin_s += bits * bit_s
            if wrong is None:
                break
            for node in outcome.found:
                if node in senders and node not in outcome.lost:
                    node.counters.transmit_error()
                else:
                    node.counters.receive_error(heavy=dominant)
            over_s = begin_s + (FLAG + DELIMITER) * bit_s
            parts = [(FLAG, True), (DELIMITER, False)]
        return over_s

    def _lonely(self, begin_s: float) -> bool:
        """The attempt of a node that is cut off: no node acknowledges. False if none of them begins now."""
        for node in self.nodes:
            if node.attached or max(node.ready_s, node.free_s) > begin_s:
                continue
            node.attempts += 1
            code = encoded(node.queue[0].frame)
            known_s = begin_s + self.timing.end_s(code, code.ack)
            self._blame(Outcome(False, code.ack, code.ack + FLAG, {node: (code.ack, "ack")}), [node], known_s)
            wait = FLAG + DELIMITER + INTERMISSION + (SUSPEND if node.counters.state == "passive" else 0)
            node.free_s = known_s + wait * self.timing.bit_s
            node.next_at(node.free_s)
            return True
        return False

    def _hold_dominant(self, at_s: float) -> None:
        """What a line that stays dominant does to the counters: a sender in mid-frame goes bus off, the others get passive."""
        cut_off = [event for event in self._now if isinstance(event, Delivered) and event.at_s > at_s]
        for event in cut_off:
            self._now.remove(event)
            sender = event.sender
            if not event.repeated:  # it was counted when it began
                self.frames, sender.sent, sender.dropped = self.frames - 1, sender.sent - 1, sender.dropped + 1
            while sender.counters.state != "off":  # 8 more for each 8 further dominant bits
                sender.counters.transmit_error()
            self._gone_off(sender, at_s)
        for node in self.nodes:
            before = self._level(node)
            while node.takes_part and node.counters.state == "active":
                node.counters.receive_error(heavy=True)
            self._troubled = True
            self._report_level(node, before, at_s)
