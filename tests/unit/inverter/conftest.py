"""A power stage that writes down what it is told, and shows what a test sets."""

from dataclasses import replace

import pytest

from v2g_bench.inverter.nameplate import InverterConfig
from v2g_bench.inverter.port import InverterReading
from v2g_bench.inverter.sunspec import InverterMap


class RecordingStage:
    def __init__(self):
        self.commands = []  # (what, value, now_s)
        self.reading = InverterReading(0.0, 230.0, 50.0, 355.0, 0.0, 50.0, running=False, fault=False)

    def set_ac_power(self, ac_power_w, now_s):
        self.commands.append(("power", ac_power_w, now_s))

    def enable_bridge(self, on, now_s):
        self.commands.append(("bridge", on, now_s))
        self.reading = replace(self.reading, running=on)

    def measure(self):
        return self.reading

    def shows(self, **quantities):
        self.reading = replace(self.reading, **quantities)

    def taken(self):
        """The commands since the last call."""
        commands, self.commands = self.commands, []
        return commands


class Remote:
    """A register map with a pen: writes and reads points by name, in raw numbers, at a time."""

    def __init__(self, inverter):
        self.inverter = inverter

    def write(self, now_s, **points):
        """Keyword names are points with `_` for the dot, as in m704_WSetEna=1; each is a write of its own."""
        for name, raw in points.items():
            key = name[1:].replace("_", ".", 1)
            size = self.inverter._image.point(key).size
            words = [raw & 0xFFFF] if size == 1 else [raw >> 16 & 0xFFFF, raw & 0xFFFF]
            self.inverter.write(self.inverter.address(key), words, now_s)

    def set_power(self, watts, now_s):
        """The four registers that a controller writes at once; SunSpec's sign."""
        words = [1, 1, watts >> 16 & 0xFFFF, watts & 0xFFFF]
        self.inverter.write(self.inverter.address("704.WSetEna"), words, now_s)

    def read(self, key, now_s):
        """A point in engineering units, after a read at that time."""
        self.inverter.read(self.inverter.address(key), self.inverter._image.point(key).size, now_s)
        return self.inverter.value(key)


@pytest.fixture
def stage():
    return RecordingStage()


@pytest.fixture
def build(stage):
    def make(**config):
        inverter = InverterMap(stage, InverterConfig(**config), now_s=0.0)
        stage.taken()
        return Remote(inverter)

    return make


@pytest.fixture
def remote(build):
    return build()
