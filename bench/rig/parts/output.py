"""Two wires that this machine can raise: GPIO pins or a serial port's handshake lines, which differ in the kernel call only.

with open_output(Sync(kind="gpio", device="/dev/gpiochip0", trigger=17, mark=27)) as output:
    output.set(trigger=True, mark=True)     # one call: both edges at once

GPIO after Linux's character device, version 2 (include/uapi/linux/gpio.h); serial after termios (TIOCMBIS, TIOCMBIC).
"""

import fcntl
import os
import struct
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self

from v2g_bench.errors import BenchError
from v2g_bench.rig.file.model import Sync

GET_LINES = 0xC250B407  # _IOWR(0xB4, 0x07, struct gpio_v2_line_request), of 592 bytes
SET_VALUES = 0xC010B40F  # _IOWR(0xB4, 0x0F, struct gpio_v2_line_values), of 16 bytes
REQUEST = struct.Struct("=64I32sQI20x240xII20xi")  # offsets, consumer, flags, attributes (none), lines, events, fd
VALUES = struct.Struct("=QQ")
ACTIVE_LOW, OUTPUT = 1 << 1, 1 << 3

RAISE, LOWER = 0x5416, 0x5417  # TIOCMBIS, TIOCMBIC
LINES = {"dtr": 0x002, "rts": 0x004}


class Output(Protocol):
    """The two wires. A wire that is not named stays as it is."""

    def set(self, *, trigger: bool | None = None, mark: bool | None = None) -> None:
        """Raise or lower wires, all in one call; OSError if the device is gone."""

    def close(self) -> None:
        """Lower both and let them go."""


class _Wires:
    """What both kinds share: who owns a file descriptor, and closing once."""

    def __init__(self, sync: Sync) -> None:
        self._wires = {"trigger": sync.trigger, "mark": sync.mark}
        self._inverted = sync.inverted
        self._fd = -1

    def set(self, *, trigger: bool | None = None, mark: bool | None = None) -> None:
        wanted = {"trigger": trigger, "mark": mark}
        self._put({name: up for name, up in wanted.items() if up is not None and self._wires[name] is not None})

    def close(self) -> None:
        if self._fd >= 0:
            with suppress(OSError):
                self.set(trigger=False, mark=False)
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, levels: dict[str, bool]) -> None:
        raise NotImplementedError


class GpioOutput(_Wires):
    """Pins of a GPIO chip, held as outputs for as long as this is open."""

    def __init__(self, sync: Sync) -> None:
        super().__init__(sync)
        self._names = [name for name, wire in self._wires.items() if wire is not None]
        pins = [self._wires[name] for name in self._names]
        flags = OUTPUT | (ACTIVE_LOW if self._inverted else 0)
        request = REQUEST.pack(*pins, *[0] * (64 - len(pins)), b"v2g-bench", flags, 0, len(pins), 0, 0)
        chip = os.open(sync.device, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._fd = REQUEST.unpack(fcntl.ioctl(chip, GET_LINES, request))[-1]
        finally:
            os.close(chip)

    def _put(self, levels: dict[str, bool]) -> None:
        mask = sum(1 << self._names.index(name) for name in levels)
        bits = sum(up << self._names.index(name) for name, up in levels.items())
        fcntl.ioctl(self._fd, SET_VALUES, VALUES.pack(bits, mask))


class SerialOutput(_Wires):
    """RTS and DTR of a serial port. Opening it raises both for a moment, as Linux does: before anything is armed."""

    def __init__(self, sync: Sync) -> None:
        super().__init__(sync)
        self._fd = os.open(sync.device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self.set(trigger=False, mark=False)
        except OSError:
            os.close(self._fd)
            raise

    def _put(self, levels: dict[str, bool]) -> None:
        for call, wanted in ((RAISE, True), (LOWER, False)):
            chosen = [LINES[str(self._wires[name])] for name, up in levels.items() if (up != self._inverted) is wanted]
            if chosen:
                fcntl.ioctl(self._fd, call, struct.pack("=I", sum(chosen)))


def open_output(sync: Sync) -> GpioOutput | SerialOutput:
    """The wires of a rig's [sync]; BenchError naming the device and what to do."""
    kind = GpioOutput if sync.kind == "gpio" else SerialOutput
    try:
        return kind(sync)
    except OSError as error:
        raise BenchError(f"sync.device: {sync.device}", f"{error.strerror}", _hint(sync, error)) from None


def _hint(sync: Sync, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "gpiodetect names the chips" if sync.kind == "gpio" else "is the port plugged in? dmesg names it"
    if isinstance(error, PermissionError):
        group = "gpio" if sync.kind == "gpio" else "dialout"
        return f"let this user in: sudo usermod -aG {group} $USER, and log in again"
    if sync.kind == "gpio":
        return "gpioinfo says who holds a line, and which there are"
    return "it has no handshake lines that a program may set; take a real serial port, or gpio"
