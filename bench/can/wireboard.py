"""The switchboard with a wire inside: frames wait for the bus, compete, take their time, are hit and repeated.

Each node of the hub is a node on the wire. A frame goes in with the kernel's stamp of its sender's send(); it comes out,
stamped by the model with the end of its last bit, as soon as wall time has passed that moment. A node gets the error
frames of its own controller, as SocketCAN delivers them: state changes, bus off and restart to all, single bus errors to
the bench's node alone. A node whose queue is full is not read, and its sender waits; but when none of its frames gets away
for 0.1 s, further ones are dropped and counted (`dropped`), as a full SocketCAN queue refuses them.

Control: a connection that greets with `wire.WANTS_CONTROL` is no node. It sends JSON {"op": "set" | "power" | "status", ...}
and gets one JSON packet back for each, {"ok": ...} or {"error": "..."}.
"""

import json
import select
import time
from pathlib import Path
from typing import Any

from v2g_bench.can import wire
from v2g_bench.can.joining import impossible
from v2g_bench.can.physics.bus import Wire
from v2g_bench.can.physics.condition import Condition, Conditions
from v2g_bench.can.physics.errors import ErrorNotice, error_message
from v2g_bench.can.physics.events import Delivered
from v2g_bench.can.physics.frame import WireFrame
from v2g_bench.can.physics.node import Node
from v2g_bench.can.physics.timing import BitTiming
from v2g_bench.can.switchboard import _BATCH, Switchboard, _Node
from v2g_bench.inputs.ranges import Within
from v2g_bench.inputs.text import json_of

BENCH = "bench"
_POWER = Within(-1e8, 1e8)  # W
_PATIENCE_S = 0.1
_UNREAD = 16  # answers that a control connection may leave unread
_LATEST_S = 0.1  # the wire is looked at this often at least


class WireSwitchboard(Switchboard):
    """A hub whose bus has physics. timing: bit rates and sample points; length_m: of the cable."""

    def __init__(self, path: str | Path, timing: BitTiming, *, length_m: float = 5.0, seed: int = 0) -> None:
        super().__init__(path)
        self.bus = Wire(timing, seed)
        self._conditions = Conditions(self.bus, length_m=length_m, seed=seed)
        self._epoch_ns = time.time_ns()
        self._on_wire: dict[int, Node] = {}  # by descriptor
        self._nodes_of: dict[Node, _Node] = {}
        self._control: set[int] = set()
        self._progress: dict[Node, tuple[int, float]] = {}  # frames sent, and since when the number has not changed
        self._past_s = 0.0

    def _now_s(self) -> float:
        """Seconds since the hub's start, by the wall clock; never backwards."""
        self._past_s = max(self._past_s, (time.time_ns() - self._epoch_ns) / 1e9)
        return self._past_s

    def _poll(self) -> list[tuple[int, int]]:
        """What the sockets have, or the next thing on the wire, whichever comes first."""
        wait_s = min(_LATEST_S, max(0.0, self.bus.next_s - self._now_s()))
        # select counts in microseconds, epoll's own timeout in milliseconds
        ready, _, _ = select.select([self._epoll.fileno()], [], [], wait_s)
        return self._epoll.poll(0) if ready else []

    def _greeted(self, node: _Node, options: int, name: str) -> None:
        if options & wire.WANTS_CONTROL:
            self._control.add(node.fd)
            node.least, node.largest, node.most = 1, wire.MAX_CONTROL, _UNREAD
            return
        on_wire = self.bus.join(name or "ems")
        self._on_wire[node.fd], self._nodes_of[on_wire] = on_wire, node
        self._conditions.joined(on_wire, self._now_s())

    def _distribute(self, timestamp_ns: int, sender: _Node, packet: bytes) -> None:
        if sender.fd in self._control:
            self._answer(sender, packet)
            return
        on_wire = self._on_wire.get(sender.fd)
        if on_wire is None:
            return  # it hung up meanwhile
        frame_id, flags, dlc = wire.UP.unpack_from(packet)
        if flags & wire.ERROR:
            return  # error frames are made by the wire
        data = packet[wire.UP.size :]
        if impossible(frame_id, flags, dlc, len(data)):
            self._notice(f"{sender} sent a frame that cannot exist: not passed on")
            return
        remote = bool(flags & wire.REMOTE)
        frame = WireFrame(
            frame_id,
            data,
            bool(flags & wire.EXTENDED),
            bool(flags & wire.FD),
            bool(flags & wire.BRS),
            bool(flags & wire.ESI),
            remote,
            dlc if remote else 0,
        )
        try:
            frame.check()
        except ValueError as error:
            self._notice(f"{sender} sent a frame that cannot exist: {error}")
            return
        self.bus.submit(on_wire, frame, (timestamp_ns - self._epoch_ns) / 1e9)

    def _regulate(self) -> None:
        """The wire itself lets senders wait, and carries no more than a bus can."""

    def _turn(self) -> None:
        """Tell what is over by now."""
        for event in self.bus.advance(self._now_s()):
            if isinstance(event, Delivered):
                self._deliver(event)
            else:
                self._report(event)
        self._pace()

    def _pace(self) -> None:
        """Do not read from a node whose queue is nearly full, as long as its frames do get away."""
        now_s = self._past_s
        for on_wire, node in self._nodes_of.items():
            sent, since_s = self._progress.get(on_wire, (-1, now_s))
            if on_wire.sent != sent or not on_wire.queue:
                since_s = now_s
            self._progress[on_wire] = on_wire.sent, since_s
            hold = on_wire.room() < _BATCH and now_s - since_s < _PATIENCE_S
            if hold != node.held:
                self._hold(node, hold)

    def _deliver(self, event: Delivered) -> None:
        timestamp_ns = self._epoch_ns + round(event.at_s * 1e9)
        common = _body(event.frame)
        for on_wire, node in list(self._nodes_of.items()):
            if on_wire is event.sender:
                if node.echo and not event.repeated:
                    self._send_packet(node, timestamp_ns, common, wire.ECHO)
            elif on_wire not in event.others:
                if on_wire.takes_part:
                    self._send_packet(node, timestamp_ns, common)
            elif (other := event.others[on_wire]) is not None:
                self._send_packet(node, timestamp_ns, _body(other))

    def _report(self, event: ErrorNotice) -> None:
        node = self._nodes_of.get(event.node)
        if node is None or (event.kind not in ("state", "bus off", "restarted") and event.node.name != BENCH):
            return
        message = error_message(event)
        body = (message.arbitration_id, wire.ERROR | wire.EXTENDED, 8, bytes(message.data))
        self._send_packet(node, self._epoch_ns + round(event.at_s * 1e9), body)

    def _send_packet(
        self, node: _Node, timestamp_ns: int, body: tuple[int, int, int, bytes], more_flags: int = 0
    ) -> None:
        """One packet to one node; each node's packets are numbered by themselves, for not all get all."""
        frame_id, flags, dlc, data = body
        node.sequence += 1
        self._send(node, wire.DOWN.pack(node.sequence, timestamp_ns, 0, frame_id, flags | more_flags, dlc) + data)

    def _answer(self, node: _Node, packet: bytes) -> None:
        try:
            request = json_of(packet, "wire")
            reply: dict[str, Any] = {"ok": self._perform(request)}
        except Exception as error:  # noqa: BLE001  (a request ends no bus: who sent it has the error)
            reply = {"error": str(error) or repr(error)}
        self._send(node, json.dumps(reply).encode())

    def _perform(self, request: dict[str, Any]) -> Any:
        match request["op"]:
            case "set":
                conditions = [Condition.from_dict(one) for one in request["conditions"]]
                return self._conditions.set(conditions, self._now_s())
            case "power":
                return self._conditions.power(_POWER.real(request["power_w"]))
            case "status":
                return self._conditions.status(self._now_s())
        raise ValueError(f"a wire has no operation {request['op']!r}")

    def _left(self, node: _Node) -> None:
        self._control.discard(node.fd)
        on_wire = self._on_wire.pop(node.fd, None)
        if on_wire is not None:
            del self._nodes_of[on_wire]
            self._progress.pop(on_wire, None)
            self.bus.leave(on_wire)


def _body(frame: WireFrame) -> tuple[int, int, int, bytes]:
    flags = (
        (wire.EXTENDED if frame.extended else 0)
        | (wire.REMOTE if frame.remote else 0)
        | (wire.FD if frame.fd else 0)
        | (wire.BRS if frame.brs else 0)
        | (wire.ESI if frame.esi else 0)
    )
    return frame.frame_id, flags, frame.remote_length if frame.remote else len(frame.data), frame.data
