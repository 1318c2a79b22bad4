"""A CAN FD bus without kernel CAN, as a python-can interface: "v2g_userland". `switchboard` states what it guarantees.

>>> from v2g_bench.can.hub import HubProcess
>>> with HubProcess("/tmp/bench/bus") as hub, UserlandBus(hub.path) as bus:  # doctest: +SKIP
...     bus.send(can.Message(arbitration_id=0x80, data=b"1", is_extended_id=False))

or, with a hub that runs already: `can.Bus(interface="v2g_userland", channel="/tmp/bench/bus")`.
"""

import os
import select
import socket
import struct
import time
from typing import Any

import can
from can.typechecking import CanFilters

from v2g_bench.can import wire
from v2g_bench.errors import BenchError

_GREETING_S = 5.0
_FD_LENGTHS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64)


class UserlandBus(can.BusABC):
    """One node of the userland bus.

    channel: path of the hub's socket. receive_own_messages: own frames come back, in their place among all frames, with
    the same stamp that the others see and `is_rx` False. fd: a node without FD sees classic frames alone and cannot
    send others, as a classic controller. `Message.timestamp` is CLOCK_REALTIME inside the sender's send(), in seconds.

    name: how a hub with a wire calls this node; the controller under test needs none.

    send() may be called from several threads. `lost` counts the frames that this node missed, `sequence` is the number
    of the last frame that it has read.

    Raises BenchError if there is no hub at `channel`.
    """

    def __init__(
        self,
        channel: Any = None,
        can_filters: CanFilters | None = None,
        receive_own_messages: bool = False,
        fd: bool = True,
        name: str = "",
        **kwargs: object,
    ) -> None:
        path = os.fspath(channel) if channel is not None else ""
        self._sock = _connect(path)
        self._fd = fd
        self._echo = receive_own_messages
        self._name = name
        self.channel = path
        self.channel_info = f"v2g_userland: {path}"
        self.sequence = self._greet(path)
        self.discarded = 0
        self._gaps = 0
        self._can_protocol = can.CanProtocol.CAN_FD if fd else can.CanProtocol.CAN_20
        super().__init__(channel=path, can_filters=can_filters, **kwargs)

    @property
    def lost(self) -> int:
        """Frames that this node should have had and had not: discarded by the hub, or a gap in the sequence numbers.

        A node without its echo does not see the numbers of its own frames, so there only the hub's count is used.
        """
        return max(self.discarded, self._gaps)

    @property
    def state(self) -> can.BusState:
        """Always active: this bus has no error confinement."""
        return can.BusState.ACTIVE

    @state.setter
    def state(self, new_state: can.BusState) -> None:
        raise NotImplementedError("the userland bus has no bus state that can be set")

    def fileno(self) -> int:
        """The socket, readable when a frame has arrived."""
        return self._sock.fileno()

    def send(self, msg: can.Message, timeout: float | None = None) -> None:
        """Put a frame on the bus; waits while the hub is full, at most `timeout` seconds (None: as long as it takes).

        An FD length that does not exist is padded with zeros, as SocketCAN does it. ValueError for a frame that cannot
        exist; CanOperationError if the hub has ended or the time is up.
        """
        packet = _pack(msg, self._fd)
        deadline_s = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                self._sock.send(packet)
                return
            except BlockingIOError:
                left_ms = None if deadline_s is None else max(0.0, deadline_s - time.monotonic()) * 1000
                if not self._wait(select.POLLOUT, left_ms):
                    text = f"{self.channel_info}: the hub has not taken the frame within {timeout} s"
                    raise can.CanOperationError(text) from None
            except OSError as error:
                raise can.CanOperationError(f"{self.channel_info}: the hub is gone: {error}") from error

    def _recv_internal(self, timeout: float | None) -> tuple[can.Message | None, bool]:
        deadline_s = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                packet = self._sock.recv(wire.MAX_PACKET)
            except BlockingIOError:
                left_ms = None if deadline_s is None else (deadline_s - time.monotonic()) * 1000
                if left_ms is not None and left_ms <= 0:
                    return None, True
                self._wait(select.POLLIN, left_ms)
                continue
            except OSError as error:
                raise can.CanOperationError(f"{self.channel_info}: the hub is gone: {error}") from error
            if not packet:
                raise can.CanOperationError(f"{self.channel_info}: the hub has ended, or has hung up")
            message = self._unpack(packet)
            if message is not None and self._matches_filters(message):
                return message, True
            if deadline_s is not None and time.monotonic() >= deadline_s and timeout:
                return None, True

    def _wait(self, event: int, left_ms: float | None) -> bool:
        waiting = select.poll()  # one for each wait: threads may not share one
        waiting.register(self._sock, event)
        return bool(waiting.poll(left_ms))

    def _unpack(self, packet: bytes) -> can.Message | None:
        sequence, timestamp_ns, lost, frame_id, flags, dlc = wire.DOWN.unpack_from(packet)
        if flags & wire.LAST:
            why = packet[wire.DOWN.size :].decode("utf-8", "replace")
            raise can.CanOperationError(f"{self.channel_info}: the hub hangs up: {why}")
        if self._echo and sequence != self.sequence + 1:
            self._gaps += sequence - self.sequence - 1
        self.sequence, self.discarded = sequence, lost
        if flags & wire.FD and not self._fd:
            return None
        return can.Message(
            timestamp=timestamp_ns / 1e9,
            arbitration_id=frame_id,
            is_extended_id=bool(flags & wire.EXTENDED),
            is_remote_frame=bool(flags & wire.REMOTE),
            is_error_frame=bool(flags & wire.ERROR),
            channel=self.channel,
            dlc=dlc,
            data=packet[wire.DOWN.size :],
            is_fd=bool(flags & wire.FD),
            is_rx=not flags & wire.ECHO,
            bitrate_switch=bool(flags & wire.BRS),
            error_state_indicator=bool(flags & wire.ESI),
        )

    def _greet(self, path: str) -> int:
        try:
            hello = wire.HELLO.pack(wire.MAGIC, wire.WANTS_ECHO if self._echo else 0)
            self._sock.send(hello + self._name.encode())
            answer = self._sock.recv(wire.MAX_PACKET)
            magic, sequence = wire.WELCOME.unpack(answer)
        except (OSError, struct.error) as error:
            self._sock.close()
            raise BenchError(path, f"does not answer as a CAN hub: {error}", _START_A_HUB) from error
        if magic != wire.MAGIC:
            self._sock.close()
            raise BenchError(path, "speaks another version of the bus protocol", "restart the hub")
        self._sock.setblocking(False)
        return int(sequence)

    def shutdown(self) -> None:
        """Leave the bus."""
        super().shutdown()
        self._sock.close()


_START_A_HUB = "start one: python -m v2g_bench.can.hub PATH"


def _connect(path: str) -> socket.socket:
    if not path:
        raise BenchError("v2g_userland", "no channel is given", "the channel is the path of the hub's socket")
    if len(os.fsencode(path)) > wire.MAX_PATH_BYTES:
        raise BenchError(path, f"the path of a socket has at most {wire.MAX_PATH_BYTES} bytes", "use a shorter folder")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.settimeout(_GREETING_S)
    try:
        sock.connect(path)
    except OSError as error:
        sock.close()
        raise BenchError(path, f"no CAN hub is here: {error.strerror or error}", _START_A_HUB) from error
    return sock


def _pack(msg: can.Message, fd: bool) -> bytes:
    data = bytes(msg.data)
    flags = (
        (wire.EXTENDED if msg.is_extended_id else 0)
        | (wire.REMOTE if msg.is_remote_frame else 0)
        | (wire.ERROR if msg.is_error_frame else 0)
    )
    if msg.arbitration_id >> (29 if msg.is_extended_id else 11) and not msg.is_error_frame:
        raise ValueError(f"identifier 0x{msg.arbitration_id:X} does not fit its frame format")
    dlc = msg.dlc if msg.is_remote_frame else len(data)
    if msg.is_fd:
        if not fd:
            raise ValueError("an FD frame cannot be sent by a node that was opened without fd")
        if msg.is_remote_frame or dlc > 64:
            raise ValueError("an FD frame has at most 64 bytes and is never a remote frame")
        flags |= wire.FD | (wire.BRS if msg.bitrate_switch else 0) | (wire.ESI if msg.error_state_indicator else 0)
        dlc = next(length for length in _FD_LENGTHS if length >= dlc)
        data = data.ljust(dlc, b"\0")
    elif dlc > 8:
        raise ValueError(f"a classic frame has at most 8 bytes, not {dlc}")
    return wire.UP.pack(msg.arbitration_id, flags, dlc) + data
