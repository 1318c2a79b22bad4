import time
from types import SimpleNamespace

import numpy as np
import pytest

from v2g_bench.clock import SimClock
from v2g_bench.errors import BenchError
from v2g_bench.instruments import emulated
from v2g_bench.instruments.keithley_dmm6500 import KeithleyDMM6500
from v2g_bench.instruments.keysight_34465a import Keysight34465A
from v2g_bench.instruments.keysight_infiniivision import KeysightInfiniiVision
from v2g_bench.instruments.session import ScpiSession

# A digitizer as a rig file names it: its driver, and the shunt (ohm) or current probe (V/A) that it has in these tests.
DIGITIZERS = {
    "keysight-34465a": (Keysight34465A, 0.001),
    "keithley-dmm6500": (KeithleyDMM6500, 0.001),
    "keysight-infiniivision": (KeysightInfiniiVision, 0.1),
}
ARM = {"sample_rate_hz": 50e3, "before_s": 0.05, "after_s": 0.1}


def record(driver, meter, clock, rig, after_edge_s=0.03, **arm):
    """(edge, waveform): one record around an edge now; the current stops `after_edge_s` later."""
    driver.arm(**(ARM | arm))
    edge_s = clock.now_s()
    meter.external_trigger(edge_s)
    rig.stop_s = edge_s + after_edge_s
    clock.advance(after_edge_s)
    return edge_s, driver.fetch(edge_s)


class Rig:
    """What the meters touch: 10 A that stop at `stop_s`, and an AC side."""

    def __init__(self):
        self.stop_s = 1e9
        self.current_a = 10.0
        self.ac_current_a = 13.0
        self.power_w = -3000.0

    def dc_current(self, t):
        return np.where(t < self.stop_s, self.current_a, 0.0)

    def ac(self, t_from_s, t_to_s):
        return SimpleNamespace(power_w=self.power_w, voltage_v=230.0, current_a=self.ac_current_a, frequency_hz=50.0)


class DirectLink:
    """Stands for the wire: executes messages on an emulated instrument, in virtual time."""

    def __init__(self, instrument, clock):
        self.instrument, self.clock = instrument, clock
        self.answers = []
        self.opened = 0
        self.waits = False
        self.message = 0
        self.unasked = None  # (how many answers until it comes, ahead of the next one, what)
        self.unseen = False  # whatever stands there comes just after each look

    def open(self, timeout_s):
        self.opened += 1
        self.unseen = False
        return ""

    def close(self):
        self.answers.clear()

    def clear(self, timeout_s):
        self.answers.clear()
        self.waits = False

    def drop(self):
        pass

    def left_over(self, timeout_s):
        return self.surplus()

    def surplus(self):
        return repr(b"".join(self.answers)) if self.answers and not self.unseen else ""

    def write(self, data, timeout_s):
        if self.waits:  # an instrument takes no further message while one is not done
            return
        run = self.instrument.execute(data.decode("latin-1").rstrip("\n"))
        deadline_s = self.clock.now_s() + 20.0
        while not run.advance(self.clock.now_s()):
            wait_s = run.due_s - self.clock.now_s()
            self.clock.advance(min(max(wait_s, 1e-6), 0.01))
            if self.clock.now_s() > deadline_s:
                self.waits = True
                return
        if run.response is not None:
            self._say_unasked()
            self.answers.append(run.response)

    def _say_unasked(self):
        if self.unasked and self.unasked[0] == self.message:
            self.answers.append(self.unasked[1])
            self.unseen = True
        self.message += 1

    def read(self, answer, timeout_s):
        if not self.answers:
            raise TimeoutError(f"nothing came within {timeout_s} s")
        answer.feed(self.answers.pop(0))
        answer.end()


def unasked_at_any_moment(session, measure, line):
    """Let `line` come unasked once, ahead of each of the answers of a measurement in turn, and late, so that no look at
    the wire sees it or what it pushes aside: at most one measurement is an error, and the next one is right. `measure`
    asserts that what it got is. (What the BenchErrors said, how many answers a measurement has.)
    """
    failed, moment, link = [], 0, session._link
    while True:
        message = link.message
        link.unasked = (message + moment, line)
        try:
            measure()
            if link.unseen:  # it came behind all that this one stands on, and is left for the next
                measure()
        except BenchError as error:
            failed.append(str(error))
        if link.message <= message + moment:  # the measurement has no such answer
            return failed, moment
        measure()
        assert not link.unseen
        moment += 1


@pytest.fixture
def clock(monkeypatch):
    """A simulated clock that sleeping advances."""
    clock = SimClock(100.0)
    monkeypatch.setattr(time, "sleep", clock.advance)
    return clock


@pytest.fixture
def rig():
    return Rig()


@pytest.fixture
def direct_session(clock, monkeypatch):
    """direct_session(instrument, **options): a ScpiSession whose wire is a DirectLink."""

    def make(instrument, **options):
        monkeypatch.setattr("v2g_bench.instruments.session.VisaLink", lambda *_: DirectLink(instrument, clock))
        return ScpiSession("DIRECT", clock=clock, **options)

    return make


@pytest.fixture
def digitizer(rig, clock, direct_session):
    """digitizer(name, **options of the driver): (driver, emulated meter). own: options of the emulator."""

    def make(name, seed=1, own=None, **options):
        driver, shunt_ohm = DIGITIZERS[name]
        meter = emulated.emulate(name, probe=rig, clock=clock, shunt_ohm=shunt_ohm, seed=seed, **(own or {}))
        return driver(direct_session(meter), **({"shunt_ohm": shunt_ohm} | options)), meter

    return make
