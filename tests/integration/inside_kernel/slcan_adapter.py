"""A serial CAN adapter on a pseudo-terminal, as the kernel's slcan driver knows it: a can0 with a real controller's states.

The kernel keeps bit rate, error state and bus-off of it as of any CAN hardware; what the wire does is said by the test:

    adapter.frame(0x123, b"..")      a frame arrives
    adapter.error("s")               a stuff error was seen ("a" no acknowledge, "f" form, "c" CRC, "b" bit)
    adapter.state("b", rx=0, tx=255) the controller went bus-off ("a" active, "w" warning, "p" passive)
    adapter.unplug()                 the adapter is gone
"""

import ctypes
import fcntl
import os
import pty
import struct
import subprocess
import threading
import time
import tty
from pathlib import Path

from v2g_bench.kernel.images import _MODULE_ROOT

_FINIT_MODULE, _TIOCSETD, _N_SLCAN = 313, 0x5423, 17
BOUND_S = 20.0


class SerialAdapter:
    """can0 while the block runs. `sent`: the lines that the kernel gave the adapter to transmit."""

    name = "can0"

    def __init__(self):
        self.sent = []
        self._arrived = threading.Condition()

    def __enter__(self):
        load("drivers/net/can/slcan/slcan.ko")
        self._adapter, self._line = pty.openpty()
        for side in (self._adapter, self._line):
            tty.setraw(side)
        # The driver waits until the adapter has taken its commands, so somebody reads from the start.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        fcntl.ioctl(self._line, _TIOCSETD, struct.pack("i", _N_SLCAN))
        return self

    def __exit__(self, *_):
        self.unplug()

    def up(self, bitrate):
        """As an administrator brings it up."""
        ip("set", self.name, "down")
        ip("set", self.name, "type", "can", "bitrate", str(bitrate), "restart-ms", "0")
        ip("set", self.name, "up")

    def frame(self, frame_id, data):
        self._log_line(f"t{frame_id:03X}{len(data)}{data.hex()}")

    def error(self, kind):
        self._log_line(f"e1{kind}")

    def state(self, state, rx=0, tx=0):
        self._log_line(f"s{state}{rx:03d}{tx:03d}")

    def unplug(self):
        """Close the line: the kernel takes the interface away."""
        for side in (self._line, self._adapter):
            if side is not None:
                os.close(side)
        self._line = self._adapter = None
        wait_until(lambda: not Path("/sys/class/net", self.name).exists())

    def wait_for(self, accept):
        """The first line that the kernel transmits from now on and that is accepted; None if there is none in time."""
        deadline_s = time.monotonic() + 100
        with self._arrived:
            place = len(self.sent)
            while True:
                for line in self.sent[place:]:
                    if accept(line):
                        return line
                place = len(self.sent)
                if not self._arrived.wait(max(0.0, deadline_s - time.monotonic())):
                    return None

    def _log_line(self, line):
        os.write(self._adapter, line.encode() + b"\r")

    def _read(self):
        rest = b""
        while True:
            try:
                part = os.read(self._adapter, 4096)
            except (OSError, TypeError):
                return
            *lines, rest = (rest + part).split(b"\r")
            with self._arrived:
                self.sent += lines
                self._arrived.notify_all()


def load(module):
    """As modprobe does it; loaded already is fine, and so is a kernel that has everything built in."""
    if not Path("/proc/modules").exists():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    path = _MODULE_ROOT / os.uname().release / "kernel" / module
    with path.open("rb") as file:
        if libc.syscall(_FINIT_MODULE, file.fileno(), b"", 0) != 0 and ctypes.get_errno() != 17:
            raise OSError(ctypes.get_errno(), f"load {path}")


def ip(*words):
    """`ip link ...`."""
    subprocess.run(["ip", "link", *words], check=True, capture_output=True, text=True, timeout=BOUND_S)


def wait_until(condition):
    """Wait with a bound; what the condition gave."""
    deadline_s, pause = time.monotonic() + BOUND_S, threading.Event()
    while not (value := condition()):
        assert time.monotonic() < deadline_s
        pause.wait(0.005)
    return value
