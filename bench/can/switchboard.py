"""The switchboard of the userland CAN bus: what runs inside the hub process (see `hub`).

It listens on an AF_UNIX SEQPACKET socket and hands every frame of a node to every other node, and back to the sender if
that asked for its echo. All nodes see all frames in one order, with one sequence number and with the stamp that the
kernel took inside the sender's send() (SO_TIMESTAMPNS); stamps run backwards only if the wall clock is set back.

What happens to a node that does not keep up:

    reading --(its socket is full)--> lagging: frames wait in a queue here
    lagging, queue above SOFT_FRAMES, took a frame within STALL_S  -> who sends more than a bus can carry waits, nobody else
    lagging, queue at HARD_FRAMES                                  -> hung up on: a line on stderr, and a last packet that
                                                                     says why, if it reads that within LAST_S

So a node can be lost, but hold up no other. A node that dies is removed; what it had sent before is still delivered. Nodes
are bounded in number and in the time of their greeting; a frame that cannot exist is not passed on.
"""

import os
import resource
import select
import socket
import sys
import time
from collections import deque
from pathlib import Path

from v2g_bench.can import wire
from v2g_bench.can.joining import impossible, listening

SOFT_FRAMES = 16_384
HARD_FRAMES = 65_536  # 22 s of a full 500k/2M bus with 64 byte frames
STALL_S = 0.05
BUS_HZ = 3_000  # frames of 64 bytes that a 500k/2M bus carries
BURST = 300  # frames that a sender may have saved up
NODES = 256
GREETING_S = 5.0
LAST_S = 5.0
NOTICES = 1_000  # lines on stderr
_BATCH = 16  # frames taken from one node before the others get their turn
_TICK_S = 0.005
_PASSING_S = 0.5  # how often a node that is coming or going is looked at
_WHY = "you have not read {} frames that wait for you"
_LATE_NS = 100_000_000  # a stamp that is older by more than this means that the wall clock was set back


class _Node:
    """One connection. `ready` after its HELLO, until it is hung up on. most: frames that wait for it."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.sock = sock
        self.number = number
        self.fd = sock.fileno()
        self.ready = False
        self.echo = False
        self.queue: deque[bytes] = deque()
        self.since_s = self.progress_s = self.allowed_s = time.monotonic()
        self.allowance = float(BURST)  # frames that it may send now while others wait for a slow reader
        self.most = HARD_FRAMES
        self.leaving = False
        self.held = False  # not read for now: it has to wait
        self.sequence = 0
        self.least, self.largest = wire.UP.size, wire.MAX_PACKET
        credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        self.pid = int.from_bytes(credentials[:4], sys.byteorder)

    def __str__(self) -> str:
        return f"node {self.number} (pid {self.pid})"

    def allow(self, now_s: float) -> None:
        """Its allowance grows with time, at the rate of a full bus."""
        self.allowance = min(BURST, max(self.allowance, -_BATCH) + (now_s - self.allowed_s) * BUS_HZ)
        self.allowed_s = now_s


class Switchboard:
    """The loop around the sockets. `serve()` returns after `stop` or the end of standard input."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.nodes: dict[int, _Node] = {}
        self.sequence = 0
        self._timestamp_ns = 0
        self._count = 0
        self._behind = False
        self._passing: dict[int, _Node] = {}  # nodes that have not greeted yet, or are told why they are hung up on
        self._room = min(NODES, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 32)
        self._notices = 0
        self._running = True
        self._without_timestamp = False
        self._epoll = select.epoll()
        self._listener = listening(self.path)
        self._epoll.register(self._listener.fileno(), select.EPOLLIN)
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._wake, select.EPOLLIN)

    def stop(self) -> None:
        """Leave `serve` after the current round; may be called by a signal handler, which alone does not wake the loop."""
        self._running = False
        os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """Hang up on every node and remove the socket file."""
        for node in list(self.nodes.values()):
            self._remove(node)
        self._listener.close()
        self._epoll.close()
        os.close(self._wake)
        self.path.unlink(missing_ok=True)

    def serve(self, parent_fd: int | None = None) -> None:
        """Pass frames on until `stop`; `parent_fd` is watched for its end."""
        if parent_fd is not None:
            try:
                self._epoll.register(parent_fd, select.EPOLLIN)
            except PermissionError:
                parent_fd = None  # a plain file or /dev/null: there is no parent to watch
        while self._running:
            received: list[tuple[int, _Node, bytes]] = []
            for fd, events in self._poll():
                if fd == self._listener.fileno():
                    self._accept()
                elif fd == parent_fd:
                    self._running = bool(os.read(fd, 4096))
                elif (node := self.nodes.get(fd)) is not None:
                    if events & select.EPOLLOUT:
                        self._flush(node)
                    if node.leaving:
                        if events & (select.EPOLLHUP | select.EPOLLERR):
                            self._remove(node)
                    elif events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                        self._read(node, received)
            # One order for all: by the kernel's stamp within what arrived together.
            received.sort(key=lambda item: item[0])
            for timestamp_ns, node, packet in received:
                self._distribute(timestamp_ns, node, packet)
            self._turn()
            self._regulate()
            self._see_off()

    def _poll(self) -> list[tuple[int, int]]:
        """What the sockets have, as soon as they have something."""
        return self._epoll.poll(_TICK_S if self._behind else _PASSING_S if self._passing else -1)

    def _turn(self) -> None:
        """What there is to do in every round; nothing here."""

    def _greeted(self, node: _Node, options: int, name: str) -> None:
        """A node has identified itself."""
        if options & wire.WANTS_CONTROL:
            self._notice(f"{node} wants to control the wire, and this hub has none: hung up")
            self._remove(node)

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError as error:  # the peer has closed already, or no descriptor is left
            self._notice(f"a node could not be accepted: {error}")
            return
        if len(self.nodes) >= self._room:
            self._notice(f"more than {self._room} nodes: hung up on another")
            sock.close()
            return
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, wire.SO_TIMESTAMPNS, 1)
        self._count += 1
        node = _Node(sock, self._count)
        self.nodes[node.fd] = self._passing[node.fd] = node
        self._epoll.register(node.fd, select.EPOLLIN)

    def _read(self, node: _Node, received: list[tuple[int, _Node, bytes]]) -> None:
        for _ in range(_BATCH):
            try:
                packet, ancillary, marks, _ = node.sock.recvmsg(node.largest, 64)
            except BlockingIOError:
                return
            except OSError:
                packet, ancillary, marks = b"", [], 0
            if not packet:
                self._remove(node)
                return
            if marks & socket.MSG_TRUNC or (node.ready and len(packet) < node.least):
                much = "more than " if marks & socket.MSG_TRUNC else ""
                self._notice(f"{node} sent {much}{len(packet)} bytes that are no frame: hung up")
                self._remove(node)
                return
            if node.ready:
                node.allowance -= 1
                received.append((self._timestamp(ancillary), node, packet))
            elif not self._greet(node, packet):
                return

    def _greet(self, node: _Node, packet: bytes) -> bool:
        if len(packet) < wire.HELLO.size or packet[:4] != wire.MAGIC:
            self._notice(f"{node} does not speak the protocol of this hub: hung up")
            self._remove(node)
            return False
        node.echo = bool(packet[4] & wire.WANTS_ECHO)
        node.ready = True
        self._passing.pop(node.fd, None)
        self._greeted(node, packet[4], packet[wire.HELLO.size :].decode(errors="replace"))
        if node.fd not in self.nodes:
            return False
        self._send(node, wire.WELCOME.pack(wire.MAGIC, self.sequence))
        return True

    def _timestamp(self, ancillary: list[tuple[int, int, bytes]]) -> int:
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == wire.SO_TIMESTAMPNS and len(data) >= wire.TIMESPEC.size:
                seconds, nanoseconds = wire.TIMESPEC.unpack_from(data)
                return int(seconds) * 1_000_000_000 + int(nanoseconds)
        if not self._without_timestamp:
            self._without_timestamp = True
            self._notice(
                "this kernel does not stamp AF_UNIX packets: stamps are taken in the hub, and are late by its latency"
            )
        return time.time_ns()

    def _distribute(self, timestamp_ns: int, sender: _Node, packet: bytes) -> None:
        frame_id, flags, dlc = wire.UP.unpack_from(packet)
        if impossible(frame_id, flags, dlc, len(packet) - wire.UP.size):
            self._notice(f"{sender} sent a frame that cannot exist: not passed on")
            return
        self.sequence += 1
        # A sender that was preempted between stamp and queue may come late: the order on the bus is what counts.
        if 0 < self._timestamp_ns - timestamp_ns < _LATE_NS:
            timestamp_ns = self._timestamp_ns
        self._timestamp_ns = timestamp_ns
        flags &= ~(wire.ECHO | wire.LAST)
        data = packet[wire.UP.size :]
        common = wire.DOWN.pack(self.sequence, timestamp_ns, 0, frame_id, flags, dlc) + data
        for node in list(self.nodes.values()):
            if not node.ready:
                continue
            if node is sender:
                if node.echo:
                    own = wire.DOWN.pack(self.sequence, timestamp_ns, 0, frame_id, flags | wire.ECHO, dlc) + data
                    self._send(node, own)
            else:
                self._send(node, common)

    def _send(self, node: _Node, packet: bytes) -> None:
        if node.leaving:
            return
        if node.queue:
            self._enqueue(node, packet)
            return
        try:
            node.sock.send(packet)
            node.progress_s = time.monotonic()
        except BlockingIOError:
            self._enqueue(node, packet)
            self._watch(node)
        except OSError:
            self._remove(node)

    def _enqueue(self, node: _Node, packet: bytes) -> None:
        node.queue.append(packet)
        if len(node.queue) > node.most:
            self._dismiss(node)

    def _dismiss(self, node: _Node) -> None:
        """Hang up on a node that lags; it reads why, should it read again soon."""
        self._notice(f"{node} has not read {node.most} frames: hung up")
        self._left(node)
        node.ready, node.leaving, node.since_s = False, True, time.monotonic()
        node.queue.clear()
        flags = wire.LAST | wire.ERROR | wire.EXTENDED
        node.queue.append(
            wire.DOWN.pack(self.sequence, time.time_ns(), 0, 0, flags, 0) + _WHY.format(node.most).encode()
        )
        self._passing[node.fd] = node
        self._watch(node)

    def _left(self, node: _Node) -> None:
        """A node takes part no more; nothing else to do here."""

    def _see_off(self) -> None:
        """Hang up on who has not greeted in time, or has not read why it is hung up on."""
        now_s = time.monotonic()
        for node in list(self._passing.values()):
            if now_s - node.since_s > (LAST_S if node.leaving else GREETING_S):
                if not node.leaving:
                    self._notice(f"{node} has not greeted within {GREETING_S:g} s: hung up")
                self._remove(node)

    def _notice(self, text: str) -> None:
        self._notices += 1
        if self._notices <= NOTICES:
            print(f"hub: {text}", file=sys.stderr, flush=True)
        elif self._notices == NOTICES + 1:
            print("hub: further notices are left out", file=sys.stderr, flush=True)

    def _flush(self, node: _Node) -> None:
        queue = node.queue
        try:
            while queue:
                node.sock.send(queue[0])
                queue.popleft()
                node.progress_s = time.monotonic()
        except BlockingIOError:
            return
        except OSError:
            self._remove(node)
            return
        if node.leaving:
            self._remove(node)
        else:
            self._watch(node)

    def _watch(self, node: _Node) -> None:
        events = (0 if node.held or node.leaving else select.EPOLLIN) | (select.EPOLLOUT if node.queue else 0)
        self._epoll.modify(node.fd, events)

    def _hold(self, node: _Node, on: bool) -> None:
        """Do not read from this node for now, or again."""
        node.held = on
        self._watch(node)

    def _regulate(self) -> None:
        """While a node that does read is far behind, let those wait who send more than a bus can carry."""
        now_s, before = time.monotonic(), self._behind
        floor = SOFT_FRAMES // 2 if before else SOFT_FRAMES
        self._behind = any(
            len(node.queue) > floor and now_s - node.progress_s < STALL_S for node in self.nodes.values()
        )
        if self._behind or before:
            for node in self.nodes.values():
                node.allow(now_s)
                hold = self._behind and node.allowance < 1
                if hold != node.held:
                    self._hold(node, hold)

    def _remove(self, node: _Node) -> None:
        if self.nodes.get(node.fd) is node:
            self._left(node)
            self._passing.pop(node.fd, None)
            del self.nodes[node.fd]
            self._epoll.unregister(node.fd)
            node.sock.close()
