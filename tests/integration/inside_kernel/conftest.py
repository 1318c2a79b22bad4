"""Tests that need CAN in the kernel. They run by `v2g-bench kernel -- pytest tests/integration/inside_kernel`, which
tests/integration/test_socketcan.py does; where the kernel has CAN of its own they would change its interfaces, so they
run in a user-mode kernel alone.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from slcan_adapter import SerialAdapter

from v2g_bench.can.capture import Capture
from v2g_bench.can.kernelbus import KernelBus


def pytest_collection_modifyitems(items):
    if "V2G_KERNEL" not in os.environ:
        for item in items:
            if "inside_kernel" in str(item.path):
                item.add_marker(pytest.mark.skip(reason="runs in a user-mode kernel, by test_socketcan.py"))


@pytest.fixture
def adapter():
    """can0: a serial CAN adapter with a controller's error states, up at 500 kbit/s."""
    with SerialAdapter() as adapter:
        adapter.up(bitrate=500_000)
        yield adapter


@pytest.fixture
def listening(tmp_path):
    """Open a capture on an interface; closed at the end."""
    opened = []

    def listening(channel, fd=True):
        bus = KernelBus(channel, fd=fd)
        capture = Capture(bus, tmp_path / f"{channel}.blf")
        capture.start()
        opened.append((bus, capture))
        return capture

    yield listening
    for bus, capture in reversed(opened):
        try:
            capture.stop()
        finally:
            bus.shutdown()


@pytest.fixture
def vcans():
    """vcan0 and vcan1, up again at the end whatever a test did to them."""
    yield "vcan0", "vcan1"
    for name in ("vcan0", "vcan1"):
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
