"""The gateway's two sockets: raw, non-blocking, with the timestamp of each frame. python-can takes eight times as long.

userland   the hub's packets (see `v2g_bench.can.wire`)
socketcan  struct can_frame and canfd_frame; error frames, which a raw socket gets only on request, are the captures' business
"""

import errno
import os
import socket
import struct
from typing import Protocol

from v2g_bench.can import wire
from v2g_bench.can.buses import socketcan_problem
from v2g_bench.can.userland import UserlandBus
from v2g_bench.errors import BenchError
from v2g_bench.gateway.frame import Frame


class BusGone(Exception):
    """The bus cannot be used any more; the text gives the reason."""


class Port(Protocol):
    """One side of the gateway. `lost`: frames that it missed because it was too slow."""

    lost: int

    def fileno(self) -> int: ...

    def read(self) -> tuple[Frame, int] | None:
        """The next frame and its timestamp (ns of CLOCK_REALTIME); None if there is none. BusGone."""
        ...

    def write(self, frame: Frame) -> bool:
        """Hand a frame over; False if the bus takes none just now. BusGone."""
        ...

    def close(self) -> None: ...


class UserlandPort:
    """A node of the userland bus."""

    def __init__(self, channel: str, fd: bool = True) -> None:
        self.lost = 0
        self._bus = UserlandBus(channel, receive_own_messages=False, fd=fd)
        self._sock = socket.socket(fileno=os.dup(self._bus.fileno()))
        self._sock.setblocking(False)

    def fileno(self) -> int:
        return self._sock.fileno()

    def read(self) -> tuple[Frame, int] | None:
        try:
            packet = self._sock.recv(wire.MAX_PACKET)
        except BlockingIOError:
            return None
        except OSError as error:
            raise BusGone(f"{self._bus.channel_info}: {error.strerror}") from None
        if not packet:
            raise BusGone(f"{self._bus.channel_info}: the hub has ended")
        _, timestamp_ns, self.lost, frame_id, flags, dlc = wire.DOWN.unpack_from(packet)
        if flags & wire.LAST:
            why = packet[wire.DOWN.size :].decode("utf-8", "replace")
            raise BusGone(f"{self._bus.channel_info}: the hub hangs up: {why}")
        return Frame(frame_id, flags & ~wire.ECHO, dlc, packet[wire.DOWN.size :]), timestamp_ns

    def write(self, frame: Frame) -> bool:
        try:
            self._sock.send(wire.UP.pack(frame.frame_id, frame.flags, frame.dlc) + frame.data)
        except BlockingIOError:
            return False
        except OSError as error:
            raise BusGone(f"{self._bus.channel_info}: {error.strerror}") from None
        return True

    def close(self) -> None:
        self._sock.close()
        self._bus.shutdown()


class KernelPort:
    """A raw socket on a SocketCAN interface."""

    def __init__(self, channel: str, fd: bool = True) -> None:
        from v2g_bench.can import kernelbus as kernel  # needs a Python that was built with AF_CAN

        self.lost, self._channel = 0, channel
        self._sock = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
        self._sock.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FD_FRAMES, int(fd))
        self._sock.setsockopt(socket.SOL_SOCKET, kernel.SO_TIMESTAMPNS, 1)
        self._sock.setsockopt(socket.SOL_SOCKET, kernel.SO_RXQ_OVFL, 1)
        kernel.enlarge_receive_buffer(self._sock)
        self._sock.bind((channel,))
        self._sock.setblocking(False)

    def fileno(self) -> int:
        return self._sock.fileno()

    def read(self) -> tuple[Frame, int] | None:
        try:
            packet, ancillary, _, _ = self._sock.recvmsg(_CANFD.size, 128)
        except BlockingIOError:
            return None
        except OSError as error:
            raise BusGone(f"{self._channel}: {error.strerror}") from None
        timestamp_ns = 0
        for _, kind, data in ancillary:
            if kind == wire.SO_TIMESTAMPNS:
                seconds, nanoseconds = wire.TIMESPEC.unpack_from(data)
                timestamp_ns = seconds * 1_000_000_000 + nanoseconds
            elif len(data) == 4:
                self.lost = int.from_bytes(data, "little" if struct.pack("=H", 1)[0] else "big")
        return unpack_can(packet), timestamp_ns

    def write(self, frame: Frame) -> bool:
        try:
            self._sock.send(pack_can(frame))
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno == errno.ENOBUFS:  # the interface's queue is full
                return False
            raise BusGone(f"{self._channel}: {error.strerror}") from None
        return True

    def close(self) -> None:
        self._sock.close()


_CAN, _CANFD = struct.Struct("=IBB2x8s"), struct.Struct("=IBB2x64s")  # linux/can.h
_EFF, _RTR = 0x8000_0000, 0x4000_0000
_BRS, _ESI, _FDF = 0x01, 0x02, 0x04


def unpack_can(packet: bytes) -> Frame:
    """struct can_frame or canfd_frame -> frame."""
    is_fd = len(packet) == _CANFD.size
    can_id, length, fd_flags, data = (_CANFD if is_fd else _CAN).unpack(packet)
    flags = (wire.EXTENDED if can_id & _EFF else 0) | (wire.REMOTE if can_id & _RTR else 0)
    if is_fd:
        flags |= wire.FD | (wire.BRS if fd_flags & _BRS else 0) | (wire.ESI if fd_flags & _ESI else 0)
    return Frame(can_id & 0x1FFF_FFFF, flags, length, b"" if can_id & _RTR else data[:length])


def pack_can(frame: Frame) -> bytes:
    """Frame -> struct can_frame or canfd_frame."""
    flags = frame.flags
    can_id = frame.frame_id | (_EFF if flags & wire.EXTENDED else 0) | (_RTR if flags & wire.REMOTE else 0)
    if not flags & wire.FD:
        return _CAN.pack(can_id, frame.dlc, 0, frame.data)
    fd_flags = _FDF | (_BRS if flags & wire.BRS else 0) | (_ESI if flags & wire.ESI else 0)
    return _CANFD.pack(can_id, frame.dlc, fd_flags, frame.data)


def open_port(interface: str, channel: str, *, fd: bool, bitrate: int, data_bitrate: int) -> Port:
    """The port on this bus; BenchError names what is missing and how to fix it."""
    if interface == "v2g_userland":
        return UserlandPort(channel, fd)
    if interface != "socketcan":
        raise BenchError(f"{interface}:{channel}", "the gateway cannot be on this bus", "use socketcan or userland")
    problem = socketcan_problem(channel, fd=fd, bitrate=bitrate, data_bitrate=data_bitrate)
    if problem is not None:
        raise BenchError(f"socketcan:{channel}", *problem.split("\n", 1))
    try:
        return KernelPort(channel, fd)
    except OSError as error:
        raise BenchError(f"socketcan:{channel}", f"cannot be opened: {error.strerror}") from None
