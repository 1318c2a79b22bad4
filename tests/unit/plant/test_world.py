from pathlib import Path

import can
import pytest

from v2g_bench.bms.disturbance import Sent
from v2g_bench.can.database import BusDatabase
from v2g_bench.can.roles import read_roles
from v2g_bench.dbc import dbc_path, roles_path
from v2g_bench.errors import BenchError
from v2g_bench.faults import BmsSilence, EmiNoise, OverTemperature, SwitchingNoise
from v2g_bench.plant.config import PlantConfig
from v2g_bench.plant.model import Plant
from v2g_bench.plant.world import FORGET_EVERY_S, KEPT_S, World

DATABASES = ("v2g_bms_fd", "compact_classic")


def load(name: str) -> BusDatabase:
    path: Path = dbc_path(name)
    return BusDatabase.load(path, read_roles(roles_path(name)))


@pytest.fixture(scope="module", params=DATABASES)
def db(request: pytest.FixtureRequest) -> BusDatabase:
    return load(request.param)


@pytest.fixture
def world(db) -> World:
    return World(Plant(PlantConfig(), seed=1, now_s=0.0), db, seed=1, now_s=0.0)


def run(world: World, until_s: float) -> list[tuple[float, Sent]]:
    """Simulated time: everything that is sent until then."""
    out = []
    while world.next_due_s < until_s:
        now_s = world.next_due_s
        for sent in world.advance(now_s):
            world.handed_over(sent, now_s, now_s)
            out.append((now_s, sent))
    return out


def values(db: BusDatabase, frames: list[tuple[float, Sent]]) -> dict[str, float]:
    seen: dict[str, float] = {}
    for _, sent in frames:
        seen |= db.decode(sent.frame)
    return seen


def test_every_role_of_the_bms_that_the_database_has_is_sent(world, db):
    seen = values(db, run(world, 1.5))
    wanted = {role for spec in db.senders("BMS") if spec.cycle_s for role in db.roles_of(spec.name)}
    assert wanted == seen.keys()
    assert seen["soc"] == pytest.approx(50, abs=0.5)
    assert seen["pack_voltage"] == pytest.approx(354, abs=3)


def test_a_hot_cell_is_in_the_first_frame_after_its_time_and_the_plant_knows_when(world, db):
    run(world, 1.0)
    world.injector.inject(OverTemperature(cell=17, to_c=46), at_s=1.2345, now_s=1.0)
    frames = run(world, 1.5)
    name = db.message_of("cell_temperature_max").name
    hot = [at_s for at_s, sent in frames if db.decode(sent.frame).get("cell_temperature_max", 0) > 45]
    assert 1.2345 <= hot[0] <= 1.2345 + db.messages[name].cycle_s
    assert world.first_frame("cell_temperature_max", 45.0, since_s=1.0).before_s == hot[0]
    assert world.first_frame("cell_temperature_max", 45.0, since_s=1.45).before_s >= 1.45
    assert world.first_frame("cell_temperature_max", 60.0, since_s=1.0) is None


def test_damaged_frames_are_not_the_first_frame(world):
    world.injector.inject(EmiNoise(flip_pct=100), 0.0, 0.0)
    world.injector.inject(OverTemperature(cell=17, to_c=46), 0.0, 0.0)
    run(world, 0.5)
    assert world.frames_sent > 0
    assert world.first_frame("cell_temperature_max", 45.0, since_s=0.0) is None


def test_delayed_frames_leave_when_their_delay_is_over(world):
    world.injector.inject(EmiNoise(jitter_ms=40), 0.0, 0.0)
    frames = run(world, 1.0)
    assert world.path.counters.delayed > 0
    assert all(at_s == pytest.approx(sent.at_s) for at_s, sent in frames)


def test_silence_stops_the_frames_and_the_pack_goes_on(world):
    run(world, 0.5)
    world.injector.inject(BmsSilence(), 0.5, 0.5)
    assert run(world, 1.0) == []
    assert world.plant.now_s > 0.98


def test_a_reset_keeps_the_commands_and_takes_the_faults(world, db):
    command = db.message_of("contactor_request").name
    for number in range(40):
        world.on_frame(db.encode(command, {"contactor_request": 1.0}, number), number * 0.02)
        run(world, (number + 1) * 0.02)
    assert world.plant.contactor_state == 2
    world.injector.inject(OverTemperature(cell=1, to_c=46), 0.8, 0.8)
    world.reset(0.8, soc_pct=30)
    assert world.injector.active() == []
    assert world.plant.contactor_state == 2
    assert world.plant.soc_pct == pytest.approx(30, abs=0.1)


def test_a_reset_brings_the_pack_to_a_temperature(world):
    world.reset(0.5, soc_pct=40, temperature_c=31.0)
    world.plant.step(0.6)
    assert world.plant.sensors.cell_temperatures_c == pytest.approx(31.0, abs=1.5)
    world.reset(0.7)
    world.plant.step(0.8)
    assert world.plant.sensors.cell_temperatures_c == pytest.approx(25.0, abs=1.5)


def test_a_silent_controller_opens_the_contactors(world, db):
    command = db.message_of("contactor_request").name
    world.on_frame(db.encode(command, {"contactor_request": 1.0}, 0), 0.0)
    run(world, 0.19)
    assert world.plant.contactor_state == 2 or world.plant.contactor_state == 1
    run(world, 1.0)
    assert world.plant.contactor_state == 0


def test_the_same_seed_sends_the_same_bytes(db):
    def sent() -> list[tuple[float, bytes]]:
        world = World(Plant(PlantConfig(), seed=4, now_s=0.0), db, seed=4, now_s=0.0)
        world.injector.inject(EmiNoise(loss_pct=10, flip_pct=10, jitter_ms=5), 0.2, 0.0)
        return [(at_s, bytes(one.frame.data)) for at_s, one in run(world, 1.0)]

    assert sent() == sent()


def test_a_late_wake_is_counted(world):
    run(world, 0.5)
    world.late_wakes = 0
    world.advance(0.7)
    assert world.late_wakes == 1
    assert world.latest_wake_s == pytest.approx(0.2, abs=0.02)


def test_without_a_bms_the_pack_is_connected_and_nothing_is_sent():
    world = World(Plant(PlantConfig(), seed=1, now_s=0.0), None, seed=1, now_s=0.0)
    assert run(world, 1.0) == []
    world.on_frame(can.Message(arbitration_id=1), 1.0)
    assert world.plant.contactor_state == 2
    with pytest.raises(BenchError, match="no BMS"):
        world.first_frame("soc", 0.0, 0.0)


def test_a_bms_that_samples_its_sensors_looks_no_more_often_and_a_fault_is_sensed_at_once(db, monkeypatch):
    world = World(Plant(PlantConfig(), seed=1, now_s=0.0), db, seed=1, now_s=0.0, sample_s=0.01)
    looks = []
    sensed = world._sensed
    monkeypatch.setattr(world, "_sensed", lambda: (looks.append(1), sensed())[1])
    run(world, 1.0)
    assert len(looks) <= 101
    role = "cell_temperature_max"
    world.injector.inject(OverTemperature(cell=17, to_c=45.5), 1.0033, 1.0)
    frames = [(at_s, sent) for at_s, sent in run(world, 1.2) if role in db.decode(sent.frame)]
    first_s = next(at_s for at_s, sent in frames if db.decode(sent.frame)[role] > 45.0)
    assert first_s == min(at_s for at_s, _ in frames if at_s >= 1.0033)


class RecordingWire:
    """A wire that keeps what it is told."""

    def __init__(self) -> None:
        self.conditions, self.powers_w = [], []

    def set(self, conditions):
        self.conditions.append(conditions)

    def power(self, power_w):
        self.powers_w.append(power_w)

    def status(self):
        return {}


def test_the_wire_hears_of_its_faults_and_of_the_power_while_one_acts_whoever_moves_the_plant():
    wire = RecordingWire()
    plant = Plant(PlantConfig(), seed=1, now_s=0.0)
    world = World(plant, load("v2g_bms_fd"), seed=1, now_s=0.0, wire=wire)
    run(world, 0.2)
    assert (wire.conditions, wire.powers_w) == ([], [])
    number = world.injector.inject(SwitchingNoise(volts=1.0), 0.2, 0.2)
    for step in range(100):  # a meter that looks every ms keeps the plant up to date
        now_s = 0.2 + step * 1e-3
        plant.step(now_s)
        world.advance(now_s)
    assert wire.conditions == [[SwitchingNoise(volts=1.0).condition()]]
    assert 9 <= len(wire.powers_w) <= 11
    world.injector.clear(number, 0.4)
    assert wire.conditions[-1] == []


def test_a_bus_without_physics_has_no_wire_to_disturb(world):
    with pytest.raises(BenchError, match="no wire that could be disturbed"):
        world.injector.inject(SwitchingNoise(volts=1.0), 0.0, 0.0)


def test_what_was_handed_over_is_known_by_age_whatever_its_rate(db):
    """A message each millisecond and one each ten seconds are known as long; neither fills the memory."""
    world = World(Plant(PlantConfig(), seed=1, now_s=0.0), db, seed=1, now_s=0.0)
    frame = db.encode(db.message_of("cell_temperature_max").name, {"cell_temperature_max": 50.0}, 0)
    rare = db.encode(db.message_of("soc").name, {"soc": 50.0}, 0)
    for tick in range(1, 100_001):
        now_s = tick / 1000
        if tick % 10 == 0:
            world.advance(now_s)
        world.handed_over(Sent(now_s, frame), now_s, now_s)
        if tick % 10_000 == 0:
            world.handed_over(Sent(now_s, rare), now_s, now_s)
    found = world.first_frame("cell_temperature_max", 45.0, since_s=100.0 - KEPT_S)
    assert found.before_s == pytest.approx(100.0 - KEPT_S)
    assert world.first_frame("soc", 45.0, since_s=41.0).before_s == 50.0
    kept = {key[0]: len(recent) for key, recent in world._kept.items()}
    assert kept[frame.arbitration_id] <= 1000 * (KEPT_S + FORGET_EVERY_S) + 1
    assert kept[rare.arbitration_id] <= KEPT_S / 10 + 1
    for role in ("cell_temperature_max", "soc"):
        with pytest.raises(BenchError, match="known after"):
            world.first_frame(role, 45.0, since_s=20.0)
    world.advance(300.0)
    assert not any(map(len, world._kept.values()))
