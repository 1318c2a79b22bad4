"""What the responder switches where no inverter is: the sync line's mark, which is a current as the digitizer sees it.

Up is a current that flows, down is one that is gone. Nothing here is used by what measures, and nothing of what measures
is used here.
"""

import fcntl
import json
import os
import socket
import struct
import time
from collections.abc import Callable
from functools import partial

GPIO_GET, GPIO_SET = 0xC250B407, 0xC010B40F  # include/uapi/linux/gpio.h, version 2
GPIO_REQUEST = struct.Struct("=I252x32sQ264xI24xi")  # of one line
SERIAL_SET, SERIAL_CLEAR = 0x5416, 0x5417  # TIOCMBIS, TIOCMBIC
SERIAL_LINES = {"dtr": 0x002, "rts": 0x004}
PLANT_A = 40.0
TIMEOUT_S = 2.0


class Line:
    """In an inverter's place; power has no amount here. OSError when the wire is gone."""

    models = "the sync line's mark in an inverter's place"

    def __init__(self, kind: str, device: str, mark: int | str, inverted: bool) -> None:
        if kind == "gpio":
            self._put, self._close = _gpio(device, int(mark), inverted)
        elif kind == "serial":
            self._put, self._close = _serial(device, SERIAL_LINES[str(mark)], inverted)
        else:
            self._put, self._close = _plant(device)
        self._put(False)

    def set_power(self, power_w: float) -> None:
        """Nothing: the line knows up and down."""

    def start(self) -> None:
        """A current flows."""
        self._put(True)

    def stop(self) -> tuple[float, float]:
        """It is gone; between which times (monotonic, s)."""
        return self._put(False)

    def close(self) -> None:
        """Let the wire go."""
        self._close()


Put = Callable[[bool], tuple[float, float]]
Close = Callable[[], None]


def _called(fd: int, call: int, values: bytes) -> tuple[float, float]:
    before_s = time.monotonic()
    fcntl.ioctl(fd, call, values)
    return before_s, time.monotonic()


def _gpio(device: str, pin: int, inverted: bool) -> tuple[Put, Close]:
    chip = os.open(device, os.O_RDWR)
    try:
        request = GPIO_REQUEST.pack(pin, b"v2g-responder", 0b1010 if inverted else 0b1000, 1, 0)
        (*_, line) = GPIO_REQUEST.unpack(fcntl.ioctl(chip, GPIO_GET, request))
    finally:
        os.close(chip)
    return lambda up: _called(line, GPIO_SET, struct.pack("=QQ", up, 1)), partial(os.close, line)


def _serial(device: str, line: int, inverted: bool) -> tuple[Put, Close]:
    port = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    def put(up: bool) -> tuple[float, float]:
        return _called(port, SERIAL_SET if up != inverted else SERIAL_CLEAR, struct.pack("=I", line))

    return put, partial(os.close, port)


def _plant(path: str) -> tuple[Put, Close]:
    """The emulated world's line; it says itself when the edge was."""
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    control.settimeout(TIMEOUT_S)
    control.connect(path)
    lines = control.makefile("rb")

    def put(up: bool) -> tuple[float, float]:
        control.sendall(json.dumps({"op": "sync_mark", "args": {"up": up, "marker_a": PLANT_A}}).encode() + b"\n")
        answer = json.loads(lines.readline() or b'{"error": "it ended"}')
        if "error" in answer:
            raise ConnectionError(f"the plant refuses sync_mark: {answer['error']}")
        return answer["ok"], answer["ok"]

    return put, control.close
