"""The parts of the SocketCAN bus that need no CAN in the kernel: packets as the kernel hands them out."""

import socket
import struct

import can
import pytest
from can.interfaces.socketcan.socketcan import build_can_frame

from v2g_bench.can.kernelbus import SO_RXQ_OVFL, enlarge_receive_buffer, parse_frame, read_drops


@pytest.mark.parametrize(
    "sent",
    [
        can.Message(arbitration_id=0x7FF, is_extended_id=False, data=b"12345678"),
        can.Message(arbitration_id=0x1FFFFFFF, is_extended_id=True, data=b""),
        can.Message(arbitration_id=0x80, is_extended_id=False, is_remote_frame=True, dlc=5),
        can.Message(arbitration_id=0x80, is_extended_id=False, is_fd=True, data=bytes(range(64)), bitrate_switch=True),
        can.Message(arbitration_id=0x80, is_fd=True, data=bytes(12), error_state_indicator=True),
        can.Message(arbitration_id=0x40, is_extended_id=False, is_error_frame=True, data=bytes(8)),
    ],
    ids=["classic", "extended", "remote", "fd brs", "fd esi", "error"],
)
def test_a_packet_is_what_python_can_built(sent):
    packet = build_can_frame(sent)
    read = parse_frame(packet.ljust(16, b"\0"), 1.5, is_own=True)
    assert read.equals(sent, timestamp_delta=None, check_channel=False, check_direction=False)
    assert (read.timestamp, read.is_rx) == (1.5, False)
    assert parse_frame(packet.ljust(16, b"\0"), 1.5, is_own=False).is_rx


def test_a_torn_packet_is_refused():
    with pytest.raises(can.CanOperationError, match="15 bytes"):
        parse_frame(bytes(15), 0.0, is_own=False)


def test_the_kernel_counts_what_it_drops():
    assert read_drops([]) is None
    assert read_drops([(socket.SOL_CAN_RAW, SO_RXQ_OVFL, b"\1\0\0\0")]) is None
    assert read_drops([(socket.SOL_SOCKET, SO_RXQ_OVFL, struct.pack("@I", 997))]) == 997


def test_the_receive_buffer_grows():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        before = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        assert enlarge_receive_buffer(sock) > before


def test_without_the_right_it_takes_what_the_system_allows():
    class Plain:
        asked = ()

        def setsockopt(self, level, option, value):
            self.asked += (option,)
            if option == 33:
                raise PermissionError

        def getsockopt(self, level, option):
            return 425_984

    sock = Plain()
    assert enlarge_receive_buffer(sock) == 425_984
    assert sock.asked == (33, socket.SO_RCVBUF)
