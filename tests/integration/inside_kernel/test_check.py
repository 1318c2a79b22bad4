"""`v2g-bench check` on sick interfaces of a real kernel: the command that it prints is run, and mends."""

import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "certification"))
from certify import rig_file
from slcan_adapter import ip

from v2g_bench.can.buses import socketcan_problem

pytestmark = pytest.mark.timeout(150)

CLASSIC = {"fd": False, "bitrate": 500_000, "data_bitrate": 2_000_000}


def check(rig, *options):
    """(exit status, output) of the command, as a user types it."""
    command = [sys.executable, "-m", "v2g_bench.commands.main", "check", f"--rig={rig}", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def command_in(out):
    """The `ip link` line of the bus's finding."""
    (line,) = {found.strip() for found in re.findall(r"(sudo .*ip link .*)$", out, re.MULTILINE)}
    return line


def typed(command, tmp_path):
    """As the user types it. Here he is root, and the module is there already."""
    for name, script in (("sudo", 'exec "$@"'), ("modprobe", "exit 0")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    subprocess.run(["sh", "-ec", f"PATH={tmp_path}:$PATH; {command}"], check=True)


@pytest.fixture
def whole():
    """vcan0 as it was, whatever a test did to it."""
    yield
    if not Path("/sys/class/net/vcan0").exists():
        subprocess.run(["ip", "link", "add", "dev", "vcan0", "type", "vcan"], check=True)
    ip("set", "vcan0", "down")
    ip("set", "vcan0", "mtu", "72", "up")


@pytest.mark.parametrize(
    ("trouble", "reported"),
    [
        ([("del", "vcan0")], "there is no interface vcan0 (CAN interfaces here: vcan1)"),
        ([("set", "vcan0", "down")], "vcan0 is down"),
        ([("set", "vcan0", "down"), ("set", "vcan0", "mtu", "16", "up")], "vcan0 does not carry CAN FD (mtu 16)"),
    ],
    ids=["missing", "down", "classic"],
)
def test_a_virtual_interface(whole, tmp_path, trouble, reported):
    for words in trouble:
        ip(*words)
    status, out = check("vcan0", "--rig-strict")
    assert status != 0
    assert reported in out
    typed(command_in(out), tmp_path)
    assert socketcan_problem("vcan0") is None


def test_a_wrong_bit_rate(adapter, tmp_path):
    adapter.up(bitrate=250_000)
    rig = rig_file(tmp_path, {"bus.main.interface": "socketcan", "bus.main.channel": "can0"}, base="classic")
    status, out = check(rig, "--rig-strict")
    assert status != 0
    assert "can0 runs at bitrate 250000 and not 500000, which the rig file says" in out
    typed(command_in(out), tmp_path)
    assert socketcan_problem("can0", **CLASSIC) is None


def test_a_fallback_says_what_would_mend_it(whole):
    ip("set", "vcan0", "down")
    _, out = check("vcan0")
    assert "ok   bus                userland bus, CAN FD" in out
    assert "userland bus in place of SocketCAN vcan0: vcan0 is down" in out
    assert "to have vcan0 itself: sudo ip link set vcan0 mtu 72 up" in out


def test_damaged_frames_among_sound_ones_point_at_the_terminator(adapter, tmp_path):
    rig = rig_file(tmp_path, {"bus.main.interface": "socketcan", "bus.main.channel": "can0"}, base="classic")
    ended = threading.Event()

    def damage():
        while not ended.wait(0.005):
            adapter.error("s")

    thread = threading.Thread(target=damage)
    thread.start()
    try:
        _, out = check(rig, "--rig-strict")
    finally:
        ended.set()
        thread.join()
    assert "ok   capture            the BMS is heard" in out
    assert "is a terminator missing? With the power off there must be 60 ohm between CAN-H and CAN-L" in out
