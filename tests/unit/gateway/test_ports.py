"""The gateway's packets: the kernel's structures as python-can builds and reads them, and a port on a real hub."""

import can
import pytest
from can.interfaces.socketcan.socketcan import build_can_frame

from v2g_bench.can.hub import HubProcess
from v2g_bench.can.userland import UserlandBus
from v2g_bench.errors import BenchError
from v2g_bench.gateway.frame import frame_of
from v2g_bench.gateway.ports import BusGone, UserlandPort, open_port, pack_can, unpack_can

MESSAGES = [
    can.Message(arbitration_id=0x7FF, is_extended_id=False, data=b"12345678"),
    can.Message(arbitration_id=0x1FFFFFFF, is_extended_id=True, data=b""),
    can.Message(arbitration_id=0x80, is_extended_id=False, is_remote_frame=True, dlc=5),
    can.Message(arbitration_id=0x80, is_extended_id=False, is_fd=True, data=bytes(range(64)), bitrate_switch=True),
    can.Message(arbitration_id=0x80, is_fd=True, data=bytes(12), error_state_indicator=True),
]
IDS = ["classic", "extended", "remote", "fd brs", "fd esi"]


@pytest.mark.parametrize("message", MESSAGES, ids=IDS)
def test_the_kernels_structure(message):
    frame = frame_of(message)
    packet = pack_can(frame)
    assert unpack_can(packet) == frame
    theirs = build_can_frame(message).ljust(16, b"\0")
    assert unpack_can(theirs) == frame
    assert packet[:5] == theirs[:5]
    assert packet[8:] == theirs[8:]


@pytest.mark.parametrize("message", MESSAGES, ids=IDS)
def test_there_and_back_as_a_message(message):
    back = frame_of(message).message()
    assert back.equals(message, timestamp_delta=None, check_channel=False, check_direction=False)


def received(port, count):
    frames = []
    for _ in range(20_000):
        while (one := port.read()) is not None:
            frames.append(one)
        if len(frames) >= count:
            return frames
    raise AssertionError(f"only {len(frames)} of {count} frames")


def test_a_port_on_a_hub_hears_and_speaks(tmp_path):
    with HubProcess(tmp_path / "bus") as hub, UserlandBus(hub.path, receive_own_messages=True) as node:
        port = UserlandPort(hub.path)
        try:
            node.send(MESSAGES[3])
            ((frame, timestamp_ns),) = received(port, 1)
            echo = node.recv(2.0)
            assert frame == frame_of(MESSAGES[3])
            assert timestamp_ns / 1e9 == pytest.approx(echo.timestamp, abs=1e-6)
            assert port.write(frame_of(MESSAGES[2]))
            assert node.recv(2.0).is_remote_frame
            assert port.read() is None  # its own frames do not come back: they would go round for ever
        finally:
            port.close()


def test_a_hub_that_ends_is_a_bus_that_is_gone(tmp_path):
    with HubProcess(tmp_path / "bus") as hub:
        port = UserlandPort(hub.path)
    try:
        with pytest.raises(BusGone, match="hub"):
            received(port, 1)
    finally:
        port.close()


def test_other_buses_cannot_have_a_gateway():
    with pytest.raises(BenchError, match="cannot be on this bus"):
        open_port("virtual", "x", fd=True, bitrate=500_000, data_bitrate=2_000_000)
