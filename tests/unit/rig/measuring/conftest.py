"""A rig of fakes: power that comes or does not, instruments that fit or do not; and the bench on it."""

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from v2g_bench.can.columns import nothing_held
from v2g_bench.clock import SimClock
from v2g_bench.errors import BenchError
from v2g_bench.instruments.protocols import DigitizerTiming
from v2g_bench.inverter.port import InverterReading
from v2g_bench.metrology.waveform import Waveform
from v2g_bench.rig.dut.controller import Reply
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.measuring.session import Session
from v2g_bench.rig.parts.calibrated import UNCALIBRATED
from v2g_bench.rig.parts.timing import Edge


class FakeLog:
    marks = 0
    path = Path("no log here")
    gaps = ()

    def since_mark(self):
        return ""

    def mark(self):
        self.marks += 1


class FakeController:
    def __init__(self, world):
        self.world, self.log, self.ran = world, FakeLog(), []

    def run(self, name, **values):
        self.ran.append((name, *values.values()))
        if name == "set_power" and not self.world.refuses:
            self.world.power_w = float(values["power_w"]) * self.world.obeys
        return Reply([name], 1 if self.world.refuses else 0, "", "no" if self.world.refuses else "")

    must = run

    def require_alive(self):
        if self.world.dead:
            raise BenchError("controller", "is not running")


class FakeClock(SimClock):
    """Time passes as the parts let it."""

    def __init__(self, parts):
        super().__init__(100.0)
        self.parts = parts

    def pause(self, for_s):
        self.parts.pause(for_s)

    def wall_minus_bench_s(self):
        return 0.0


class FakeParts:
    """One world: a power, and what each instrument makes of it."""

    def __init__(self):
        self.loaded, self.clock = load_rig("virtual"), FakeClock(self)
        self.power_w, self.obeys, self.refuses, self.dead = 0.0, 1.0, False, False
        self.slots_left_out = 7  # by the tests before
        self.true = {}  # what is true of the pack besides its current
        self.dc_scale, self.ac_scale, self.silent, self.contactors, self.latched = 1.0, 1.0, False, 2.0, 0.0
        self.controller, self.armed = FakeController(self), 0
        self.dut = SimpleNamespace(controller=self.controller, fresh=self.fresh)
        self.world = SimpleNamespace(
            plant=None, faults=None, physical=self.physical, omitted=lambda: self.slots_left_out
        )
        self.status_s = 0.1  # the cycle of what the controller reports of its latches
        db = SimpleNamespace(
            path=Path("fake.dbc"),
            has=lambda role: role in ("trip_latched", "charge_only", "pack_voltage", "pack_current", "contactor_state"),
            resolution=lambda role: 0.01,
            message_of=lambda role: SimpleNamespace(cycle_s=self.status_s),
        )
        self.bus = SimpleNamespace(
            db=db,
            capture=SimpleNamespace(hold=nothing_held),
            latest=lambda role: self.latest_all()[role],
            latest_all=lambda: self.latest_all(),  # noqa: PLW0108  (tests replace it)
            wait_for=self.wait_for,
        )
        self.inverter, self.inverter_scale = SimpleNamespace(reading=self.registers), 1.0
        self.sync = sync = SimpleNamespace(pulse=self.pulse, marks=True)
        self.edges_s, self.time_base, self.late_s = [], 0.0, 0.0
        timing = DigitizerTiming(2e-5, 2e-5, 1e-6, 1e-4, 1e-4, 0.004, "a data sheet")
        digitizer = SimpleNamespace(arm=self.arm, fetch=self.fetch, abort=lambda: None, timing=lambda: timing)
        analyzer = SimpleNamespace(
            series=lambda count: (self.read(fresh=True) for _ in range(count)),
            power_accuracy=lambda power_w: (3.0, "a data sheet"),
        )
        self.instruments = SimpleNamespace(
            meters={}, sync=sync, digitizer=digitizer, analyzer=analyzer, calibrated=lambda name: UNCALIBRATED
        )

    @property
    def pack_a(self):
        return self.power_w * (0.97 if self.power_w > 0 else 1 / 0.97) / 350.0

    def arm(self, *, before_s, after_s, **how):
        self.armed += 1
        self.span_s, self.edges_s = (before_s, after_s), []

    def pulse(self, seen=False):
        if seen:
            self.edges_s.append(self.clock.now_s())
        return Edge(self.clock.now_s(), 5e-6)

    def fetch(self, trigger_s):
        before_s, after_s = self.span_s
        true_s = 2e-5 * (1 + self.time_base)
        times_s = trigger_s + true_s * np.arange(-round(before_s / 2e-5), round(after_s / 2e-5))
        marks = sum((40.0 * ((times_s >= edge_s) & (times_s < edge_s + 0.005)) for edge_s in self.edges_s), 0.0)
        return Waveform(trigger_s - before_s, 2e-5, self.pack_a * self.dc_scale + marks + np.zeros(times_s.size))

    def registers(self):
        scale = self.inverter_scale
        return InverterReading(self.power_w * scale, 230.0, 50.0, 350.0, self.pack_a * scale, math.nan, True, False)

    def read(self, fresh):
        return SimpleNamespace(power_w=self.power_w * self.ac_scale)

    def latest_all(self):
        received = {"pack_voltage": 350.0, "pack_current": self.pack_a, "contactor_state": self.contactors}
        return {} if self.silent else received | {"trip_latched": self.latched, "charge_only": 0.0}

    def wait_for(self, accept, since_s, timeout_s):
        if accept(self.latest_all()):
            return SimpleNamespace(since_s=since_s)
        return self.pause(timeout_s)

    def physical(self):
        return {"pack_voltage": 350.0, "pack_current": self.pack_a} | self.true

    def fresh(self):
        self.power_w = 0.0

    def pause(self, for_s):
        self.clock.advance(for_s + self.late_s)


@pytest.fixture
def parts():
    return FakeParts()


@pytest.fixture
def session(parts):
    return Session(parts)


@pytest.fixture
def bench(session):
    return session.bench
