"""The bench in a test's hand, on a rig of fakes: power that comes or does not, instruments that fit or do not."""

import math
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from v2g_bench.can.columns import nothing_held
from v2g_bench.clock import SimClock
from v2g_bench.errors import BenchError
from v2g_bench.faults import BmsSilence, OverTemperature
from v2g_bench.instruments.protocols import DigitizerTiming
from v2g_bench.inverter.port import InverterReading
from v2g_bench.metrology.waveform import Waveform
from v2g_bench.rig.dut.controller import Reply
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.file.model import BmsAccuracy
from v2g_bench.rig.measuring.bench import RATED_W, NotAtPower
from v2g_bench.rig.measuring.pack import FULL_PCT, nearly_full_pct
from v2g_bench.rig.measuring.session import Session
from v2g_bench.rig.parts.calibrated import UNCALIBRATED
from v2g_bench.rig.parts.timing import Edge, Timestamp


class FakeLog:
    marks = 0
    path = Path("no log here")

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


def test_a_release_that_shows_on_the_bus_later_is_asked_for_once(bench, parts):
    parts.latched, run, released_s = 1.0, parts.controller.run, []

    def releases_in_200_ms(name, **values):
        if name == "reset_trip":
            released_s.append(parts.clock.now_s() + 0.2)
        return run(name, **values)

    parts.controller.run = releases_in_200_ms
    pause = parts.pause
    parts.pause = lambda for_s: (pause(for_s), parts.clock.now_s() > min(released_s) and setattr(parts, "latched", 0.0))
    with bench.at_power(-3000):
        assert [ran[0] for ran in parts.controller.ran] == ["reset_trip", "set_power"]


def test_frames_that_were_left_out_count_from_the_test_s_begin(session, parts):
    session.prepare()
    assert session.omitted() == 0
    parts.slots_left_out += 3
    assert session.omitted() == 3


def test_the_power_is_there_inside_and_gone_after(bench, parts):
    with bench.at_power(-3000):
        assert parts.power_w == -3000
    assert parts.power_w == 0


def test_it_is_gone_after_an_error_as_well(bench, parts):
    with pytest.raises(ZeroDivisionError), bench.at_power(-3000):
        raise ZeroDivisionError
    assert parts.power_w == 0


def test_rated_is_what_the_rig_allows_in_either_direction(bench, parts):
    for sign in (1, -1):
        with bench.at_power(sign * RATED_W):
            assert parts.power_w == sign * 11_000


@pytest.mark.parametrize(("obeys", "refuses"), [(0.5, False), (-1.0, False), (0.0, False), (1.0, True)])
def test_a_controller_that_does_not_bring_the_power_starts_no_test(bench, parts, obeys, refuses):
    parts.obeys, parts.refuses = obeys, refuses
    with pytest.raises(NotAtPower, match="asked for -3000 W"), bench.at_power(-3000):
        pytest.fail("the test began")


def test_beyond_the_rating_nothing_is_asked_for(bench, parts):
    with pytest.raises(BenchError, match="max_power_w"), bench.at_power(-12_000):
        pass
    assert parts.controller.ran == []


def on_this_rig(parts, monkeypatch, **parts_of_the_rig):
    """A bench on a rig with other parts, whose injector only says what it was asked for."""
    parts.loaded = SimpleNamespace(rig=parts.loaded.rig.model_copy(update=parts_of_the_rig))
    bench, injected = Session(parts).bench, []

    @contextmanager
    def active(faults, phase_s, meanwhile, *, alone):
        injected.extend(faults)
        yield SimpleNamespace(on_bus=Timestamp(100.0, 1e-4, "a stamp"))

    monkeypatch.setattr(bench._faults._injector, "active", active)
    return bench, injected


REAL_BMS = load_rig("hardware-example").rig.bms
TWO_BUSES, ONE_BUS = load_rig("hardware-example").rig.bus, load_rig("virtual").rig.bus


@pytest.mark.parametrize(("status_s", "shown_s"), [(0.1, 0.3), (0.5, 1.5), (0.0, 0.3)])
def test_a_release_is_waited_for_as_long_as_the_database_sends_it(session, parts, status_s, shown_s):
    parts.status_s, parts.latched = status_s, 1.0
    assert session.bench.controller.latches.shown_s() == shown_s
    before_s = parts.clock.now_s()
    assert not session._latches.released()
    assert parts.clock.now_s() - before_s == pytest.approx(shown_s, abs=0.03)


@pytest.mark.parametrize("step_pct", [0.01, 0.1, 0.25, 0.4, 0.5, 1.0])
def test_a_nearly_full_pack_is_not_shown_as_full_and_soon_will_be(step_pct):
    nearly_pct = nearly_full_pct(step_pct)
    shown = [round(soc_pct / step_pct) * step_pct for soc_pct in (nearly_pct, nearly_pct + 0.002)]
    assert shown[0] < FULL_PCT <= round(shown[1], 6)


@pytest.mark.parametrize("to_c", [61.0, 70.0, 125.0])
@pytest.mark.parametrize(
    "rig", [{}, {"bus": TWO_BUSES}, {"bms": REAL_BMS, "bus": TWO_BUSES}], ids=["emulated", "gateway", "real, gateway"]
)
def test_a_stimulus_that_heats_no_cell_has_no_limit(parts, monkeypatch, rig, to_c):
    bench, injected = on_this_rig(parts, monkeypatch, **rig)
    fault = OverTemperature(cell=1, to_c=to_c)
    with bench.inject(fault), bench.inject(fault):  # the second while the bus shows the first
        assert injected == [fault, fault]


def test_where_a_real_bms_is_heard_directly_the_battery_itself_would_be_so_hot(parts, monkeypatch):
    bench, injected = on_this_rig(parts, monkeypatch, bms=REAL_BMS, bus=ONE_BUS)
    with pytest.raises(BenchError, match="max_cell_temperature_c"), bench.inject(OverTemperature(cell=1, to_c=61)):
        pass
    assert injected == []
    with bench.inject(OverTemperature(cell=1, to_c=59)):
        assert injected


@pytest.mark.parametrize("true_c", [61.0, 300.0, math.nan])
def test_while_the_pack_itself_is_beyond_the_envelope_nothing_is_injected(parts, monkeypatch, true_c):
    bench, injected = on_this_rig(parts, monkeypatch)
    parts.true = {"cell_temperature_max": true_c}
    with pytest.raises(BenchError, match=r"is not injected.*max_cell_temperature_c"), bench.inject(BmsSilence()):
        pass
    assert injected == []


def test_a_power_that_is_no_number_is_not_asked_for(bench, parts):
    with pytest.raises(BenchError, match="max_power_w"), bench.at_power(math.nan):
        pass
    assert parts.controller.ran == []


def test_the_current_of_a_power_is_judged_by_the_pack_s_true_voltage(bench, parts):
    """8,000 W are 22.9 A at the 350 V that the bus shows, and 53 A at 150 V: the rig states 45 A."""
    parts.true = {"pack_voltage": 150.0}
    with pytest.raises(BenchError, match="max_current_a"), bench.at_power(-8000):
        pass
    assert parts.controller.ran == []


@pytest.mark.parametrize(("scale", "message"), [(0.5, "the digitizer shows -4.4"), (-1.0, "the digitizer shows 8.8")])
@pytest.mark.parametrize("marks", [True, False], ids=["line at the input", "trigger alone"])
def test_a_digitizer_that_contradicts_the_bms_ends_the_test(bench, parts, scale, message, marks):
    parts.dc_scale, parts.sync.marks = scale, marks
    with pytest.raises(BenchError, match=message), bench.at_power(-3000):
        pytest.fail("the test began")
    assert parts.power_w == 0


def test_without_the_line_at_its_input_a_sound_digitizer_lets_the_test_begin(bench, parts):
    parts.sync.marks = False
    with bench.at_power(-3000):
        assert parts.armed == 1, "its current was compared, its time base was not"


@pytest.mark.parametrize("time_base", [0.001, -0.001, 0.02, 0.1, 0.2, -0.3])
def test_a_digitizer_with_a_wrong_time_base_starts_no_test(bench, parts, time_base):
    parts.time_base = time_base
    with pytest.raises(BenchError, match="two edges of the sync line"), bench.at_power(-3000):
        pytest.fail("the test began")
    assert parts.power_w == 0


def test_a_second_edge_that_never_comes_in_time_is_said(bench, parts):
    parts.late_s = 0.05
    with pytest.raises(BenchError, match="came too late"), bench.at_power(-3000):
        pytest.fail("the test began")


def test_witnesses_are_heard_once_a_test(bench, parts):
    for _ in range(3):
        with bench.at_power(-3000):
            pass
    assert parts.armed == 1
    with Session(parts).bench.at_power(-3000):
        pass
    assert parts.armed == 2


def test_where_the_power_is_not_there_nobody_is_heard(bench, parts):
    parts.obeys = 0.0
    with bench.power.asking(-3000):
        pass
    assert parts.armed == 0


@pytest.mark.parametrize(
    ("scale", "message"), [(1.2, "more comes out"), (0.5, "more is lost"), (-1.0, "different directions")]
)
def test_an_analyzer_that_shows_what_cannot_be_is_not_believed(bench, parts, scale, message):
    parts.ac_scale = scale
    with bench.at_power(-3000), pytest.raises(BenchError, match=message):
        bench.readings.ac_power()


def test_the_analyzer_is_read_with_its_accuracy(bench):
    with bench.at_power(-3000):
        reading = bench.readings.ac_power()
    assert reading.value == -3000
    assert reading.uncertainty.u == pytest.approx(3.0 / math.sqrt(3))


def accurate(parts, **stated):
    """The same rig, whose file states other accuracies of the BMS."""
    bms = load_rig("virtual").rig.bms
    rig = load_rig("virtual").rig.model_copy(update={"bms": bms.model_copy(update={"accuracy": BmsAccuracy(**stated)})})
    parts.loaded = SimpleNamespace(rig=rig)
    return Session(parts).bench


def test_the_dc_power_is_as_uncertain_as_the_rig_file_states_of_the_voltage(parts):
    """-3000 W are 8.8 A at 350 V: half a percent of 350 V, and half a count of 0.01 V, as a rectangle."""
    found = {}
    for pct in (0.5, 20.0):
        bench = accurate(parts, voltage_pct=pct)
        with bench.at_power(-3000):
            power = bench.readings.pack_power()
        (line,) = [part for part in power.budget.components if part.name == "voltage"]
        assert line.u == pytest.approx((pct / 100 * 350.0 + 0.005) / math.sqrt(3))
        assert line.source == "rig file: bms.accuracy"
        found[pct] = power.uncertainty.expanded
    assert found[20.0] > 30 * found[0.5]


def test_what_the_rig_file_does_not_state_is_called_an_assumption(parts):
    bench = accurate(parts, current_pct=1.0)
    with bench.at_power(-3000):
        power = bench.readings.pack_power()
    (line,) = [part for part in power.budget.components if part.name == "voltage"]
    assert line.source == "assumed, not in the rig file: bms.accuracy voltage_pct = 0.5"


@pytest.mark.parametrize(("current_pct", "starts"), [(1.0, False), (5.0, True)])
def test_what_contradicts_the_bms_is_a_matter_of_its_accuracy_by_the_rig_file(parts, current_pct, starts):
    parts.dc_scale = 1.2
    bench = accurate(parts, current_pct=current_pct, current_a=0.1)
    with nullcontext() if starts else pytest.raises(BenchError, match="contradict each other"), bench.at_power(-3000):
        assert starts


@pytest.mark.parametrize(("stated", "fits"), [({"current_pct": 1.0}, False), ({"current_pct": 20.0}, True)])
def test_what_comes_out_of_the_converter_is_a_matter_of_the_bms_s_accuracy(parts, stated, fits):
    """3390 W out of 3093 W cannot be, where the 3093 W are known to 2 %; where they are known to 20 %, they can."""
    parts.ac_scale = 1.13
    bench = accurate(parts, **stated)
    with bench.at_power(-3000), nullcontext() if fits else pytest.raises(BenchError, match="more comes out"):
        assert bench.readings.ac_power().value == pytest.approx(-3390)


def test_a_silent_bms_bears_no_witness(bench, parts):
    with bench.at_power(-3000):
        parts.silent, parts.ac_scale = True, 0.5
        assert bench.readings.ac_power().value == -1500


def test_a_bms_under_a_fault_bears_no_witness_and_the_log_counts_from_the_fault_on(bench, parts, monkeypatch):
    @contextmanager
    def active(faults, phase_s, meanwhile, *, alone):
        yield SimpleNamespace(on_bus=Timestamp(100.0, 1e-4, "a stamp"))

    monkeypatch.setattr(bench._faults._injector, "active", active)
    with bench.at_power(-3000):
        parts.ac_scale = 0.5
        with bench.inject(OverTemperature(cell=1, to_c=50)):
            assert bench.readings.ac_power().value == -1500
        assert parts.controller.log.marks == 1
        with pytest.raises(BenchError, match="contradict"):
            bench.readings.ac_power()


def test_a_welded_contactor_and_a_dead_controller_end_no_test_well(session, parts):
    session.require_good()
    parts.contactors = 3.0
    with pytest.raises(BenchError, match="welded"):
        session.require_good()
    parts.contactors, parts.dead = 0.0, True
    with pytest.raises(BenchError, match="is not running"):
        session.require_good()


def test_a_controller_that_takes_no_command_is_not_ready(session, parts):
    parts.refuses = True
    with pytest.raises(BenchError, match="takes no power command within 10 s\n  no"):
        session.prepare()


@pytest.mark.parametrize("late", ["trip_latched", "charge_only"])
def test_a_controller_of_which_a_latch_was_not_heard_yet_is_waited_for(session, parts, late):
    received, received_from_s = parts.latest_all, parts.clock.now_s() + 0.5
    parts.latest_all = lambda: {
        role: value for role, value in received().items() if role != late or parts.clock.now_s() >= received_from_s
    }
    session.prepare()
    assert parts.clock.now_s() == pytest.approx(received_from_s, abs=0.03)
    assert {words[0] for words in parts.controller.ran} == {"set_power"}


def test_latches_are_released_before_a_test_begins(session, parts):
    parts.latched = 1.0
    with pytest.raises(BenchError):
        session.prepare()
    assert ("reset_trip",) in parts.controller.ran
    assert not [words for words in parts.controller.ran[:5] if words[0] == "set_power"]


def test_a_power_that_must_not_come_is_watched_from_the_moment_it_is_asked_for(bench, parts):
    asked = []
    with bench.power.watch.once(-3000, 1.0) as trace:
        asked = [words for words in parts.controller.ran if words[0] == "set_power"]
        assert parts.armed == 1, "the record runs before anything is asked for"
    assert asked == [("set_power", "-3000")]
    assert parts.controller.ran[-1] == ("set_power", "0")
    assert parts.span_s[1] == 3.0, "as long as a busy machine may take to begin"
    assert trace is not None


def test_what_the_rig_grants_is_waited_for_and_no_longer(bench, parts):
    before_s = parts.clock.now_s()
    bench.power.granted()
    assert parts.clock.now_s() - before_s == pytest.approx(parts.loaded.rig.judging.fallback_s)


def test_a_fault_that_ends_before_another_leaves_the_other_in_force(bench, monkeypatch):
    @contextmanager
    def active(faults, phase_s, meanwhile, *, alone):
        yield SimpleNamespace(on_bus=Timestamp(100.0, 1e-4, "a stamp"))

    monkeypatch.setattr(bench._faults._injector, "active", active)
    hot, silent = OverTemperature(cell=1, to_c=50), BmsSilence()
    first = bench.inject(hot)
    first.__enter__()
    with bench.inject(silent):
        first.__exit__(None, None, None)
        assert bench._faults.in_force == [silent]
        assert bench.readings._cross_check.roles() == set(), "a silent BMS bears no witness"
    assert bench.readings._cross_check.roles() == {"pack_current", "pack_voltage", "soc"}
