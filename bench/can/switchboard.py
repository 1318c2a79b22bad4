"""The switchboard of the userland CAN bus: what runs inside the hub process (see `hub`).

It listens on an AF_UNIX SEQPACKET socket and hands every frame of a node to every other node, and back to the sender if
that asked for its echo. All nodes see all frames in one order, with one sequence number and with the stamp that the
kernel took inside the sender's send() (SO_TIMESTAMPNS); stamps run backwards only if the wall clock is set back.

What happens to a node that does not keep up:

    reading --(its socket is full)--> lagging: frames wait in a queue here
    lagging, queue above SOFT_FRAMES, took a frame within STALL_S  -> the senders wait: nothing is lost
    lagging, queue at HARD_FRAMES, took none within STALL_S        -> overrun: its frames are discarded and counted,
                                                                     reported by a line on stderr; no node waits for it
    overrun --(it reads again)--> reading; the next frame states how many it has lost

A node that dies is removed; what it had sent before is still delivered.
"""

import os
import select
import socket
import sys
import time
from collections import deque
from pathlib import Path

from v2g_bench.can import wire
from v2g_bench.errors import BenchError

SOFT_FRAMES = 16_384
HARD_FRAMES = 65_536  # 22 s of a full 500k/2M bus with 64 byte frames
STALL_S = 0.05
_BATCH = 16  # frames taken from one node before the others get their turn
_TICK_S = 0.005
_LATE_NS = 100_000_000  # a stamp that is older by more than this means that the wall clock was set back


class _Node:
    """One connection. `ready` after its HELLO; `lost` counts frames that were discarded for it."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.sock = sock
        self.number = number
        self.fd = sock.fileno()
        self.ready = False
        self.echo = False
        self.queue: deque[bytes] = deque()
        self.progress_s = time.monotonic()
        self.lost = 0
        self.overrun = False
        self.held = False  # not read for now: it has to wait
        self.sequence = 0
        self.largest = wire.MAX_PACKET
        credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        self.pid = int.from_bytes(credentials[:4], sys.byteorder)

    def __str__(self) -> str:
        return f"node {self.number} (pid {self.pid})"


class Switchboard:
    """The loop around the sockets. `serve()` returns after `stop` or the end of standard input."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.nodes: dict[int, _Node] = {}
        self.sequence = 0
        self._timestamp_ns = 0
        self._count = 0
        self._paused = False
        self._running = True
        self._without_timestamp = False
        self._epoll = select.epoll()
        self._listener = _listen(self.path)
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
                    if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                        self._read(node, received)
            # One order for all: by the kernel's stamp within what arrived together.
            received.sort(key=lambda item: item[0])
            for timestamp_ns, node, packet in received:
                self._distribute(timestamp_ns, node, packet)
            self._turn()
            self._regulate()

    def _poll(self) -> list[tuple[int, int]]:
        """What the sockets have, as soon as they have something."""
        return self._epoll.poll(_TICK_S if self._paused else -1)

    def _turn(self) -> None:
        """What there is to do in every round; nothing here."""

    def _greeted(self, node: _Node, options: int, name: str) -> None:
        """A node has identified itself."""
        if options & wire.WANTS_CONTROL:
            _notice(f"{node} wants to control the wire, and this hub has none: hung up")
            self._remove(node)

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError as error:  # the peer has closed already, or no descriptor is left
            _notice(f"a node could not be accepted: {error}")
            return
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, wire.SO_TIMESTAMPNS, 1)
        self._count += 1
        node = _Node(sock, self._count)
        self.nodes[node.fd] = node
        self._epoll.register(node.fd, select.EPOLLIN)

    def _read(self, node: _Node, received: list[tuple[int, _Node, bytes]]) -> None:
        for _ in range(_BATCH):
            try:
                packet, ancillary, _, _ = node.sock.recvmsg(node.largest, 64)
            except BlockingIOError:
                return
            except OSError:
                packet, ancillary = b"", []
            if not packet:
                self._remove(node)
                return
            if node.ready:
                if len(packet) < wire.UP.size:
                    _notice(f"{node} sent {len(packet)} bytes that are no frame: hung up")
                    self._remove(node)
                    return
                received.append((self._timestamp(ancillary), node, packet))
            elif not self._greet(node, packet):
                return

    def _greet(self, node: _Node, packet: bytes) -> bool:
        if len(packet) < wire.HELLO.size or packet[:4] != wire.MAGIC:
            _notice(f"{node} does not speak the protocol of this hub: hung up")
            self._remove(node)
            return False
        node.echo = bool(packet[4] & wire.WANTS_ECHO)
        node.ready = True
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
            _notice(
                "this kernel does not stamp AF_UNIX packets: stamps are taken in the hub, and are late by its latency"
            )
        return time.time_ns()

    def _distribute(self, timestamp_ns: int, sender: _Node, packet: bytes) -> None:
        self.sequence += 1
        # A sender that was preempted between stamp and queue may come late: the order on the bus is what counts.
        if 0 < self._timestamp_ns - timestamp_ns < _LATE_NS:
            timestamp_ns = self._timestamp_ns
        self._timestamp_ns = timestamp_ns
        frame_id, flags, dlc = wire.UP.unpack_from(packet)
        flags &= ~wire.ECHO
        data = packet[wire.UP.size :]
        common = wire.DOWN.pack(self.sequence, timestamp_ns, 0, frame_id, flags, dlc) + data
        for node in list(self.nodes.values()):
            if not node.ready:
                continue
            if node is sender:
                if node.echo:
                    self._send(
                        node,
                        wire.DOWN.pack(self.sequence, timestamp_ns, node.lost, frame_id, flags | wire.ECHO, dlc) + data,
                    )
            elif node.lost:
                self._send(node, wire.DOWN.pack(self.sequence, timestamp_ns, node.lost, frame_id, flags, dlc) + data)
            else:
                self._send(node, common)

    def _send(self, node: _Node, packet: bytes) -> None:
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
        if len(node.queue) < HARD_FRAMES:
            node.queue.append(packet)
            return
        node.lost += 1
        if not node.overrun:
            node.overrun = True
            _notice(f"{node} has not read {HARD_FRAMES} frames: frames for it are discarded until it reads")

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
        if node.overrun:
            node.overrun = False
            _notice(f"{node} reads again, after {node.lost} lost frames in all")
        self._watch(node)

    def _watch(self, node: _Node) -> None:
        events = (0 if self._paused or node.held else select.EPOLLIN) | (select.EPOLLOUT if node.queue else 0)
        self._epoll.modify(node.fd, events)

    def _hold(self, node: _Node, on: bool) -> None:
        """Do not read from this node for now, or again."""
        node.held = on
        self._watch(node)

    def _regulate(self) -> None:
        """Let the senders wait while a node that does read is far behind."""
        now_s = time.monotonic()
        if self._paused:
            for node in [node for node in self.nodes.values() if node.queue]:
                self._flush(node)
        floor = SOFT_FRAMES // 2 if self._paused else SOFT_FRAMES
        pause = any(len(node.queue) > floor and now_s - node.progress_s < STALL_S for node in self.nodes.values())
        if pause != self._paused:
            self._paused = pause
            for node in self.nodes.values():
                self._watch(node)

    def _remove(self, node: _Node) -> None:
        if self.nodes.get(node.fd) is node:
            del self.nodes[node.fd]
            self._epoll.unregister(node.fd)
            node.sock.close()


def _listen(path: Path) -> socket.socket:
    """A listening socket that only this user can reach; BenchError if the path cannot hold one."""
    where = str(path)
    if len(os.fsencode(path)) > wire.MAX_PATH_BYTES:
        raise BenchError(where, f"the path of a socket has at most {wire.MAX_PATH_BYTES} bytes", "use a shorter folder")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    old_mask = os.umask(0o177)
    try:
        if path.exists():
            _remove_stale(path)
        os.umask(0o177)
        sock.bind(where)
    except OSError as error:
        sock.close()
        raise BenchError(where, f"no bus can be opened here: {error.strerror}", "is the folder writable?") from error
    except BenchError:
        sock.close()
        raise
    finally:
        os.umask(old_mask)
    sock.listen(64)
    sock.setblocking(False)
    return sock


def _remove_stale(path: Path) -> None:
    """Remove the socket that a killed hub left; BenchError if a running hub or something else is there."""
    if not path.is_socket():
        raise BenchError(str(path), "is there already and is no socket", "choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise BenchError(str(path), "a hub is running here already", "choose another channel, or stop that hub")


def _notice(text: str) -> None:
    print(f"hub: {text}", file=sys.stderr, flush=True)
