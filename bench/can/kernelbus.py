"""SocketCAN as the bench needs it: python-can's bus with a large receive buffer, the kernel's count of lost frames, and
the hardware's stamps where the interface offers them.

The kernel's default buffer holds 278 frames, 95 ms of a full bus; the kernel counts what it drops (SO_RXQ_OVFL), and
python-can does not ask for the count, nor for hardware stamps. This class does, and reads with its own parser because
of it. Error frames come as messages whose `is_error_frame` is set; see `errors` for their meaning.
"""

import select
import socket
import struct
import time

import can
from can.interfaces.socketcan import SocketcanBus
from can.typechecking import CanFilters

from v2g_bench.can.timestamps import SO_TIMESTAMPING, WANTED, Pair, TimestampSelector, WallClock, read_timestamps

RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024

# linux/socket.h
_SO_RCVBUFFORCE, SO_TIMESTAMPNS, SO_RXQ_OVFL = 33, 35, 40
_DROPS = struct.Struct("@I")
_FRAME = struct.Struct("=IBB2x")  # linux/can.h: id, length, flags, two more bytes, data
_EFF, _RTR, _ERR = 0x8000_0000, 0x4000_0000, 0x2000_0000
_CANFD_BRS, _CANFD_ESI = 0x01, 0x02
CAN_MTU, CANFD_MTU = 16, 72
_ANCILLARY_BYTES = 128


class KernelBus(SocketcanBus):
    """One node on a SocketCAN interface. `lost` counts the frames that the kernel dropped for this socket;
    `receive_buffer_bytes` is what the kernel granted; `timestamp_source` what stamped the newest frame: "hardware", "software".
    """

    def __init__(
        self, channel: str, *, fd: bool = True, own_echo: bool = True, can_filters: CanFilters | None = None
    ) -> None:
        super().__init__(channel=channel, receive_own_messages=own_echo, fd=fd, can_filters=can_filters)
        self.receive_buffer_bytes = enlarge_receive_buffer(self.socket)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
        # Instead of python-can's SO_TIMESTAMPNS, which gives the kernel's alone.
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, WANTED)
        self._selector, self._wall = TimestampSelector(), WallClock()
        self.socket.setblocking(False)
        self.lost = 0

    @property
    def timestamp_source(self) -> str:
        """What stamps the frames of this interface; "" before the first one."""
        return self._selector.source

    def _recv_internal(self, timeout: float | None) -> tuple[can.Message | None, bool]:
        deadline_s = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                packet, ancillary, flags, _ = self.socket.recvmsg(CANFD_MTU, _ANCILLARY_BYTES)
            except BlockingIOError:
                left_ms = None if deadline_s is None else (deadline_s - time.monotonic()) * 1000
                if left_ms is not None and left_ms <= 0:
                    return None, self._is_filtered
                waiting = select.poll()  # and not select.select, which ends at file descriptor 1023
                waiting.register(self.socket, select.POLLIN)
                waiting.poll(left_ms)
                continue
            except OSError as error:
                raise can.CanOperationError(f"{self.channel_info}: {error.strerror}", error.errno) from error
            drops = read_drops(ancillary)
            if drops is not None:
                self.lost = drops
            try:
                timestamp_ns = self._selector.timestamp_ns(
                    read_timestamps(ancillary) or Pair(0, 0), self._wall.offset_ns()
                )
            except ValueError as error:
                raise can.CanOperationError(f"{self.channel_info}: {error}") from None
            message = parse_frame(packet, timestamp_ns / 1e9, is_own=bool(flags & socket.MSG_CONFIRM))
            message.channel = self.channel
            return message, self._is_filtered


def enlarge_receive_buffer(sock: socket.socket, wanted_bytes: int = RECEIVE_BUFFER_BYTES) -> int:
    """Ask for a large buffer, beyond the system's limit if the rights allow it; returns what the kernel granted."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, wanted_bytes)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted_bytes)
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def read_drops(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    """Frames dropped so far for this socket; None if the kernel did not report it."""
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_RXQ_OVFL:
            return int(_DROPS.unpack_from(data)[0])
    return None


def parse_frame(packet: bytes, timestamp_s: float, is_own: bool) -> can.Message:
    """struct can_frame or canfd_frame -> message; CanOperationError for a packet of another size."""
    if len(packet) not in (CAN_MTU, CANFD_MTU):
        raise can.CanOperationError(f"a packet of {len(packet)} bytes is no CAN frame")
    can_id, length, fd_flags = _FRAME.unpack_from(packet)
    is_fd = len(packet) == CANFD_MTU
    is_extended, is_remote, is_error = bool(can_id & _EFF), bool(can_id & _RTR), bool(can_id & _ERR)
    return can.Message(
        timestamp=timestamp_s,
        arbitration_id=can_id & (0x1FFF_FFFF if is_extended or is_error else 0x7FF),
        is_extended_id=is_extended,
        is_remote_frame=is_remote,
        is_error_frame=is_error,
        dlc=length,
        data=b"" if is_remote else packet[_FRAME.size : _FRAME.size + length],
        is_fd=is_fd,
        is_rx=not is_own,
        bitrate_switch=is_fd and bool(fd_flags & _CANFD_BRS),
        error_state_indicator=is_fd and bool(fd_flags & _CANFD_ESI),
    )
