"""A fault counts from the frame that shows it, never from the asking, and it is taken back whatever happens."""

from types import SimpleNamespace

import pytest

from v2g_bench.can.columns import FrameStore
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.can.values import newest
from v2g_bench.clock import SimClock
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.errors import BenchError, NotTested
from v2g_bench.evidence.record import Shown
from v2g_bench.faults import (
    BmsSilence,
    DominantShort,
    EmiNoise,
    Expectation,
    OverTemperature,
    SocDivergence,
    ThermalGradient,
)
from v2g_bench.rig.file.load import load_rig
from v2g_bench.rig.measuring.injection import HEALTHY_S, READBACK_S, Injector
from v2g_bench.rig.parts.timing import Timestamp

DB = BusDatabase.load(dbc_path("v2g_bms_fd"), read_roles(roles_path("v2g_bms_fd")))
TICK_S = 0.01
HOT = OverTemperature(cell=1, to_c=50)


class WorldClock(SimClock):
    """A pause is so many ticks of the world."""

    def __init__(self, world):
        super().__init__(100.0)
        self.world = world

    def pause(self, for_s):
        self.world.pause(for_s)


class World:
    """A bus that a BMS sends to, a plant that disturbs both as it is asked (or not), and a clock that brings them on."""

    def __init__(self):
        self.clock, self.store, self.ticks = WorldClock(self), FrameStore(), 0
        capture = SimpleNamespace(frames=self.store_since, holding=self.holding)
        self.bus = SimpleNamespace(
            db=DB,
            capture=capture,
            latest_all=self.latest_all,
            wait_for=self.wait_for,
            timestamp=self.timestamp,
            require_good=lambda: None,
        )
        self.world = SimpleNamespace(plant=None, faults=self)
        self.safety = SimpleNamespace(allow_silence=self.allow_silence)
        self.loaded = load_rig("virtual")
        self.healthy = {"cell_temperature_max": 25.0, "cell_temperature_min": 24.0, "soc": 60.0, "pack_voltage": 350.0}
        self.asked, self.cleared, self.in_force, self.counts = [], [], {}, 0.1
        self.late = {}  # of one kind of fault alone
        self.alone = []  # whether each came without what a BMS derives of it
        self.silences = []  # what the supervisor was told
        self.late_s, self.ignores, self.sticks, self.silent, self.silent_after = 0.0, False, False, False, False

    def allow_silence(self, allowed):
        self.silences.append(allowed)

    def inject(self, fault, at_s, *, alone=False):
        self.asked.append((fault, at_s))
        self.alone.append(alone)
        if not self.ignores:
            self.in_force[len(self.asked)] = (fault, at_s + self.late.get(type(fault), self.late_s))
        return len(self.asked)

    def clear(self, injection):
        self.cleared.append(injection)
        self.silent = self.silent_after
        if not self.sticks:
            self.in_force.pop(injection, None)

    def tick(self):
        self.clock.advance(TICK_S)
        self.ticks += 1
        now_s = self.clock.now_s()
        faults = [fault for fault, from_s in self.in_force.values() if now_s >= from_s - 1e-9]
        if self.silent or any(isinstance(fault, BmsSilence) for fault in faults):
            return
        values = dict(self.healthy)
        for fault in faults:
            values |= {role: self.counts * round(v / self.counts) for role, v in fault.signals(self.healthy).items()}
        lossy = any(isinstance(fault, EmiNoise) for fault in faults)
        for spec in DB.senders("BMS"):
            if spec.cycle_s > 0 and self.ticks % round(spec.cycle_s / TICK_S) == 0:
                self.put(now_s, spec.name, values, lost=lossy and (self.ticks // round(spec.cycle_s / TICK_S)) % 2)

    def put(self, timestamp_s, name, values, lost=False):
        roles = {role: value for role, value in values.items() if DB.message_of(role).name == name}
        frame = DB.encode(name, roles, self.ticks)
        if not lost:
            self.store.append(timestamp_s, -1, frame.arbitration_id, 0, len(frame.data), bytes(frame.data))

    def store_since(self, since_s):
        return self.store.since(since_s)

    def holding(self, since_s):
        return self.store.holding(since_s)

    def pause(self, for_s):
        for _ in range(round(for_s / TICK_S)):
            self.tick()

    def latest_all(self):
        return newest(DB, self.store.since(self.clock.now_s() - 1.0))

    def wait_for(self, accept, since_s, timeout_s):
        place, until_s = self.store.index_since(since_s), self.clock.now_s() + timeout_s
        while True:
            while place < len(self.store):
                frame = self.store.frame(place)
                place += 1
                if accept(DB.decode(frame.message())):
                    return frame
            if self.clock.now_s() >= until_s:
                return None
            self.tick()

    def timestamp(self, time_s):
        return Timestamp(time_s, 1e-4, "a stamp")

    def shows(self, role):
        return newest(DB, self.store.since(self.clock.now_s() - 0.05))[role]


@pytest.fixture
def world():
    made = World()
    made.pause(1.0)
    return made


def on_bus(world, fault, phase_s=0.0):
    """The stamp that the injector gives, and the time at which it was asked."""
    asked_s = world.clock.now_s()
    with Injector(world).active([fault], phase_s) as active:
        assert active.fault is fault
        return active.on_bus, asked_s


@pytest.mark.parametrize(("phase_s", "late_s"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.7), (0.3, 4.9)])
def test_t0_is_the_first_frame_that_shows_it(world, phase_s, late_s):
    world.late_s = late_s
    timestamp, asked_s = on_bus(world, HOT, phase_s)
    assert world.asked == [(HOT, pytest.approx(asked_s + phase_s))]
    assert timestamp.time_s == pytest.approx(max(asked_s + phase_s + late_s, asked_s + TICK_S), abs=TICK_S)
    assert timestamp.time_s in [frame_s for frame_s, value in temperatures(world) if value == 50.0]
    assert not [value for frame_s, value in temperatures(world) if frame_s < timestamp.time_s and value != 25.0]


def temperatures(world):
    spec = DB.message_of("cell_temperature_max")
    frames = world.store.since(0.0).of(spec.frame_id)
    decoded = [frames.frame(place) for place in range(len(frames))]
    return [(frame.timestamp_s, DB.decode(frame.message())["cell_temperature_max"]) for frame in decoded]


@pytest.mark.parametrize("alone", [True, False])
def test_whether_it_comes_alone_is_asked_of_the_emulated_bms(world, alone):
    with Injector(world).active([HOT], 0.0, alone=alone):
        assert world.alone == [alone]


def test_the_fault_is_there_inside_and_gone_after(world):
    with Injector(world).active([HOT], 0.0):
        assert world.shows("cell_temperature_max") == 50
        assert world.cleared == []
    assert world.cleared == [1]
    assert world.shows("cell_temperature_max") == 25


def test_it_is_taken_back_after_an_error_as_well_and_the_error_is_what_is_told(world):
    world.sticks = True
    with pytest.raises(ZeroDivisionError), Injector(world).active([HOT], 0.0):
        raise ZeroDivisionError
    assert world.cleared == [1]


def test_a_frame_from_before_the_asking_proves_nothing(world):
    world.put(world.clock.now_s() - 0.5 * TICK_S, "BMS_Safety", {"cell_temperature_max": 50.0})
    world.tick()
    timestamp, asked_s = on_bus(world, HOT, 0.2)
    assert timestamp.time_s >= asked_s + 0.2


@pytest.mark.parametrize("fault", [HOT, SocDivergence(by_pct=10), EmiNoise(loss_pct=50), BmsSilence()])
def test_what_never_comes_is_an_error_and_is_taken_back(world, fault):
    world.ignores = True
    with (
        pytest.raises(BenchError, match=rf"fault {fault.kind}: not seen on the bus within {READBACK_S:.1f} s"),
        Injector(world).active([fault], 0.0),
    ):
        pytest.fail("the test began")
    assert world.cleared == [1]


def test_a_fault_later_than_the_bound_is_not_waited_for(world):
    world.late_s = READBACK_S + 1.0
    with pytest.raises(BenchError, match="not seen on the bus"), Injector(world).active([HOT], 0.0):
        pytest.fail("the test began")
    assert world.cleared == [1]


def test_less_than_asked_for_is_no_proof(world):
    world.healthy["cell_temperature_max"] = 49.8
    world.ignores = True
    with pytest.raises(BenchError, match="cell_temperature_max >= 50"), Injector(world).active([HOT], 0.0):
        pytest.fail("the test began")


def test_a_ramp_and_a_phase_are_waited_for(world):
    slow = OverTemperature(cell=1, to_c=50, ramp_k_per_s=2.5)  # 10 s from 25 degC
    world.late_s = 9.9
    timestamp, asked_s = on_bus(world, slow, 6.0)
    assert timestamp.time_s == pytest.approx(asked_s + 15.9, abs=TICK_S)


@pytest.mark.parametrize(
    ("fault", "known"),
    [
        (HOT, {"cell_temperature_max": 25.0}),
        (SocDivergence(by_pct=10), {"soc": 60.0}),
        (ThermalGradient(to_k=9), {"cell_temperature_max": 25.0, "cell_temperature_min": 24.0}),
    ],
)
def test_the_stamp_says_what_the_frame_had_to_show(world, fault, known):
    timestamp, asked_s = on_bus(world, fault, 0.2)
    shown, readback = timestamp.shown, fault.readback()
    assert shown.before == pytest.approx(known)
    assert shown.asked_s == asked_s
    assert (shown.role, shown.op, shown.value) == (readback.role, readback.op, readback.value)
    assert (timestamp.half_width_s, timestamp.source) == (1e-4, "a stamp")


class Split(SocDivergence):
    """Its readback is a difference of two signals that the BMS sends in two messages."""

    def readback(self):
        return Expectation("soc", ">=", 69.0, minus="contactor_state")


def test_a_difference_of_signals_in_two_messages_is_seen(world):
    timestamp, asked_s = on_bus(world, Split(by_pct=10), 0.2)
    assert timestamp.time_s == pytest.approx(asked_s + 0.2, abs=2 * TICK_S)


def test_what_is_injected_and_stated_is_what_the_signal_can_carry(world):
    with Injector(world).active([OverTemperature(cell=1, to_c=50.23)], 0.0) as active:
        assert active.fault == OverTemperature(cell=1, to_c=50.2)
        assert (active.on_bus.shown.value, active.on_bus.shown.tolerance) == (50.2, 0.025)


@pytest.mark.parametrize("late_s", [0.0, 0.5])
def test_a_silence_counts_from_its_last_frame(world, late_s):
    world.late_s = late_s
    timestamp, asked_s = on_bus(world, BmsSilence(), 0.2)
    timestamps_s = world.store.since(0.0).timestamp_s
    last_s = float(timestamps_s[timestamps_s <= timestamp.time_s][-1])
    assert timestamp.time_s == pytest.approx(last_s, abs=1e-5)
    assert (
        timestamps_s[timestamps_s > timestamp.time_s][0] > last_s + 0.05
    )  # then nothing for as long as the readback asks
    assert last_s == pytest.approx(asked_s + 0.2 + late_s - TICK_S, abs=0.6 * TICK_S)
    assert timestamp.shown == Shown(silence=True)
    assert world.silences == [True, False]


def test_a_bms_that_was_silent_already_is_not_silenced(world):
    world.silent = True
    world.pause(2.0)
    with pytest.raises(BenchError, match="silent before it was silenced"), Injector(world).active([BmsSilence()], 0.0):
        pytest.fail("the test began")
    assert world.cleared == [1]


def test_noise_is_proven_by_the_traffic_from_the_injection_on(world):
    noise = EmiNoise(loss_pct=50)
    timestamp, asked_s = on_bus(world, noise, 0.2)
    assert timestamp.time_s == pytest.approx(asked_s + 0.2)
    assert world.clock.now_s() > asked_s + 0.2


def test_too_little_noise_is_no_proof_and_what_was_seen_is_told(world):
    with (
        pytest.raises(BenchError, match="lost_pct in .*\n  what was seen: .*received="),
        Injector(world).active([EmiNoise(loss_pct=90)], 0.0),  # this world loses every second frame, whatever is asked
    ):
        pytest.fail("the test began")
    assert world.cleared == [1]


def test_a_fault_that_stays_on_the_bus_is_an_error(world):
    world.sticks = True
    with (
        pytest.raises(BenchError, match=f"over_temperature: still on the bus {HEALTHY_S:g} s after it was taken back"),
        Injector(world).active([HOT], 0.0),
    ):
        pass


def test_silence_after_a_fault_is_not_health(world):
    world.silent_after = True
    with (
        pytest.raises(BenchError, match="the BMS has sent no cell_temperature_max since"),
        Injector(world).active([HOT], 0.0),
    ):
        pass


def test_a_fault_that_is_gone_later_but_in_time_is_no_error(world, monkeypatch):
    with Injector(world).active([HOT], 0.0):
        world.sticks = True
        real, from_s = world.tick, world.clock.now_s()

        def lingering():
            if world.clock.now_s() > from_s + HEALTHY_S - 0.5:
                world.in_force.clear()
            real()

        monkeypatch.setattr(world, "tick", lingering)
    assert world.shows("cell_temperature_max") == 25


def test_a_rig_without_anybody_to_inject_injects_nothing(world):
    client, world.world.faults = world.world.faults, None
    with (
        pytest.raises(BenchError, match="fault over_temperature: .*no emulated BMS"),
        Injector(world).active([HOT], 0.0),
    ):
        pytest.fail("the test began")
    assert (client.asked, client.cleared) == ([], [])


def test_what_the_bus_shows_already_cannot_be_injected(world):
    world.healthy["cell_temperature_max"] = 51.0
    world.pause(0.1)
    with pytest.raises(BenchError, match="the bus shows it already"), Injector(world).active([HOT], 0.0):
        pytest.fail("the test began")
    assert world.cleared == [1]


def test_a_bms_that_stays_silent_is_an_error(world):
    world.silent_after = True
    with (
        pytest.raises(BenchError, match="the BMS is still silent 3 s after"),
        Injector(world).active([BmsSilence()], 0.0),
    ):
        pass


def test_of_two_faults_at_once_both_are_proven_and_the_first_frame_counts(world):
    begun = []
    both, done = (HOT, SocDivergence(by_pct=8)), lambda: begun.append(len(world.asked))
    with Injector(world).active(both, 0.2, done) as active:
        assert begun == [2]
        assert world.shows("cell_temperature_max") == pytest.approx(50.0, abs=0.1)
        assert active.on_bus.time_s <= world.clock.now_s()
    assert sorted(world.cleared) == [1, 2]


def test_a_second_fault_that_never_comes_is_an_error_and_both_are_taken_back(world):
    world.ignores = True
    with pytest.raises(BenchError, match="not seen on the bus"), Injector(world).active((HOT, HOT), 0.0):
        pass
    assert sorted(world.cleared) == [1, 2]


@pytest.mark.parametrize("fault", [EmiNoise(loss_pct=100), DominantShort(), BmsSilence()], ids=str)
def test_whatever_keeps_frames_from_the_bus_is_told_until_the_last_of_it_is_over(world, fault):
    injector = Injector(world)
    purpose = fault.transmit() is not None or fault.wire() is not None
    with injector._silence(purpose):
        with injector._silence(True):
            pass
        assert world.silences == [True, True, True]
    assert world.silences[-1] is False


def test_what_the_bms_is_made_to_say_silences_nobody(world):
    on_bus(world, HOT)
    assert world.silences == []


def test_a_step_beside_a_long_ramp_is_found_where_it_was(world, monkeypatch):
    """What the capture keeps is shorter than the ramp, and the step is looked for after it."""
    monkeypatch.setattr("v2g_bench.can.columns._BLOCK", 10)
    world.store = FrameStore(60.0)
    world.pause(1.0)
    slow = SocDivergence(by_pct=8, ramp_pct_per_s=0.08)  # 100 s
    world.late = {SocDivergence: 100.0}
    asked_s = world.clock.now_s()
    with Injector(world).active((slow, HOT), 0.0) as active:
        assert active.fault is HOT
        assert active.on_bus.time_s == pytest.approx(asked_s, abs=0.05)
        world.pause(70.0)
        assert world.store.forgotten_s > asked_s  # held for the proof alone


class _Flat(OverTemperature):
    def readback(self):
        return Expectation("tyre_pressure", "==", 0.0)


def test_a_fault_that_the_battery_has_no_signal_for_is_not_tested(world):
    with pytest.raises(NotTested, match=r"v2g_bms_fd\.dbc has no signal for tyre_pressure"):
        with Injector(world).active([_Flat(cell=1, to_c=50)], 0.0):
            pytest.fail("the test began")
    assert world.asked == []
