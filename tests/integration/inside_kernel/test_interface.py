"""Interfaces of a real kernel: what `check` says of them, and what a capture makes of what happens to them."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import can
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from slcan_adapter import SerialAdapter, ip, wait_until

from v2g_bench.can.buses import open_bus, socketcan_problem
from v2g_bench.can.errors import BusState
from v2g_bench.can.kernelbus import KernelBus
from v2g_bench.can.link import link_of
from v2g_bench.clock import wall_offset_ns
from v2g_bench.errors import BenchError
from v2g_bench.rig.parts.bus_watch import hints, require_bus, silence

CLASSIC = {"fd": False, "bitrate": 500_000, "data_bitrate": 2_000_000}
CAN0 = {"interface": "socketcan", "channel": "can0", **CLASSIC}
UP = "sudo ip link set can0 up type can bitrate 500000"


def test_a_missing_interface():
    with pytest.raises(BenchError) as error:
        open_bus("socketcan", "can0", **CLASSIC)
    assert error.value.what == "there is no interface can0 (CAN interfaces here: vcan0, vcan1)"
    assert error.value.hint == f"is the adapter plugged in? then: {UP}"


def test_an_interface_that_is_down():
    with SerialAdapter():
        assert socketcan_problem("can0", **CLASSIC) == f"can0 is down\n{UP}"


def test_a_wrong_bit_rate(adapter):
    adapter.up(bitrate=250_000)
    assert link_of("can0").bitrate == 250_000
    reported = (
        "can0 runs at bitrate 250000 and not 500000, which the rig file says\nsudo ip link set can0 down && " + UP
    )
    assert socketcan_problem("can0", **CLASSIC) == reported
    adapter.up(bitrate=500_000)
    assert socketcan_problem("can0", **CLASSIC) is None


def test_no_fd_on_a_classic_adapter(adapter):
    assert "can0 does not carry CAN FD (mtu 16)" in socketcan_problem("can0", **CLASSIC | {"fd": True})


def test_own_frames_come_back_with_the_kernels_stamp(vcans):
    with KernelBus("vcan0") as bus:
        for _ in range(20):
            offset_ns, before_ns = wall_offset_ns(), time.monotonic_ns()
            bus.send(can.Message(arbitration_id=0x80, is_extended_id=False, is_fd=True, data=bytes(64)))
            echo = bus.recv(5.0)
            after_ns = time.monotonic_ns()
            assert not echo.is_rx
            assert before_ns - 1000 <= echo.timestamp * 1e9 - offset_ns <= after_ns + 1000
        assert bus.timestamp_source == "software"  # a vcan has no clock of its own
        assert bus.receive_buffer_bytes >= 8 * 1024 * 1024


def test_the_kernels_own_gateway_is_there(vcans):
    assert Path("/sys/module/can_gw").is_dir()
    if shutil.which("cangw") is None:
        return
    flip = f"XOR:D:0.0.0.FF{'00' * 63}"
    subprocess.run(["cangw", "-A", "-s", "vcan1", "-d", "vcan0", "-X", "-e", "-M", flip], check=True)
    try:
        with KernelBus("vcan1") as one, KernelBus("vcan0") as other:
            one.send(can.Message(arbitration_id=0x80, is_extended_id=False, is_fd=True, data=bytes(16)))
            assert other.recv(5.0).data == b"\xff" + bytes(15)
    finally:
        subprocess.run(["cangw", "-F"], check=True)


def test_what_the_kernel_dropped_is_counted(vcans):
    with KernelBus("vcan0", own_echo=False) as deaf, KernelBus("vcan0", own_echo=False) as sender:
        deaf.socket.setsockopt(1, 8, 4096)  # SO_RCVBUF
        for _ in range(500):
            sender.send(can.Message(arbitration_id=0x80, is_extended_id=False, data=bytes(8)))
        received = 0
        while deaf.recv(0.0) is not None:
            received += 1
        sender.send(can.Message(arbitration_id=0x80, is_extended_id=False, data=bytes(8)))
        assert deaf.recv(5.0) is not None  # the count comes with the next frame
        assert deaf.lost == 500 - received > 0


def test_error_frames_are_events_with_their_counters(adapter, listening):
    capture = listening("can0", fd=False)
    adapter.error("s")
    wait_until(lambda: capture.health.error_frames == 1)
    assert capture.health.events[-1].event.text == "bus error; stuff error"
    adapter.state("w", rx=97)
    adapter.state("p", tx=130)
    wait_until(lambda: capture.health.error_frames == 3)
    assert [noted.event.text for noted in list(capture.health.events)[1:]] == [
        "error warning (receiver); 0 transmit errors, 97 receive errors",
        "error passive (transmitter); 130 transmit errors, 0 receive errors",
    ]
    assert (capture.health.state, capture.health.tx_errors) == (BusState.PASSIVE, 130)
    assert link_of("can0").state == "error passive"
    require_bus("main", capture, CAN0, 0.0)  # sick, and it still works


def test_damaged_frames_among_sound_ones_point_at_the_terminator(adapter, listening):
    capture = listening("can0", fd=False)
    adapter.frame(0x123, b"ab")
    adapter.error("s")
    wait_until(lambda: len(capture) == 2)
    (hint,) = hints(capture, CAN0)
    assert "1 error frames and 1 frames: frames arrive, and some are damaged; is a terminator missing?" in hint


def test_error_frames_alone_point_at_the_bit_rate(adapter, listening):
    capture = listening("can0", fd=False)
    for _ in range(3):
        adapter.error("f")
    wait_until(lambda: capture.health.error_frames == 3)
    assert capture.counters.error_frames == 3
    error = silence("main", capture, CAN0, 5.0)
    assert "error frames alone" in error.what
    assert "do not run at 500000 bit/s" in error.hint


def test_bus_off_is_an_error_with_its_mend(adapter, listening):
    capture = listening("can0", fd=False)
    since_s = time.monotonic()
    adapter.state("b", tx=255)
    wait_until(lambda: capture.health.state is BusState.BUS_OFF)
    with pytest.raises(BenchError) as error:
        require_bus("main", capture, CAN0, since_s)
    assert "bus-off" in error.value.what
    assert error.value.hint.endswith(f"can0 is bus-off: mend the wiring, then: sudo ip link set can0 down && {UP}")
    with pytest.raises(BenchError, match="can0 is bus-off"):
        open_bus("socketcan", "can0", **CLASSIC)


@pytest.mark.parametrize("how", ["link down", "unplugged"])
def test_an_interface_that_goes_in_the_middle(adapter, listening, how):
    capture = listening("can0", fd=False)
    adapter.frame(0x123, b"ab")
    wait_until(lambda: len(capture) == 1)
    since_s = time.monotonic()
    if how == "link down":
        ip("set", "can0", "down")
    else:
        adapter.unplug()
    wait_until(lambda: capture.interruptions)
    with pytest.raises(BenchError) as error:
        require_bus("main", capture, CAN0, since_s)
    assert "after the start of the test" in error.value.what
    assert ("can0 is down" if how == "link down" else "there is no interface can0") in error.value.hint
    assert capture.frames(0x123).data[0, :2].tobytes() == b"ab"  # what was heard before is kept
