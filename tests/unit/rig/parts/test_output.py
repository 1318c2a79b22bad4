"""The wires that the bench raises: what goes to the kernel, in one call, and what is said where there is no such wire."""

import fcntl
import os
import struct

import pytest

from v2g_bench.errors import BenchError
from v2g_bench.rig.file.model import Sync
from v2g_bench.rig.parts import output
from v2g_bench.rig.parts.output import GET_LINES, LOWER, RAISE, REQUEST, SET_VALUES, open_output

GPIO = Sync(kind="gpio", device="/dev/null", trigger=17, mark=27)
SERIAL = Sync(kind="serial", device="/dev/null", trigger="rts", mark="dtr")
RTS, DTR = 0x004, 0x002


@pytest.fixture
def calls(monkeypatch):
    """What reaches the kernel: (call, values) of each ioctl; a request for lines is answered with a descriptor."""
    seen = []

    def ioctl(fd, call, values):
        os.fstat(fd)  # an open one
        seen.append((call, values))
        if call == GET_LINES:
            return values[:-4] + struct.pack("=i", os.open("/dev/null", os.O_RDWR))
        return values

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    return seen


def test_gpio_pins_are_taken_as_outputs_and_go_low_at_the_end(calls):
    with open_output(GPIO) as wires:
        wires.set(trigger=True)
    (_, request), *rest = calls
    *offsets, consumer, flags, attributes, lines, _, _ = REQUEST.unpack(request)
    assert (offsets[:3], consumer.rstrip(b"\0"), flags, attributes, lines) == ([17, 27, 0], b"v2g-bench", 1 << 3, 0, 2)
    assert rest == [(SET_VALUES, struct.pack("=QQ", 0b01, 0b01)), (SET_VALUES, struct.pack("=QQ", 0b00, 0b11))]


def test_both_wires_rise_in_one_call(calls):
    with open_output(GPIO) as gpio:
        del calls[:]
        gpio.set(trigger=True, mark=True)
        assert calls == [(SET_VALUES, struct.pack("=QQ", 0b11, 0b11))]
    with open_output(SERIAL) as serial:
        del calls[:]
        serial.set(trigger=True, mark=True)
        assert calls == [(RAISE, struct.pack("=I", RTS | DTR))]


def test_a_wire_that_is_not_named_stays_as_it_is(calls):
    with open_output(SERIAL) as serial:
        del calls[:]
        serial.set(mark=True)
        serial.set(trigger=True, mark=False)
        assert calls == [
            (RAISE, struct.pack("=I", DTR)),
            (RAISE, struct.pack("=I", RTS)),
            (LOWER, struct.pack("=I", DTR)),
        ]


def test_a_wire_that_the_rig_has_not_is_never_touched(calls):
    with open_output(GPIO.model_copy(update={"mark": None})) as wires:
        del calls[:]
        wires.set(trigger=True, mark=True)
        assert calls == [(SET_VALUES, struct.pack("=QQ", 1, 1))]


def test_inverted_wires_rest_high(calls):
    with open_output(SERIAL.model_copy(update={"inverted": True})) as serial:
        assert calls == [(RAISE, struct.pack("=I", RTS | DTR))]  # at rest
        del calls[:]
        serial.set(trigger=True)
        assert calls == [(LOWER, struct.pack("=I", RTS))]
    del calls[:]
    open_output(GPIO.model_copy(update={"inverted": True})).close()
    assert REQUEST.unpack(calls[0][1])[65] == (1 << 3 | 1 << 1)  # the kernel inverts


def test_closing_twice_is_closing_once(calls):
    wires = open_output(GPIO)
    wires.close()
    count = len(calls)
    wires.close()
    assert len(calls) == count


@pytest.mark.parametrize(
    ("sync", "what", "hint"),
    [
        (GPIO.model_copy(update={"device": "/dev/no-such-chip"}), "No such file", "gpiodetect"),
        (SERIAL.model_copy(update={"device": "/dev/no-such-port"}), "No such file", "plugged in"),
        (GPIO, "Inappropriate ioctl", "gpioinfo"),
        (SERIAL, "Inappropriate ioctl", "real serial port"),
    ],
)
def test_a_device_without_such_wires_is_refused_with_its_mend(sync, what, hint):
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(BenchError) as reported:
        open_output(sync)
    assert reported.value.where == f"sync.device: {sync.device}"
    assert what in reported.value.what
    assert hint in reported.value.hint
    assert len(os.listdir("/proc/self/fd")) == len(before)


@pytest.mark.parametrize(("sync", "group"), [(GPIO, "gpio"), (SERIAL, "dialout")])
def test_who_may_not_is_told_which_group_may(sync, group, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(output.os, "open", refuse)
    with pytest.raises(BenchError) as reported:
        open_output(sync)
    assert f"usermod -aG {group} " in reported.value.hint
